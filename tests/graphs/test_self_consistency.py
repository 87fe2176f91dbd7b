"""Self-consistency with its stop rules: docs/reference/algorithms.md 1.3 and 1.4, through the graph."""

from typing import Any

import pytest

from its_graph import SampleRequest, SearchContext
from its_graph.graphs import create_best_of_n, create_self_consistency
from its_graph.nodes.rules.choice import argmax, window_vote
from its_graph.nodes.rules.stopping import adaptive_consistency, e_value, unanimous_window
from its_graph.testing import ScriptedGenerator, ScriptedVerifier

LETTERS = {"A": "1", "B": "2"}


def said(stream: str, **options: Any) -> tuple[str | None, int, str]:
    """Return the answer, the number of samples and the stop reason for a stream of answers."""
    answers = iter(stream)
    generator = ScriptedGenerator(lambda request: rf"\boxed{{{LETTERS[next(answers)]}}}")
    graph = create_self_consistency(generator, n=len(stream), **options)
    result = graph.compile().invoke({"problem": "?"}, context=SearchContext(seed=0))["result"]
    return result["answer"], len(generator.requests), result["stop_reason"]


def test_without_a_rule_all_are_drawn() -> None:
    assert said("AABAB") == ("1", 5, "completed")


@pytest.mark.parametrize(
    ("stream", "options", "ends"),
    [
        ("AAAABBBB", {"stop": adaptive_consistency(), "wave": 1}, ("1", 4, "agreement")),
        ("AAABAAABB", {"stop": adaptive_consistency(), "wave": 1}, ("1", 7, "agreement")),
        ("AAAABBBB", {"stop": adaptive_consistency()}, ("1", 4, "agreement")),
        ("AABBAABB", {"stop": adaptive_consistency()}, ("1", 8, "completed")),
        ("AAAAAAAAB", {"stop": e_value(), "wave": 1}, ("1", 8, "agreement")),
        ("AAAAABBBBB", {"stop": unanimous_window(5), "wave": 5, "choose": window_vote(5)}, ("1", 5, "agreement")),
        ("BBBABAAAAAB", {"stop": unanimous_window(5), "wave": 5, "choose": window_vote(5)}, ("1", 10, "agreement")),
    ],
)
def test_stop_rules_end_the_search_where_the_vectors_say(
    stream: str, options: dict[str, Any], ends: tuple[str, int, str]
) -> None:
    assert said(stream, **options) == ends


def test_n_samples_are_asked_for_together() -> None:
    """Reference 1.1: N=0 is an error (see test_core); N samples are one wave, not N calls one after another."""
    sizes: list[int] = []

    class Counting(ScriptedGenerator):
        def batch_as_completed(self, inputs: Any, *rest: Any, **options: Any) -> Any:
            sizes.append(len(inputs))
            return super().batch_as_completed(inputs, *rest, **options)

    verifier = ScriptedVerifier(lambda candidate: 0.5)
    create_best_of_n(Counting(lambda request: r"\boxed{1}"), verifier, n=7).compile().invoke({"problem": "?"})
    assert sizes == [7]


def test_best_of_n_by_the_highest_score_through_the_graph() -> None:
    """Reference 1.1: scores [.2, .9, .9] -> index 1."""
    scores = {"first": 0.2, "second": 0.9, "third": 0.9}
    words = iter(scores)

    def script(request: SampleRequest) -> str:
        word = next(words)
        return rf"{word} \boxed{{{word}}}"

    verifier = ScriptedVerifier(lambda candidate: scores["".join(candidate.steps).split()[0]])
    graph = create_best_of_n(ScriptedGenerator(script), verifier, n=3, choose=argmax)
    result = graph.compile().invoke({"problem": "?"}, context=SearchContext(seed=0))["result"]
    assert result["answer"] == "second"
    assert [candidate["score"] for candidate in result["candidates"]] == [0.9, 0.9, 0.2]
    assert result["tie"]
