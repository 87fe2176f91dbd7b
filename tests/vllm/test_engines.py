"""Searches over vLLM engines of this process, with the embedded weights."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed; `make test-vllm` has an environment with its CPU build")

from its_graph import SearchContext, create
from its_graph.catalog.registry import STRATEGIES
from its_graph.contracts import ConfidenceFloor
from its_graph.embedded import WEIGHTS
from its_graph.embedded.models import ArithmeticPRM
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.generators.transformers import TransformersGenerator
from its_graph.generators.vllm import VLLMGenerator
from its_graph.prm.backends.local import PRM
from its_graph.prm.backends.vllm import VLLMPRM
from its_graph.serving.engine import Engine
from its_graph.token_stream import subscribe
from tests.vllm.searches import QUESTION, ask, check_scores, judged, run_strategy

SMALL: dict[str, Any] = {"max_model_len": 512, "max_num_seqs": 32, "kv_cache_memory_bytes": 64 << 20}
GENERATOR = str(WEIGHTS / "generator")


@pytest.fixture(scope="module")
def generator() -> Iterator[VLLMGenerator]:
    with VLLMGenerator.from_pretrained(GENERATOR, **SMALL) as generator:
        generator.step_tokens, generator.temperature, generator.max_tokens = 48, 1.0, 192
        yield generator


@pytest.fixture(scope="module")
def verifier() -> Iterator[VLLMPRM]:
    with VLLMPRM.from_pretrained(WEIGHTS / "verifier", **SMALL) as verifier:
        yield verifier


@pytest.fixture(scope="module")
def near() -> Iterator[TransformersGenerator]:
    with TransformersGenerator.from_pretrained(GENERATOR, device="cpu") as near:
        yield near


def test_greedy_text_and_signals_are_those_of_transformers(
    generator: VLLMGenerator, near: TransformersGenerator
) -> None:
    request = ask(temperature=0.0, max_tokens=60, logprobs=True, top_logprobs=5)
    [here], [there] = generator.invoke(request), near.invoke(request)
    assert generator.parameters == near.parameters
    assert here.text == there.text
    assert (here.finish_reason, here.prompt_tokens, here.generated_tokens) == (
        there.finish_reason,
        there.prompt_tokens,
        there.generated_tokens,
    )
    assert here.logprobs == pytest.approx(there.logprobs, abs=1e-3)
    assert here.token_confidences == pytest.approx(there.token_confidences, abs=1e-3)
    assert here.confidence == pytest.approx(there.confidence, abs=1e-3)


def test_a_seed_repeats_and_steps_keep_their_end(generator: VLLMGenerator) -> None:
    request = ask(seed=11, n=8, stop=("\n\n",), max_tokens=48, temperature=2.0)
    first, again = generator.batch([request, request])
    assert [one.text for one in first] == [one.text for one in again]
    assert len({one.text for one in first}) > 1
    assert all(one.text.endswith("\n\n") == (one.finish_reason == "stop_string") for one in first)
    assert any(one.finish_reason == "stop_string" for one in first)


def test_siblings_read_their_prompt_once(generator: VLLMGenerator) -> None:
    long = "Add these. " * 20 + QUESTION["problem"]
    generator.invoke(ask(long, max_tokens=1))
    samples = generator.invoke(ask(long, n=4, max_tokens=8, seed=1))
    assert all(sample.cached_tokens >= 32 for sample in samples)


def test_seeds_survive_more_prompts_than_one_batch_holds(generator: VLLMGenerator) -> None:
    requests = [ask("Add these. " * 30 + str(number), n=2, seed=number, max_tokens=4) for number in range(100)]
    assert all(len(samples) == 2 for samples in generator.batch(requests))


def test_a_path_goes_on_from_its_prefix(generator: VLLMGenerator) -> None:
    [step] = generator.invoke(ask(prefix="Step 1: 34 + 57 = 91\n\n", temperature=0.0, stop=("\n\n",), max_tokens=48))
    assert step.text == "Step 2: 91 * 2 = 182\n\n"


def test_alternatives_begin_with_what_was_said(generator: VLLMGenerator) -> None:
    [sample] = generator.invoke(ask(seed=2, alternatives=3, temperature=1.5, max_tokens=30))
    assert sample.alternatives is not None
    assert "".join(place[0][0] for place in sample.alternatives).startswith(sample.text)
    assert all(len(place) >= 3 for place in sample.alternatives)
    assert all(list(rest) == sorted(rest, key=lambda one: -one[1]) for _, *rest in sample.alternatives)


def test_a_confidence_floor_ends_a_text_where_transformers_would(
    generator: VLLMGenerator, near: TransformersGenerator
) -> None:
    told = near.invoke(ask(temperature=0.0, max_tokens=60, top_logprobs=5))[0].token_confidences
    assert told is not None
    threshold = sorted(sum(told[at : at + 4]) / 4 for at in range(8, len(told) - 4))[2] + 1e-3
    floor = ConfidenceFloor(window=4, threshold=threshold)
    request = ask(temperature=0.0, max_tokens=60, top_logprobs=5, confidence_floor=floor)
    [here], [there] = generator.invoke(request), near.invoke(request)
    assert 4 <= len(there.token_confidences or ()) < len(told)
    assert (here.text, here.finish_reason) == (there.text, "length")
    assert here.token_confidences == pytest.approx(there.token_confidences, abs=1e-3)


def test_a_deadline_gives_what_there_is(generator: VLLMGenerator) -> None:
    [sample] = generator.invoke(ask(temperature=2.0, seed=1, max_tokens=400, timeout_s=0.05))
    assert sample.finish_reason == "length"
    assert 0 < sample.generated_tokens < 400
    assert generator.engine.in_flight == 0


def test_text_is_told_while_it_is_written(generator: VLLMGenerator) -> None:
    heard: list[str] = []
    with subscribe(lambda name, text: heard.append(text)):
        [sample] = generator.invoke(ask(seed=3, stream_id="a", stop=("\n\n",)))
    assert len(heard) > 3
    assert "".join(heard) == sample.text
    assert [sample] == generator.invoke(ask(seed=3, stop=("\n\n",)))


def test_a_prompt_that_fills_the_context_is_an_error(generator: VLLMGenerator) -> None:
    with pytest.raises(TruncationError, match="context 512"):
        generator.invoke(ask("1 + " * 400))
    assert generator.invoke(ask("1 + " * 100, max_tokens=500))[0].text is not None


def test_one_bad_request_fails_alone(generator: VLLMGenerator) -> None:
    good, bad = generator.batch([ask(max_tokens=4), ask("1 + " * 400)], return_exceptions=True)
    assert isinstance(bad, TruncationError)
    assert good[0].generated_tokens


@pytest.mark.parametrize("name", STRATEGIES)
async def test_every_strategy_runs_in_process(name: str, generator: VLLMGenerator, verifier: VLLMPRM) -> None:
    await run_strategy(name, generator, verifier)


def test_the_same_search_twice_is_the_same_sync_and_async(generator: VLLMGenerator, verifier: VLLMPRM) -> None:
    graph = create("beam_search", generator, verifier, n=8, width=4).compile()
    context = SearchContext(seed=7)
    runs = [graph.invoke(QUESTION, context=context)["result"] for _ in range(2)]
    runs.append(asyncio.run(graph.ainvoke(QUESTION, context=context))["result"])
    assert {one["answer"] for one in runs} == {"174"}
    first, *others = ([one["text"] for one in run["candidates"]] for run in runs)
    assert all(other == first for other in others)


async def test_a_cancelled_search_leaves_nothing_running(generator: VLLMGenerator) -> None:
    graph = create("self_consistency", generator, n=64).compile()
    search = asyncio.create_task(graph.ainvoke(QUESTION, context=SearchContext(max_tokens=400, temperature=2.0)))
    while not generator.engine.in_flight:
        assert not search.done()
        await asyncio.sleep(0.005)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    for _ in range(100):
        if not generator.engine.in_flight:
            break
        await asyncio.sleep(0.05)
    assert generator.engine.in_flight == 0
    assert (await generator.ainvoke(ask(max_tokens=4)))[0].generated_tokens


def test_likelihood_scores_are_those_of_transformers(verifier: VLLMPRM) -> None:
    check_scores(ArithmeticPRM.from_pretrained(WEIGHTS / "verifier", device="cpu"), verifier)


def test_marked_scores_are_those_of_transformers(qwen_folder: Path) -> None:
    with VLLMPRM.from_pretrained(qwen_folder, **SMALL) as far:
        check_scores(PRM.from_pretrained(qwen_folder, device="cpu"), far)


def test_scores_of_labels_are_those_of_transformers_and_are_asked_for_once(labelled_folder: Path) -> None:
    with VLLMPRM.from_pretrained(labelled_folder, **SMALL) as far:
        check_scores(PRM.from_pretrained(labelled_folder, device="cpu"), far)
        longest = max(judged(), key=lambda candidate: len(candidate.steps))
        assert far.invoke(longest).cached_tokens > 0


def test_a_model_that_vllm_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["NoSuchModel"], "model_type": "qwen2"}')
    with pytest.raises(ConfigurationError, match="vLLM cannot start"):
        Engine(str(tmp_path), **SMALL)


async def test_an_engine_that_dies_loses_no_finished_work() -> None:
    before = set(multiprocessing.active_children())
    with VLLMGenerator.from_pretrained(GENERATOR, **{**SMALL, "max_num_seqs": 2}) as doomed:
        [process] = set(multiprocessing.active_children()) - before
        doomed.max_tokens = 192
        graph = create("self_consistency", doomed, n=64).compile()
        finished = 0
        context = SearchContext(seed=7, retries=0)
        async for mode, part in graph.astream(QUESTION, context=context, stream_mode=["custom", "values"]):
            if mode == "custom" and part["type"] == "its.step_added":
                finished += 1
                process.kill()
            if mode == "values":
                last = part
    result = last["result"]
    assert 0 < finished == len(result["candidates"]) < 64
    assert len(result["failed"]) == 64 - finished
    assert all(reason.startswith("ConnectionError") for reason in result["failed"])
