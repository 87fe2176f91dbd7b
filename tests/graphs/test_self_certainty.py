"""Self-certainty with its Borda vote through the graph: docs/reference/algorithms.md 1.6."""

from typing import Any

import pytest

from its_graph import Sample, SampleRequest, SearchContext
from its_graph.errors import ConfigurationError
from its_graph.graphs.self_certainty import create_self_certainty
from its_graph.testing import ScriptedGenerator, ToyGenerator


def telling(answers: str, certainties: list[float | None]) -> ScriptedGenerator:
    rest = zip(answers, certainties, strict=True)

    def script(request: SampleRequest) -> Sample:
        answer, certainty = next(rest)
        said = "hm" if answer == "-" else rf"\boxed{{{answer}}}"
        return Sample(text=said, finish_reason="end", generated_tokens=1, self_certainty=certainty)

    return ScriptedGenerator(script)


def result(answers: str, certainties: list[float | None], **options: Any) -> dict[str, Any]:
    graph = create_self_certainty(telling(answers, certainties), n=len(answers), **options).compile()
    found: dict[str, Any] = graph.invoke({"problem": "?"}, context=SearchContext(seed=0))["result"]
    return found


@pytest.mark.parametrize(
    ("power", "votes"),
    [
        (0.5, {"2": 4.146264, "1": 2.0}),
        (3.0, {"1": 64.0, "2": 36.0}),
        (0.0, {"2": 3.0, "1": 1.0}),
    ],
)
def test_ranks_vote(power: float, votes: dict[str, float]) -> None:
    """Reference 1.6: S=[.9,.5,.4,.3], answers A,B,B,B: p=.5 A 2, B 4.146264; p=3 A 64, B 36; p=0 the majority."""
    found = result("1222", [0.9, 0.5, 0.4, 0.3], power=power)
    assert {vote["answer"]: vote["weight"] for vote in found["votes"]} == pytest.approx(votes, abs=1e-6)
    assert found["answer"] == next(iter(votes))


def test_half_is_the_default_power() -> None:
    """Reference 1.6: default p=.5 in the authors' script."""
    assert result("1222", [0.9, 0.5, 0.4, 0.3])["votes"][0]["weight"] == pytest.approx(4.146264, abs=1e-6)


def test_what_has_no_answer_does_not_vote() -> None:
    """Reference 1.6: None does not vote; it is ranked all the same."""
    found = result("-12", [0.9, 0.5, 0.4], power=1.0)
    assert found["votes"] == [{"answer": "1", "count": 1, "weight": 2.0}, {"answer": "2", "count": 1, "weight": 1.0}]
    assert found["abstained"] == 1


def test_without_certainties_the_plain_vote_decides_and_says_so() -> None:
    found = result("122", [None, None, None])
    assert found["answer"] == "2"
    assert found["notes"] == ["No candidate that may vote has a score: the vote decided."]


def test_the_certainty_is_asked_for_and_becomes_the_score() -> None:
    generator = ToyGenerator(0.3)
    graph = create_self_certainty(generator, n=4).compile()
    found = graph.invoke({"problem": "Add 1, 2."}, context=SearchContext(seed=1))["result"]
    assert all(request.self_certainty and not request.top_logprobs for request in generator.requests)
    again = {sample.self_certainty for request in list(generator.requests) for sample in generator.invoke(request)}
    assert {candidate["score"] for candidate in found["candidates"]} == again


def test_a_generator_without_self_certainty_is_rejected() -> None:
    """Reference 1.6: it needs the full vocabulary; top-k log-probabilities of a server do not suffice."""
    generator = ToyGenerator()
    generator.signals = frozenset({"logprobs", "token_confidences", "alternatives"})
    with pytest.raises(ConfigurationError, match="local models only"):
        create_self_certainty(generator)


@pytest.mark.parametrize("options", [{"n": 0}, {"power": -0.5}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=rf"got {name}={value}\."):
        create_self_certainty(ToyGenerator(), **options)
