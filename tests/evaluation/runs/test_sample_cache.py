"""Models that remember: an equal request has the same reply, and nothing else has."""

from typing import Any

import pytest

from its_graph.contracts import Candidate, Generator, Sample, SampleRequest
from its_graph.evaluation.runs.sample_cache import CachedGenerator, CachedVerifier
from its_graph.generators.team import Team
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

QUESTION = ({"role": "user", "content": "Add 3, 5, 4."},)


def ask(**changes: Any) -> SampleRequest:
    fields: dict[str, Any] = {"messages": QUESTION, "seed": 1}
    return SampleRequest(**fields | changes)


async def both_ways(generator: Generator, *requests: SampleRequest) -> list[Any]:
    """Ask twice, once in each way."""
    replies: list[Any] = generator.batch(list(requests), return_exceptions=True)
    return [replies, await generator.abatch(list(requests), return_exceptions=True)]


async def test_what_was_asked_is_not_asked_again_either_way() -> None:
    inner = ToyGenerator(0.5)
    first, second = await both_ways(CachedGenerator(inner), ask(seed=1), ask(seed=2))
    assert first == second
    assert [one.seed for one in inner.requests] == [1, 2]


async def test_replies_keep_their_places_between_known_and_new_ones() -> None:
    inner = ToyGenerator(0.5)
    remembering = CachedGenerator(inner)
    alone = {seed: inner.invoke(ask(seed=seed)) for seed in range(5)}
    remembering.batch([ask(seed=seed) for seed in (1, 3)])
    assert remembering.batch([ask(seed=seed) for seed in range(5)]) == [alone[seed] for seed in range(5)]
    assert remembering.reused == 2


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"temperature": 0.1}, {"max_tokens": 9}, {"stop": ("x",)}, {"prefix": "3 + "}]
)
def test_another_request_is_asked(change: dict[str, Any]) -> None:
    inner = ToyGenerator()
    remembering = CachedGenerator(inner)
    remembering.batch([ask()])
    remembering.batch([ask(**change)])
    assert len(inner.requests) == 2


def test_who_watches_makes_no_difference() -> None:
    remembering = CachedGenerator(ToyGenerator())
    remembering.batch([ask()])
    assert remembering.knows(ask(stream_id="0"))


@pytest.mark.parametrize("change", [{"seed": None}, {"timeout_s": 5.0}])
async def test_what_may_come_out_otherwise_is_always_asked(change: dict[str, Any]) -> None:
    inner = ToyGenerator()
    remembering = CachedGenerator(inner)
    await both_ways(remembering, ask(**change))
    assert len(inner.requests) == 2
    assert remembering.reused == 0


async def test_failures_are_not_remembered() -> None:
    def script(request: SampleRequest) -> str:
        raise ValueError("no luck")

    inner = ScriptedGenerator(script)
    first, second = await both_ways(CachedGenerator(inner), ask())
    assert isinstance(first[0], ValueError)
    assert isinstance(second[0], ValueError)
    with pytest.raises(ValueError, match="no luck"):
        CachedGenerator(inner).invoke(ask())
    assert len(inner.requests) == 3


def test_what_is_forgotten_is_asked_again() -> None:
    inner = ToyGenerator()
    remembering = CachedGenerator(inner)
    remembering.batch([ask()])
    remembering.forget()
    assert not remembering.knows(ask())
    remembering.batch([ask()])
    assert len(inner.requests) == 2


def test_only_new_candidates_are_begun() -> None:
    class Eager(ToyVerifier):
        def prefetch(self, candidate: Candidate, /) -> None:
            begun.append(candidate)

    begun: list[Candidate] = []
    candidate = Candidate(messages=QUESTION, steps=("3 + 5 = 8\n\n",))
    remembering = CachedVerifier(Eager())
    remembering.prefetch(candidate)
    assert remembering.invoke(candidate) == remembering.invoke(candidate)
    remembering.prefetch(candidate)
    assert begun == [candidate]


def test_features_of_questions_are_those_of_the_model_if_it_has_any() -> None:
    class Reader(ToyGenerator):
        def embed(self, texts: list[str]) -> list[list[float]]:
            return [[float(len(text))] for text in texts]

    assert not hasattr(CachedGenerator(ToyGenerator()), "embed")
    assert CachedGenerator(Reader()).embed(["one", "three"]) == [[3.0], [5.0]]


def test_it_is_in_all_else_the_model_that_it_stands_for() -> None:
    small, large = ToyGenerator(parameters=3), ToyGenerator(parameters=40)
    team = Team({"small": small, "large": large})
    remembering = CachedGenerator(team)
    for name in ("can_continue", "signals", "models", "max_tokens", "step_tokens", "temperature", "think_style"):
        assert getattr(remembering, name) == getattr(team, name)
    assert remembering.parameters_of(ask(model="large")) == 40
    assert remembering.prompt_tokens(ask(model="small")) == team.prompt_tokens(ask(model="small"))
    said: list[Sample] = remembering.invoke(ask(model="small"))
    assert said == team.invoke(ask(model="small"))
    verifier = ToyVerifier(parameters=5)
    assert CachedVerifier(verifier).parameters == 5
    assert CachedVerifier(verifier).score_range == verifier.score_range
