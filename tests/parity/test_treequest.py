"""AB-MCTS-A against TreeQuest, the published code of the method: the same scores, the same beliefs, the same choices.

`treequest.json` holds what TreeQuest 0.3.3 itself said (`record_treequest.py` made it), so the comparison runs without
TreeQuest; where it is installed, it is asked again.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from typing import Any

import pytest

from its_graph.nodes.rules.types import Rewards
from its_graph.nodes.tree_search.model_choice import thompson_model, ucb_model
from its_graph.nodes.tree_search.posteriors import NO_REWARDS, Beta, Gaussian
from its_graph.nodes.tree_search.thompson import arm_rewards, thompson
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]
HERE = Path(__file__).parent
RECORDED: list[dict[str, Any]] = json.loads((HERE / "treequest.json").read_text())["searches"]
PRIORS: dict[str, Gaussian | Beta] = {"gaussian": Gaussian(), "beta": Beta()}
DRAWS = 10_000

every_search = pytest.mark.parametrize(
    "search", RECORDED, ids=lambda search: "-".join(map(str, search["setup"].values()))
)


@pytest.fixture
def tree(search: dict[str, Any], answer_tree: MakeTree) -> Tree:
    """The same answers and scores as TreeQuest had."""
    return answer_tree(*[(place, reward, model) for place, model, reward in search["answers"]], seed=5)


def parameters(prior: Gaussian | Beta, rewards: Rewards) -> list[float]:
    belief = prior.after(rewards)
    names = ("a", "b") if isinstance(belief, Beta) else ("m", "kappa", "nu", "tau2")
    return [getattr(belief, name) for name in names]


@every_search
def test_every_arm_holds_the_same_belief(search: dict[str, Any], tree: Tree) -> None:
    prior, known = PRIORS[search["setup"]["prior"]], arm_rewards(tree)
    logs: dict[str, Mapping[Any, Rewards]] = {"gen": known.gen, "cont": known.cont, "own": known.answers}
    logs["model"] = known.models
    for log, ours in logs.items():
        theirs = search[log]
        assert theirs
        for name, expected in theirs.items():
            rewards = ours.get(None if name == "root" else name, NO_REWARDS)
            assert parameters(prior, rewards) == pytest.approx(expected, abs=1e-9), (log, name)
    assert set(known.answers) == set(search["own"])
    assert {place or "root" for place in known.gen} <= set(search["gen"])


@every_search
def test_the_same_places_are_chosen_as_often(search: dict[str, Any], tree: Tree) -> None:
    rule = thompson(10**6, DRAWS, prior=PRIORS[search["setup"]["prior"]])
    placed = Counter(rule(tree))
    placed["root"] = DRAWS - placed.total()
    assert distance(placed, search["places"]) < 0.035


@every_search
def test_the_same_models_are_picked_as_often(search: dict[str, Any], tree: Tree) -> None:
    setup, known, chance = search["setup"], arm_rewards(tree).models, Random(1)
    rule = thompson_model(PRIORS[setup["prior"]]) if setup["pick"] == "thompson" else ucb_model()
    rewards = {model: known.get(model, NO_REWARDS) for model in setup["models"]}
    picked = Counter(rule(rewards, chance) for _ in range(DRAWS))
    assert distance(picked, search["picked"]) < 0.02


def distance(ours: Counter[str], theirs: dict[str, int]) -> float:
    """Return the total variation distance of two samples: by chance alone 0.02 for these."""
    here, there = ours.total(), sum(theirs.values())
    return sum(abs(ours[name] / here - theirs.get(name, 0) / there) for name in {*ours, *theirs}) / 2


def test_the_recording_is_what_treequest_says_today() -> None:
    pytest.importorskip("treequest", reason="treequest is not installed: its recorded outputs are compared instead")
    spec = spec_from_file_location("record_treequest", HERE / "record_treequest.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    said = json.loads(json.dumps(script.record(choices=0)["searches"]))  # counting choices takes a minute
    counted: dict[str, Any] = {"places": {}, "picked": {}}
    assert said == [search | counted for search in RECORDED]
