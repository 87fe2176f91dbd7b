"""DeepConf offline through the graph: docs/reference/algorithms.md 1.5."""

from collections.abc import Sequence
from typing import Any

import pytest

from its_graph import Sample, SampleRequest, SearchContext
from its_graph.confidence import mean_confidence, tail
from its_graph.errors import ConfigurationError
from its_graph.graphs.deepconf import create_deepconf
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.nodes.rules.confidence_vote import group_window
from its_graph.search.state import SearchInput
from its_graph.testing import ScriptedGenerator, ToyGenerator

Answer = tuple[str, Sequence[float] | None]
PROBLEM: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}


def telling(*samples: Answer) -> ScriptedGenerator:
    """Return a generator that returns these answers, one after another, with these token confidences."""
    rest = iter(samples)

    def script(request: SampleRequest) -> Sample:
        answer, confidences = next(rest)
        known = None if confidences is None else tuple(confidences)
        text = rf"\boxed{{{answer}}}"
        return Sample(text=text, finish_reason="end", generated_tokens=1, token_confidences=known)

    return ScriptedGenerator(script)


def result(*samples: Answer, **options: Any) -> dict[str, Any]:
    graph = create_deepconf(telling(*samples), n=len(samples), **options)
    found: dict[str, Any] = graph.compile().invoke({"problem": "?"}, context=SearchContext(seed=0))["result"]
    return found


def test_unconfident_samples_lose_their_vote_and_the_others_weigh_by_score() -> None:
    """Reference 1.5, offline: keep traces with score >= percentile(100(1 - eta)), then vote weighted by score."""
    samples: list[Answer] = [("1", [1.0]), ("1", [2.0]), ("1", [3.0]), ("2", [5.0]), ("2", [4.0])]
    found = result(*samples, keep=0.5)
    assert found["answer"] == "2"
    assert found["votes"] == [
        {"answer": "2", "count": 2, "weight": 9.0},
        {"answer": "1", "count": 3, "weight": 3.0},
    ]
    assert result(*samples, keep=1.0)["votes"][1]["weight"] == 6.0


def test_by_default_the_lowest_tenth_of_the_groups_counts() -> None:
    """A sample with one bad stretch scores below one that is mediocre throughout, though its mean is higher."""
    spell = [9.0] * 10 + [0.0] * 2 + [9.0] * 10
    middling = [5.0] * 22
    scores = [candidate["score"] for candidate in result(("1", spell), ("2", middling), window=2)["candidates"]]
    assert scores == [5.0, 2.25]  # of 21 groups the lowest two, 0 and 4.5
    scores = [candidate["score"] for candidate in result(("1", spell), ("2", middling), window=4)["candidates"]]
    assert scores == [5.0, 4.5]


def test_the_trace_score_may_be_another() -> None:
    samples: list[Answer] = [("1", [9.0, 9.0, 1.0]), ("2", [2.0, 2.0, 5.0])]
    assert result(*samples, score=mean_confidence, keep=0.1)["answer"] == "1"
    assert result(*samples, score=tail(1), keep=0.1)["answer"] == "2"


def test_without_confidences_it_is_the_plain_vote_and_says_so() -> None:
    found = result(("1", None), ("2", None), ("2", None))
    assert found["answer"] == "2"
    assert found["unscored"] == 3
    assert found["notes"] == ["No candidate that may vote has a score: the vote decided."]


def test_confidences_are_requested_and_no_sample_is_ended() -> None:
    generator = ToyGenerator(0.3)
    create_deepconf(generator, n=4).compile().invoke(PROBLEM, context=SearchContext(seed=1))
    assert {(request.top_logprobs, request.confidence_floor) for request in generator.requests} == {(20, None)}


def test_if_confidence_separates_right_from_wrong_it_beats_the_vote() -> None:
    """In the toy world a model is more confident in right lines than in wrong ones."""

    def right(create: Any, **options: Any) -> int:
        graph = create(ToyGenerator(0.4), n=8, **options).compile()
        answers = [graph.invoke(PROBLEM, context=SearchContext(seed=seed))["answer"] for seed in range(40)]
        return answers.count("21")

    assert right(create_deepconf, keep=0.25) > right(create_self_consistency) + 5


@pytest.mark.parametrize(("longest", "window"), [(32_768, 2048), (100_000, 2048), (1024, 64), (8, 1)])
def test_the_window_suits_the_generator(longest: int, window: int) -> None:
    generator = ToyGenerator()
    generator.max_tokens = longest
    assert group_window(generator) == window


def test_a_generator_without_confidences_is_rejected() -> None:
    generator = ToyGenerator()
    generator.signals = frozenset({"logprobs"})
    with pytest.raises(
        ConfigurationError, match="deepconf needs token_confidences, which ToyGenerator does not return"
    ):
        create_deepconf(generator)


@pytest.mark.parametrize("options", [{"n": 0}, {"keep": 0.0}, {"keep": 1.1}, {"window": 0}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=rf"got {name}={value}\."):
        create_deepconf(ToyGenerator(), **options)
