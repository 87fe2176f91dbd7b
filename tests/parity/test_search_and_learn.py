"""Parity with published rules on the same invented scores (docs/reference/algorithms.md 5.1, 1.1 to 1.3 and 1.4.1).

`published.json` holds what huggingface/search-and-learn (6f81cac) and Pranjal2041/AdaptiveConsistency (899ab56) really
decide, and `record_published.py` is how it was made. Their `naive` is our argmax, `weighted` and `maj` are our
weighted vote and majority. Where this library decides otherwise on purpose, a test of its own says so.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from its_graph.nodes.rules.choice import argmax, majority, weighted
from its_graph.nodes.rules.stopping import adaptive_consistency
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.prm.families.aggregation import get_aggregation
from its_graph.search.tree import Tree
from its_graph.text.equivalence import equivalent

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published.json").read_text())
RULES: dict[str, ChoiceRule] = {"naive": argmax, "weighted": weighted(), "maj": majority}


def tree_of(answers: Sequence[str | None], scores: Sequence[float] | None = None, finish: str = "end") -> Tree:
    """Return the tree of a search that sampled these answers; `None` and "" are samples without one."""
    steps = {
        str(index): {"parent": None, "text": rf"so \boxed{{{said}}}" if said else "so", "tokens": 1, "finish": finish}
        for index, said in enumerate(answers)
    }
    judged = {
        str(index): {"step": str(index), "value": value, "steps": [], "tokens": 0}
        for index, value in enumerate(scores or [])
    }
    return Tree.of({"steps": steps, "scores": judged, "new_steps": list(steps)})


def answer_of(rule: ChoiceRule, tree: Tree) -> str | None:
    choice = rule(tree)
    return None if choice.winner is None else tree.finalists[choice.winner].answer


def step_scores(case: dict[str, Any]) -> list[list[float]]:
    return [[score / 64 for score in row] for row in case["steps"]]


def test_the_product_of_step_scores() -> None:
    for case in PUBLISHED["selection"]:
        assert [get_aggregation("prod")(row) for row in step_scores(case)] == case["prod"]


@pytest.mark.parametrize("aggregate", ["last", "min", "prod"])
@pytest.mark.parametrize("name", RULES)
def test_the_same_answer_wins(name: str, aggregate: str) -> None:
    """200 questions of 1 to 6 candidates, tied votes among them: both sides give a tie to who came first."""
    ties = 0
    for case in PUBLISHED["selection"]:
        tree = tree_of(case["answers"], [get_aggregation(aggregate)(row) for row in step_scores(case)])
        assert equivalent(answer_of(RULES[name], tree), case["picked"][aggregate][name]), case
        ties += RULES[name](tree).tie
    assert ties > 20 or name != "maj"


def test_the_mean_is_ours_alone() -> None:
    """search-and-learn offers last, min and prod; the mean is a baseline, and it is the arithmetic one."""
    for case in PUBLISHED["selection"]:
        means = [sum(row) / len(row) for row in step_scores(case)]
        assert [get_aggregation("mean")(row) for row in step_scores(case)] == pytest.approx(means)


def test_the_beta_criterion_stops_at_the_same_sample() -> None:
    rule = adaptive_consistency()
    for stream, stop in PUBLISHED["adaptive_consistency"]:
        ours = (count for count in range(1, len(stream) + 1) if rule(tree_of(stream[:count])))
        assert next(ours, None) == stop, stream


# --- where this library differs on purpose -----------------------------------------------------------------

UNLIKE = {one["case"]: one for one in PUBLISHED["unlike"]}


@pytest.mark.parametrize("name", RULES)
def test_samples_without_an_answer_do_not_vote(name: str) -> None:
    """Published: the empty answer is an answer like any other and wins. Ours: it abstains from a vote."""
    case = UNLIKE["no answer"]
    tree = tree_of(*case["given"])
    assert case["picked"][name] == ""
    assert answer_of(RULES[name], tree) == ("3" if name != "naive" else None)


@pytest.mark.parametrize("name", ["weighted", "maj"])
def test_a_percentage_equals_its_value(name: str) -> None:
    """Published: 50% reads as 50, so three answers tie. Ours: 50% and 0.5 are one answer, and two outvote one."""
    case = UNLIKE["a percentage"]
    assert case["picked"][name] == "3"
    assert answer_of(RULES[name], tree_of(*case["given"])) == "50%"


def test_sums_of_weights_do_not_depend_on_rounding() -> None:
    """Published: ten times 0.1, added up one by one, is less than 1. Ours: it is 1, and the first answer wins."""
    case = UNLIKE["rounding"]
    choice = weighted()(tree_of(*case["given"]))
    assert case["picked"]["weighted"] == "7"
    assert (choice.winner, choice.tie) == (0, True)


def test_cut_off_samples_do_not_vote() -> None:
    """Published: whatever stands in a box votes, even in a text that hit its limit. Ours: only finished ones vote."""
    case = next(one for one in PUBLISHED["selection"] if len(one["answers"]) == 6)
    tree = tree_of(case["answers"], finish="length")
    assert case["picked"]["last"]["maj"] in case["answers"]
    assert majority(tree).votes == {}


def test_samples_without_an_answer_never_agree() -> None:
    """Published: None is counted as an answer, so that failures look unanimous. Ours: they are no evidence at all."""
    stop = PUBLISHED["adaptive_consistency_without_answers"]
    assert stop == 4
    assert adaptive_consistency()(tree_of([None] * stop)) is None
