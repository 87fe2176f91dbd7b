"""The cache: equal requests have the same reply, and no others do."""

from typing import Any

import pytest

from its_graph.contracts import Candidate, Generator, Sample, SampleRequest
from its_graph.evaluation.runs.sample_cache import CachedGenerator, CachedVerifier
from its_graph.generators.team import Team
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

QUESTION = ({"role": "user", "content": "Add 3, 5, 4."},)


def request(**changes: Any) -> SampleRequest:
    fields: dict[str, Any] = {"messages": QUESTION, "seed": 1}
    return SampleRequest(**fields | changes)


async def both_ways(generator: Generator, *requests: SampleRequest) -> list[Any]:
    """Send the requests twice, synchronously and asynchronously."""
    replies: list[Any] = generator.batch(list(requests), return_exceptions=True)
    return [replies, await generator.abatch(list(requests), return_exceptions=True)]


async def test_a_repeated_request_is_cached_synchronously_and_asynchronously() -> None:
    inner = ToyGenerator(0.5)
    first, second = await both_ways(CachedGenerator(inner), request(seed=1), request(seed=2))
    assert first == second
    assert [sent.seed for sent in inner.requests] == [1, 2]


async def test_cached_and_new_replies_keep_their_order() -> None:
    inner = ToyGenerator(0.5)
    cached = CachedGenerator(inner)
    alone = {seed: inner.invoke(request(seed=seed)) for seed in range(5)}
    cached.batch([request(seed=seed) for seed in (1, 3)])
    assert cached.batch([request(seed=seed) for seed in range(5)]) == [alone[seed] for seed in range(5)]
    assert cached.hits == 2


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"temperature": 0.1}, {"max_tokens": 9}, {"stop": ("x",)}, {"prefix": "3 + "}]
)
def test_a_different_request_reaches_the_model(change: dict[str, Any]) -> None:
    inner = ToyGenerator()
    cached = CachedGenerator(inner)
    cached.batch([request()])
    cached.batch([request(**change)])
    assert len(inner.requests) == 2


def test_the_stream_id_does_not_matter() -> None:
    cached = CachedGenerator(ToyGenerator())
    cached.batch([request()])
    assert cached.is_cached(request(stream_id="0"))


@pytest.mark.parametrize("change", [{"seed": None}, {"timeout_s": 5.0}])
async def test_irreproducible_requests_always_reach_the_model(change: dict[str, Any]) -> None:
    inner = ToyGenerator()
    cached = CachedGenerator(inner)
    await both_ways(cached, request(**change))
    assert len(inner.requests) == 2
    assert cached.hits == 0


async def test_failures_are_not_cached() -> None:
    def script(_: SampleRequest) -> str:
        raise ValueError("no luck")

    inner = ScriptedGenerator(script)
    first, second = await both_ways(CachedGenerator(inner), request())
    assert isinstance(first[0], ValueError)
    assert isinstance(second[0], ValueError)
    with pytest.raises(ValueError, match="no luck"):
        CachedGenerator(inner).invoke(request())
    assert len(inner.requests) == 3


def test_a_cleared_cache_is_empty() -> None:
    inner = ToyGenerator()
    cached = CachedGenerator(inner)
    cached.batch([request()])
    cached.clear()
    assert not cached.is_cached(request())
    cached.batch([request()])
    assert len(inner.requests) == 2


def test_only_uncached_candidates_are_prefetched() -> None:
    class Eager(ToyVerifier):
        def prefetch(self, candidate: Candidate, /) -> None:
            prefetched.append(candidate)

    prefetched: list[Candidate] = []
    candidate = Candidate(messages=QUESTION, steps=("3 + 5 = 8\n\n",))
    cached = CachedVerifier(Eager())
    cached.prefetch(candidate)
    assert cached.invoke(candidate) == cached.invoke(candidate)
    cached.prefetch(candidate)
    assert prefetched == [candidate]


def test_embed_exists_only_if_the_model_has_it() -> None:
    class Reader(ToyGenerator):
        def embed(self, texts: list[str]) -> list[list[float]]:
            return [[float(len(text))] for text in texts]

    assert not hasattr(CachedGenerator(ToyGenerator()), "embed")
    assert CachedGenerator(Reader()).embed(["one", "three"]) == [[3.0], [5.0]]


def test_all_other_attributes_are_those_of_the_model() -> None:
    small, large = ToyGenerator(parameters=3), ToyGenerator(parameters=40)
    team = Team({"small": small, "large": large})
    cached = CachedGenerator(team)
    for name in ("can_continue", "signals", "models", "max_tokens", "step_tokens", "temperature", "think_style"):
        assert getattr(cached, name) == getattr(team, name)
    assert cached.parameters_of(request(model="large")) == 40
    assert cached.prompt_tokens(request(model="small")) == team.prompt_tokens(request(model="small"))
    samples: list[Sample] = cached.invoke(request(model="small"))
    assert samples == team.invoke(request(model="small"))
    verifier = ToyVerifier(parameters=5)
    assert CachedVerifier(verifier).parameters == 5
    assert CachedVerifier(verifier).score_range == verifier.score_range
