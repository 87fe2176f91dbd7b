"""Record what TreeQuest makes of given scores: `python tests/parity/record_treequest.py`, where treequest is installed.

TreeQuest (Sakana AI) is the published code of AB-MCTS-A. Its own search places the answers; the scores come from a
seed. What is written down for each search is every posterior at its end, and how often each place and model would be
chosen next. `tests/parity/test_treequest.py` compares ours with it.
"""

import json
from collections import Counter
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

ANSWERS, CHOICES = 24, 20_000
RECORDED = Path(__file__).with_name("treequest.json")
SEARCHES: tuple[dict[str, Any], ...] = (
    {"prior": "gaussian", "models": ["a"], "pick": "thompson", "seed": 1},
    {"prior": "beta", "models": ["a"], "pick": "thompson", "seed": 2},
    {"prior": "gaussian", "models": ["a", "b", "c"], "pick": "thompson", "seed": 3},
    {"prior": "gaussian", "models": ["a", "b", "c"], "pick": "ucb", "seed": 4},
)


def search(prior: str, models: list[str], pick: str, seed: int, choices: int) -> dict[str, Any]:
    """Run one search of TreeQuest and return its answers, posteriors and next choices as plain data."""
    import_module("numpy").random.seed(seed)  # the global generator is the only one it draws from
    chance = Random(seed)
    algorithm = import_module("treequest").ABMCTSA(dist_type=prior, model_selection_strategy=f"multiarm_bandit_{pick}")
    state = algorithm.init_tree()
    answers = []
    for _ in range(ANSWERS):
        state, (trial,) = algorithm.ask_batch(state, 1, models)
        reward = round(chance.betavariate(4, 2), 3)
        answers.append([_place(trial.node_to_expand), trial.action, reward])
        state = algorithm.tell(state, trial.trial_id, ("text", reward))
    posteriors = _posteriors(state, models)
    _, trials = algorithm.ask_batch(state, choices, models)
    places = Counter(_place(trial.node_to_expand) or "root" for trial in trials)
    picked = Counter(trial.action for trial in trials)
    return {"answers": answers, **posteriors, "places": dict(places), "picked": dict(picked)}


def _place(expand_idx: int) -> str | None:
    return None if expand_idx < 0 else str(expand_idx)


def _posteriors(state: Any, models: list[str]) -> dict[str, Any]:
    """Return the parameters of every arm: GEN and CONT of each place, each answer's own, each model's."""
    found: dict[str, Any] = {"gen": {}, "cont": {}, "own": {}, "model": {}}
    for node in state.tree.get_nodes():
        known = state.thompson_states.get(node)
        if known is None:
            continue
        place = _place(node.expand_idx) or "root"
        found["gen"][place] = _plain(known.gen_vs_cont_probas["shared"]["GEN"])
        found["cont"][place] = _plain(known.gen_vs_cont_probas["shared"]["CONT"])
        for index, arm in known.node_probas["shared"].items():
            found["own"][str(node.children[index].expand_idx)] = _plain(arm)
    root = state.thompson_states.get(state.tree.root)
    for model in models:
        arm = type(root.action_probas[model])(root.prior_for_actions[model])
        for reward in state.all_rewards_store[model]:
            arm.tell_observation(reward)
        found["model"][model] = _plain(arm)
    return found


def _plain(arm: Any) -> list[float]:
    return [round(float(value), 12) for value in arm.params.values()]


def record(choices: int = CHOICES) -> dict[str, Any]:
    """Return all recordings, each with so many next choices."""
    searches = [{"setup": one, **search(**one, choices=choices)} for one in SEARCHES]
    return {"treequest": version("treequest"), "searches": searches}


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(record()).replace('"gen"', '\n"gen"').replace('{"setup"', '\n{"setup"') + "\n")
    print(f"{RECORDED.name}: {RECORDED.stat().st_size:,} bytes")
