"""DeepConf online through the graph: docs/reference/algorithms.md 1.5."""

from typing import Any

import pytest

from its_graph import Sample, SampleRequest, SearchContext
from its_graph.contracts import ConfidenceFloor
from its_graph.errors import ConfigurationError
from its_graph.graphs.deepconf_online import create_deepconf_online
from its_graph.search.state import SearchInput
from its_graph.testing import ScriptedGenerator, ToyGenerator

PROBLEM: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}


def run(generator: ScriptedGenerator, *, seed: int = 0, **options: Any) -> dict[str, Any]:
    graph = create_deepconf_online(generator, **options)
    found: dict[str, Any] = graph.compile().invoke(PROBLEM, context=SearchContext(seed=seed))["result"]
    return found


def telling(answers: str, confidences: list[float]) -> ScriptedGenerator:
    """Return a generator that returns these answers, each of one token with this confidence."""
    rest = zip(answers, confidences, strict=True)

    def script(request: SampleRequest) -> Sample:
        answer, confidence = next(rest)
        text = rf"\boxed{{{answer}}}"
        return Sample(text=text, finish_reason="end", generated_tokens=1, token_confidences=(confidence,))

    return ScriptedGenerator(script)


@pytest.mark.parametrize(("keep", "threshold"), [(0.9, 2.5), (0.1, 14.5)])
def test_the_warm_up_is_whole_and_sets_the_floor_of_all_later_traces(keep: float, threshold: float) -> None:
    """Reference 1.5: warm-up minima 1..16: q=90 -> 2.5; q=10 -> 14.5."""
    minima = [float(one) for one in range(1, 17)]
    generator = telling("12" * 10, [*minima, 100.0, 0.5, 200.0, 300.0])
    run(generator, n=20, warmup=16, wave=2, keep=keep, window=1)
    assert {request.top_logprobs for request in generator.requests} == {20}
    assert [request.confidence_floor for request in generator.requests[:16]] == [None] * 16
    floor = ConfidenceFloor(window=1, threshold=threshold)
    assert [request.confidence_floor for request in generator.requests[16:]] == [floor] * 4


def test_the_vote_is_among_those_above_the_floor_weighted_by_their_lowest_group() -> None:
    """The warm-up's own losers do not vote either; 2.5 is the 10th percentile of 1..16."""
    minima = [float(one) for one in range(1, 17)]
    found = run(telling("1" * 2 + "2" * 14 + "13", [*minima, 50.0, 2.4]), n=18, warmup=16, keep=0.9, window=1, share=2)
    assert found["votes"] == [
        {"answer": "2", "count": 14, "weight": sum(minima[2:])},
        {"answer": "1", "count": 3, "weight": 50.0},
    ]


def test_a_trace_that_was_ended_does_not_vote() -> None:
    generator = ToyGenerator(0.5)
    found = run(generator, n=16, warmup=4, wave=4, keep=0.1, window=2, share=2, seed=3)
    assert found["truncated"] > 0
    assert found["answer"] == "21"
    ended = [candidate for candidate in found["candidates"] if candidate["truncated"]]
    assert all(one["score"] < found["candidates"][0]["score"] for one in ended)
    assert sum(vote["count"] for vote in found["votes"]) <= 16 - len(ended)


def test_what_is_ended_saves_tokens() -> None:
    """Window for window the same samples, once ended early and once (no window ever full) not."""
    options: dict[str, Any] = {"n": 16, "warmup": 4, "keep": 0.1, "share": 2, "seed": 3}
    ended, whole = (run(ToyGenerator(0.5), window=window, **options)["spend"] for window in (2, 1000))
    assert ended["calls"] == whole["calls"] == 16
    assert ended["generated_tokens"] < 0.8 * whole["generated_tokens"]


@pytest.mark.parametrize(
    ("answers", "share", "drawn", "reason"),
    [
        ("11111111", 0.95, 4, "agreement"),
        ("11121111", 0.95, 8, "completed"),
        ("11121111", 0.75, 4, "agreement"),
        ("11211112", 0.8, 6, "agreement"),
        ("11111111", 1.1, 8, "completed"),
    ],
)
def test_it_stops_once_the_confident_agree(answers: str, share: float, drawn: int, reason: str) -> None:
    """Reference 1.5: stop all at vote share >= beta, checked after the warm-up and after every wave."""
    generator = telling(answers, [1.0] * 8)
    found = run(generator, n=8, warmup=4, wave=2, share=share)
    assert (len(generator.requests), found["stop_reason"]) == (drawn, reason)
    assert found["answer"] == "1"


def test_a_warm_up_beyond_n_is_all_there_is() -> None:
    generator = telling("123", [1.0] * 3)
    assert run(generator, n=3, warmup=16)["stop_reason"] == "completed"
    assert len(generator.requests) == 3


def test_no_more_than_n_are_drawn_whatever_the_wave() -> None:
    generator = telling("1234567", [1.0] * 7)
    run(generator, n=7, warmup=4, wave=2)
    assert len(generator.requests) == 7


def test_without_confidences_no_trace_is_ended_and_the_plain_vote_decides() -> None:
    rest = iter("121212")
    silent = ScriptedGenerator(lambda request: Sample(text=rf"\boxed{{{next(rest)}}}", finish_reason="end"))
    found = run(silent, n=6, warmup=3, wave=3)
    assert all(request.confidence_floor is None for request in silent.requests)
    assert found["notes"] == ["No candidate that may vote has a score: the vote decided."]


@pytest.mark.parametrize("limit", range(5, 12))
def test_a_recursion_limit_cuts_waves_off_and_still_answers(limit: int) -> None:
    graph = create_deepconf_online(ToyGenerator(0.5), n=64, warmup=2, wave=2, share=2).compile()
    result = graph.invoke(PROBLEM, {"recursion_limit": limit}, context=SearchContext(seed=0))["result"]
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] is not None


def test_a_generator_without_confidences_is_rejected() -> None:
    generator = ToyGenerator()
    generator.signals = frozenset()
    with pytest.raises(
        ConfigurationError, match="deepconf_online needs token_confidences, which ToyGenerator does not return"
    ):
        create_deepconf_online(generator)


@pytest.mark.parametrize("options", [{"n": 0}, {"warmup": 0}, {"wave": 0}, {"keep": 0.0}, {"keep": 1.5}, {"window": 0}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=rf"got .*{name}={value}"):
        create_deepconf_online(ToyGenerator(), **options)
