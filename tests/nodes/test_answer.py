"""The result of a search: what it says about missing scores."""

from typing import Any

from its_graph import Budget, SearchContext, create
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import majority
from its_graph.testing import ScriptedVerifier, ToyGenerator, ToyVerifier

QUESTION = {"problem": "Add 3, 5, 4."}


def result(verifier: Any = None, **budget: int) -> dict[str, Any]:
    name = "best_of_n" if verifier else "self_consistency"
    graph = create(name, ToyGenerator(0.3), verifier, n=8).compile()
    found: dict[str, Any] = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=Budget(**budget)))["result"]
    return found


def test_a_search_without_a_verifier_misses_no_score() -> None:
    assert result()["unscored"] == 0
    assert result(ToyVerifier())["unscored"] == 0


def test_what_the_verifier_could_not_judge_is_unscored() -> None:
    def judge(candidate: Any) -> float:
        return float("nan") if r"\boxed{12}" in candidate.steps[-1] else 0.5

    found = result(ScriptedVerifier(judge))
    missing = [candidate for candidate in found["candidates"] if candidate["score"] is None]
    assert found["unscored"] == len(missing) >= 1


def test_what_the_budget_left_unjudged_is_unscored(monkeypatch: Any) -> None:
    """Three of four candidates were never verified: the log of scores has no record of them."""
    monkeypatch.setattr("its_graph.nodes.answer.emit", lambda update: None)
    step = {"parent": None, "text": r"\boxed{1}", "tokens": 1, "finish": "end", "confidence": None}
    score = {"step": "0", "value": 0.5, "steps": [0.5], "tokens": 1}
    state: Any = {"steps": {str(key): step for key in range(4)}, "scores": {"0": score}}
    assert answer(majority)(state)["result"]["unscored"] == 3
    assert answer(majority)(state | {"scores": {}})["result"]["unscored"] == 0
