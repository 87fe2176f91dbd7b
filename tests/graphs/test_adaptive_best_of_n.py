"""Adaptive best-of-N through the graph (BEACON): docs/reference/algorithms.md 9.1."""

from collections.abc import Sequence
from typing import Any

import pytest

from its_graph import Budget, SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs.adaptive_best_of_n import create_adaptive_best_of_n
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.nodes.rules.choice import argmax
from its_graph.nodes.rules.expected_gain import expected_gain
from its_graph.search.state import SearchInput
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

PROBLEM: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}


def models(scores: Sequence[float]) -> tuple[ScriptedGenerator, ScriptedVerifier]:
    """Return a generator whose i-th solution is its own answer, and a verifier that gives it `scores[i]`."""
    count = iter(range(len(scores)))

    def script(request: SampleRequest) -> str:
        return rf"\boxed{{{next(count)}}}"

    def judge(candidate: Candidate) -> float:
        return scores[int("".join(candidate.steps).removeprefix(r"\boxed{").removesuffix("}"))]

    return ScriptedGenerator(script), ScriptedVerifier(judge)


def result(scores: Sequence[float], context: SearchContext | None = None, **options: Any) -> dict[str, Any]:
    graph = create_adaptive_best_of_n(*models(scores), n=len(scores), **options).compile()
    found: dict[str, Any] = graph.invoke(PROBLEM, context=context or SearchContext(seed=0))["result"]
    return found


@pytest.mark.parametrize(
    ("scores", "wave", "drawn", "reason"),
    [
        ([0.99, 0.2, 0.2, 0.2, 0.2, 0.2], 1, 1, "expected_gain"),
        ([0.2, 0.2, 0.99, 0.2, 0.2, 0.2], 1, 3, "expected_gain"),
        ([0.2, 0.2, 0.99, 0.2, 0.2, 0.2], 2, 4, "expected_gain"),
        ([0.2, 0.2, 0.3, 0.2, 0.25, 0.2], 2, 6, "completed"),
        ([0.2, 0.2, 0.2, 0.2, 0.99], 2, 5, "completed"),
    ],
)
def test_it_samples_until_a_good_one_is_there(scores: list[float], wave: int, drawn: int, reason: str) -> None:
    found = result(scores, wave=wave, price=0.05)
    assert (len(found["candidates"]), found["stop_reason"]) == (drawn, reason)
    assert found["candidates"][0]["score"] == max(scores[:drawn])
    assert found["spend"]["calls"] == 2 * drawn


def test_it_stops_after_the_first_wave_whose_gain_is_below_the_price() -> None:
    scores = [0.3, 0.6, 0.5, 0.8, 0.7, 0.2, 0.4, 0.1, 0.6, 0.5]
    gains = [expected_gain(scores[:count]) for count in range(1, 11)]
    ends = []
    for price in (0.005, 0.02, 0.05, 0.08):
        drawn = next((count for count, gain in enumerate(gains, 1) if gain < price), 10)
        assert len(result(scores, wave=1, price=price)["candidates"]) == drawn
        ends.append(drawn)
    assert ends == [10, 4, 3, 2]


def test_price_zero_draws_all_and_is_best_of_n() -> None:
    context = SearchContext(seed=5)
    adaptive = create_adaptive_best_of_n(ToyGenerator(0.3), ToyVerifier(), n=10, price=0.0)
    plain = create_best_of_n(ToyGenerator(0.3), ToyVerifier(), n=10)
    one, other = (graph.compile().invoke(PROBLEM, context=context)["result"] for graph in (adaptive, plain))
    assert one["candidates"] == other["candidates"]
    assert one["votes"] == other["votes"]
    assert one["stop_reason"] == "completed"


def test_equal_answers_add_up_by_default() -> None:
    def same(request: SampleRequest) -> str:
        return next(texts)

    texts = iter([r"a \boxed{1}", r"b \boxed{2}", r"c \boxed{2}"])
    judge = {"a": 0.7, "b": 0.4, "c": 0.4}
    verifier = ScriptedVerifier(lambda candidate: judge["".join(candidate.steps)[0]])
    for choose, answer in ((None, "2"), (argmax, "1")):
        texts = iter([r"a \boxed{1}", r"b \boxed{2}", r"c \boxed{2}"])
        graph = create_adaptive_best_of_n(ScriptedGenerator(same), verifier, n=3, choose=choose)
        assert graph.compile().invoke(PROBLEM)["answer"] == answer


def test_an_unbounded_verifier_is_read_through_a_sigmoid() -> None:
    """A raw score of 1 is .73 and leaves much to gain; without the sigmoid it would be the maximum."""
    for price, drawn in ((0.02, 4), (0.2, 2)):
        generator, verifier = models([1.0, 0.0, 0.0, 0.0])
        verifier.score_range = "real"
        found = create_adaptive_best_of_n(generator, verifier, n=4, wave=2, price=price).compile().invoke(PROBLEM)
        assert len(found["result"]["candidates"]) == drawn


def test_a_dead_verifier_stops_nothing_and_leaves_the_choice_to_the_vote() -> None:
    def dead(candidate: Candidate) -> float:
        raise ValueError("out of memory")

    generator = ToyGenerator(0.1)
    graph = create_adaptive_best_of_n(generator, ScriptedVerifier(dead), n=8, wave=2, price=0.5)
    found = graph.compile().invoke(PROBLEM, context=SearchContext(seed=1))["result"]
    assert len(generator.requests) == 8
    assert found["answer"] == "21"
    assert found["notes"] == ["No candidate that may vote has a score: the vote decided."]


def test_a_budget_that_ends_first_says_so() -> None:
    found = result([0.2] * 8, SearchContext(seed=0, budget=Budget(calls=6)), wave=2)
    assert (len(found["candidates"]), found["stop_reason"]) == (3, "budget")
    assert all(candidate["score"] == 0.2 for candidate in found["candidates"])


@pytest.mark.parametrize("limit", range(6, 14))
def test_a_recursion_limit_cuts_waves_off_and_still_answers(limit: int) -> None:
    graph = create_adaptive_best_of_n(*models([0.2] * 64), n=64, wave=2, price=0.0).compile()
    found = graph.invoke(PROBLEM, {"recursion_limit": limit}, context=SearchContext(seed=0))["result"]
    assert found["stop_reason"] == "recursion_limit"
    assert found["answer"] is not None
    assert found["unscored"] == 0


def test_it_saves_most_where_the_model_is_good() -> None:
    def drawn(error: float) -> int:
        verifier = ToyVerifier(right=0.99, wrong=0.05)
        generators = [ToyGenerator(error) for _ in range(10)]
        for seed, generator in enumerate(generators):
            graph = create_adaptive_best_of_n(generator, verifier, n=16, wave=2).compile()
            graph.invoke(PROBLEM, context=SearchContext(seed=seed))
        return sum(len(generator.requests) for generator in generators)

    assert drawn(0.05) < drawn(0.4) < drawn(0.8)


@pytest.mark.parametrize("options", [{"n": 0}, {"wave": 0}, {"price": -0.1}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=rf"got .*{name}={value}"):
        create_adaptive_best_of_n(ToyGenerator(), ToyVerifier(), **options)
