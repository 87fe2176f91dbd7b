"""Searches over vLLM engines in this process, with the embedded weights."""

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
from tests.vllm.searches import QUESTION, ask, check_scores, run_strategy, sample_candidates

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
def local_generator() -> Iterator[TransformersGenerator]:
    with TransformersGenerator.from_pretrained(GENERATOR, device="cpu") as local_generator:
        yield local_generator


def test_greedy_text_and_signals_are_those_of_transformers(
    generator: VLLMGenerator, local_generator: TransformersGenerator
) -> None:
    request = ask(temperature=0.0, max_tokens=60, logprobs=True, top_logprobs=5)
    [sample], [expected] = generator.invoke(request), local_generator.invoke(request)
    assert generator.parameters == local_generator.parameters
    assert sample.text == expected.text
    assert (sample.finish_reason, sample.prompt_tokens, sample.generated_tokens) == (
        expected.finish_reason,
        expected.prompt_tokens,
        expected.generated_tokens,
    )
    assert sample.logprobs == pytest.approx(expected.logprobs, abs=1e-3)
    assert sample.token_confidences == pytest.approx(expected.token_confidences, abs=1e-3)
    assert sample.confidence == pytest.approx(expected.confidence, abs=1e-3)


def test_a_seed_repeats_and_steps_keep_their_stop_string(generator: VLLMGenerator) -> None:
    request = ask(seed=11, n=8, stop=("\n\n",), max_tokens=48, temperature=2.0)
    first, again = generator.batch([request, request])
    assert [sample.text for sample in first] == [sample.text for sample in again]
    assert len({sample.text for sample in first}) > 1
    assert all(sample.text.endswith("\n\n") == (sample.finish_reason == "stop_string") for sample in first)
    assert any(sample.finish_reason == "stop_string" for sample in first)


def test_siblings_read_their_prompt_once(generator: VLLMGenerator) -> None:
    problem = "Add these. " * 20 + QUESTION["problem"]
    generator.invoke(ask(problem, max_tokens=1))
    samples = generator.invoke(ask(problem, n=4, max_tokens=8, seed=1))
    assert all(sample.cached_tokens >= 32 for sample in samples)


def test_seeds_work_with_more_prompts_than_one_batch_holds(generator: VLLMGenerator) -> None:
    requests = [ask("Add these. " * 30 + str(number), n=2, seed=number, max_tokens=4) for number in range(100)]
    assert all(len(samples) == 2 for samples in generator.batch(requests))


def test_a_path_continues_from_its_prefix(generator: VLLMGenerator) -> None:
    [step] = generator.invoke(ask(prefix="Step 1: 34 + 57 = 91\n\n", temperature=0.0, stop=("\n\n",), max_tokens=48))
    assert step.text == "Step 2: 91 * 2 = 182\n\n"


def test_alternatives_start_with_the_sampled_token(generator: VLLMGenerator) -> None:
    [sample] = generator.invoke(ask(seed=2, alternatives=3, temperature=1.5, max_tokens=30))
    assert sample.alternatives is not None
    assert "".join(tokens[0][0] for tokens in sample.alternatives).startswith(sample.text)
    assert all(len(tokens) >= 3 for tokens in sample.alternatives)
    assert all(list(rest) == sorted(rest, key=lambda token: -token[1]) for _, *rest in sample.alternatives)


def test_a_confidence_floor_ends_a_text_where_transformers_would(
    generator: VLLMGenerator, local_generator: TransformersGenerator
) -> None:
    confidences = local_generator.invoke(ask(temperature=0.0, max_tokens=60, top_logprobs=5))[0].token_confidences
    assert confidences is not None
    threshold = sorted(sum(confidences[start : start + 4]) / 4 for start in range(8, len(confidences) - 4))[2] + 1e-3
    floor = ConfidenceFloor(window=4, threshold=threshold)
    request = ask(temperature=0.0, max_tokens=60, top_logprobs=5, confidence_floor=floor)
    [sample], [expected] = generator.invoke(request), local_generator.invoke(request)
    assert 4 <= len(expected.token_confidences or ()) < len(confidences)
    assert (sample.text, sample.finish_reason) == (expected.text, "length")
    assert sample.token_confidences == pytest.approx(expected.token_confidences, abs=1e-3)


def test_a_deadline_returns_the_text_so_far(generator: VLLMGenerator) -> None:
    [sample] = generator.invoke(ask(temperature=2.0, seed=1, max_tokens=400, timeout_s=0.05))
    assert sample.finish_reason == "length"
    assert 0 < sample.generated_tokens < 400
    assert generator.engine.in_flight == 0


def test_text_is_streamed_while_it_is_generated(generator: VLLMGenerator) -> None:
    received: list[str] = []
    with subscribe(lambda name, text: received.append(text)):
        [sample] = generator.invoke(ask(seed=3, stream_id="a", stop=("\n\n",)))
    assert len(received) > 3
    assert "".join(received) == sample.text
    assert [sample] == generator.invoke(ask(seed=3, stop=("\n\n",)))


def test_a_prompt_that_fills_the_context_is_an_error(generator: VLLMGenerator) -> None:
    with pytest.raises(TruncationError, match="context 512"):
        generator.invoke(ask("1 + " * 400))
    assert generator.invoke(ask("1 + " * 100, max_tokens=500))[0].text is not None


def test_a_bad_request_fails_alone(generator: VLLMGenerator) -> None:
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
    assert {run["answer"] for run in runs} == {"174"}
    first, *rest = ([candidate["text"] for candidate in run["candidates"]] for run in runs)
    assert all(texts == first for texts in rest)


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
    with VLLMPRM.from_pretrained(qwen_folder, **SMALL) as remote:
        check_scores(PRM.from_pretrained(qwen_folder, device="cpu"), remote)


def test_scores_of_labels_are_those_of_transformers_and_are_asked_for_once(labeled_folder: Path) -> None:
    with VLLMPRM.from_pretrained(labeled_folder, **SMALL) as remote:
        check_scores(PRM.from_pretrained(labeled_folder, device="cpu"), remote)
        longest = max(sample_candidates(), key=lambda candidate: len(candidate.steps))
        assert remote.invoke(longest).cached_tokens > 0


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
