"""Requests that wait at the same time share forward batches, whatever method they came through."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM

from its_graph.batching import batcher
from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import TruncationError
from its_graph.generators.transformers import TransformersGenerator

SIXTEEN = range(16)


@pytest.fixture(autouse=True)
def long_quiet_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent calls may arrive slowly while other processes run."""
    monkeypatch.setattr(batcher, "QUIET_S", 0.1)


@pytest.fixture
def batches(model: Qwen2ForCausalLM, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Record the number of rows of every batch."""
    started: list[int] = []
    generate = type(model).generate

    def count(self: Any, ids: torch.Tensor, **kwargs: Any) -> Any:
        started.append(len(ids))
        return generate(self, ids, **kwargs)

    monkeypatch.setattr(type(model), "generate", count)
    return started


@pytest.fixture
def requests(ask: Callable[..., SampleRequest]) -> Any:
    return [ask("x" * index, seed=index) for index in SIXTEEN]


@pytest.fixture
def expected(generator: TransformersGenerator, requests: list[SampleRequest]) -> Any:
    return [texts(generator.invoke(request)) for request in requests]


def texts(samples: list[Sample]) -> Any:
    """Return what must be equal; log-probabilities may differ in the last digit."""
    return [(sample.text, sample.generated_tokens, sample.finish_reason) for sample in samples]


def test_one_batch(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    assert [*map(texts, generator.batch(requests))] == expected
    assert batches == [16]


def test_one_batch_whose_prompts_are_slow_to_tokenize(
    generator: TransformersGenerator,
    expected: list[Any],
    requests: list[SampleRequest],
    batches: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = generator._rows

    def slow_rows(*arguments: Any) -> Any:
        time.sleep(0.01)
        return rows(*arguments)

    monkeypatch.setattr(batcher, "QUIET_S", 0.001)
    monkeypatch.setattr(generator, "_rows", slow_rows)
    assert [*map(texts, generator.batch(requests))] == expected
    assert batches == [16]


async def test_one_abatch(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    assert [*map(texts, await generator.abatch(requests))] == expected
    assert batches == [16]


async def test_concurrent_ainvokes(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    assert [*map(texts, await asyncio.gather(*map(generator.ainvoke, requests)))] == expected
    assert batches == [16]


def test_concurrent_invokes_from_threads(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert [*map(texts, threads.map(generator.invoke, requests))] == expected
    assert sum(batches) == 16
    assert len(batches) <= 3


def test_batch_as_completed(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    replies = dict(generator.batch_as_completed(requests))
    assert [texts(replies[position]) for position in SIXTEEN] == expected
    assert batches == [16]


async def test_abatch_as_completed(
    generator: TransformersGenerator, expected: list[Any], requests: list[SampleRequest], batches: list[int]
) -> None:
    replies = {position: reply async for position, reply in generator.abatch_as_completed(requests)}
    assert [texts(replies[position]) for position in SIXTEEN] == expected
    assert batches == [16]


def test_samples_of_one_request_may_need_several_batches(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest], batches: list[int]
) -> None:
    assert len(generator.invoke(ask(n=40, max_tokens=2))) == 40
    assert batches == [16, 16, 8]


def test_an_empty_batch(generator: TransformersGenerator) -> None:
    assert generator.batch([]) == []
    assert list(generator.batch_as_completed([])) == []


async def test_failures_are_returned_in_place_or_raise(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest]
) -> None:
    inputs = [ask(seed=1), ask("x" * 200), ask(seed=2)]
    for replies in (
        generator.batch(inputs, return_exceptions=True),
        await generator.abatch(inputs, return_exceptions=True),
        [reply for _, reply in sorted(generator.batch_as_completed(inputs, return_exceptions=True))],
    ):
        assert [type(reply) for reply in replies] == [list, TruncationError, list]
    with pytest.raises(TruncationError):
        generator.batch(inputs)
    with pytest.raises(TruncationError):
        await generator.abatch(inputs)
    with pytest.raises(TruncationError):
        dict(generator.batch_as_completed(inputs))
    with pytest.raises(TruncationError):
        await generator.ainvoke(inputs[1])


def test_out_of_memory_retries_with_half_batches(
    generator: TransformersGenerator,
    expected: list[Any],
    requests: list[SampleRequest],
    model: Qwen2ForCausalLM,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generate = type(model).generate
    attempts: list[int] = []

    def out_of_memory(self: Any, ids: torch.Tensor, **kwargs: Any) -> Any:
        attempts.append(len(ids))
        if len(ids) > 8:
            raise torch.OutOfMemoryError("too many rows")
        return generate(self, ids, **kwargs)

    monkeypatch.setattr(type(model), "generate", out_of_memory)
    assert [*map(texts, generator.batch(requests))] == expected
    assert attempts == [16, 8, 8]


def test_an_exception_in_a_batch_fails_its_requests(
    generator: TransformersGenerator,
    ask: Callable[..., SampleRequest],
    model: Qwen2ForCausalLM,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: Any, ids: torch.Tensor, **kwargs: Any) -> Any:
        raise RuntimeError("broken kernel")

    with monkeypatch.context() as patch:
        patch.setattr(type(model), "generate", fail)
        assert [str(reply) for reply in generator.batch([ask(), ask()], return_exceptions=True)] == [
            "broken kernel"
        ] * 2
    assert generator.invoke(ask(max_tokens=2))


async def test_cancelled_requests_leave_the_batch(
    generator: TransformersGenerator,
    ask: Callable[..., SampleRequest],
    model: Qwen2ForCausalLM,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A running row ends at the next token; a queued one never starts."""
    forwards = 0
    forward = type(model).forward

    def count(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal forwards
        forwards += 1
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", count)
    long_request = ask(max_tokens=100, n=16, seed=1)
    tasks = [asyncio.create_task(generator.ainvoke(long_request)) for _ in range(8)]
    while not forwards:
        await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await generator.ainvoke(ask(max_tokens=1))
    assert forwards < 60


async def test_leaving_early_drops_the_rest(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest], batches: list[int]
) -> None:
    requests = [ask(seed=seed, max_tokens=30) for seed in range(160)]
    for _ in generator.batch_as_completed(requests):
        break
    replies = generator.abatch_as_completed(requests)
    assert isinstance(replies, AsyncGenerator)
    await anext(replies)
    await replies.aclose()
    assert await generator.ainvoke(ask(max_tokens=1))
    assert len(batches) <= 10


def test_a_closed_generator_raises(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    generator.close()
    with pytest.raises(RuntimeError, match="was closed"):
        generator.invoke(ask())
