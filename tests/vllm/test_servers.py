"""Searches over real vLLM servers on the CPU: generator and reward models over HTTP, with the embedded weights."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from its_graph import Budget, SearchContext, create
from its_graph.catalog.registry import STRATEGIES
from its_graph.embedded import WEIGHTS
from its_graph.embedded.models import ArithmeticPRM
from its_graph.generators.openai import OpenAIGenerator
from its_graph.generators.transformers import TransformersGenerator
from its_graph.prm.backends.local import PRM
from its_graph.prm.backends.server import ServedPRM
from its_graph.serving.commands import Address, generator_command
from its_graph.serving.process import ServerProcess, free_port
from its_graph.testing import ScriptedVerifier
from tests.vllm.conftest import QUIET, SMALL
from tests.vllm.searches import QUESTION, ask, check_scores, run_strategy, sample_candidates

pytest.importorskip("vllm", reason="vLLM is not installed; `make test-vllm` has an environment with its CPU build")


@pytest.fixture
def generator(generator_url: str) -> Any:
    with OpenAIGenerator.connect(generator_url, max_tokens=192) as generator:
        generator.step_tokens, generator.temperature = 48, 1.0
        yield generator


@pytest.fixture
def verifier(likelihood_url: str) -> Any:
    with ServedPRM.connect(likelihood_url, WEIGHTS / "verifier") as verifier:
        yield verifier


def test_connect_detects_the_dialect(generator: OpenAIGenerator) -> None:
    assert generator.can_continue
    assert generator.dialect.keeps_stop_string
    assert generator.max_tokens == 192


def test_greedy_text_and_log_probabilities_are_those_of_transformers(generator: OpenAIGenerator) -> None:
    request = ask(temperature=0.0, max_tokens=60, logprobs=True)
    [sample] = generator.invoke(request)
    with TransformersGenerator.from_pretrained(str(WEIGHTS / "generator"), device="cpu") as plain:
        [expected] = plain.invoke(request)
    assert sample.text == expected.text
    assert (sample.prompt_tokens, sample.generated_tokens) == (expected.prompt_tokens, expected.generated_tokens)
    assert sample.logprobs == pytest.approx(expected.logprobs, abs=1e-3)


def test_a_seed_repeats_and_steps_keep_their_stop_string(generator: OpenAIGenerator) -> None:
    request = ask(seed=11, stop=("\n\n",), max_tokens=48)
    first, again = generator.batch([request, request])
    assert first[0].text == again[0].text
    assert first[0].text.endswith("\n\n")
    assert first[0].finish_reason == "stop_string"
    assert generator.invoke(ask(seed=12, n=8, temperature=1.5))[0].text


def test_a_path_continues_from_its_prefix(generator: OpenAIGenerator) -> None:
    [step] = generator.invoke(ask(prefix="Step 1: 34 + 57 = 91\n\n", temperature=0.0, stop=("\n\n",), max_tokens=48))
    assert step.text == "Step 2: 91 * 2 = 182\n\n"


@pytest.mark.parametrize("name", STRATEGIES)
async def test_every_strategy_runs_over_http(name: str, generator: OpenAIGenerator, verifier: ServedPRM) -> None:
    await run_strategy(name, generator, verifier)


def test_the_same_search_twice_is_the_same(generator: OpenAIGenerator, verifier: ServedPRM) -> None:
    graph = create("beam_search", generator, verifier, n=8, width=4).compile()
    runs = [graph.invoke(QUESTION, context=SearchContext(seed=7))["result"] for _ in range(2)]
    assert runs[0]["answer"] == runs[1]["answer"] == "174"
    assert [candidate["text"] for candidate in runs[0]["candidates"]] == [
        candidate["text"] for candidate in runs[1]["candidates"]
    ]


def test_a_budget_holds(generator: OpenAIGenerator, verifier: ServedPRM) -> None:
    graph = create("best_of_n", generator, verifier, n=64).compile()
    spent = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=Budget(tokens=4_000)))["result"]["spend"]
    assert 0 < spent["prompt_tokens"] + spent["generated_tokens"] + spent["verifier_tokens"] <= 4_000


async def test_a_cancelled_search_leaves_nothing_running(generator: OpenAIGenerator, generator_url: str) -> None:
    graph = create("self_consistency", generator, n=64).compile()
    context = SearchContext(max_tokens=400, temperature=2.0)
    # Several searches, so that they do not end before the server's gauges are read.
    search = asyncio.gather(*(graph.ainvoke(QUESTION, context=context) for _ in range(8)))
    while await running(generator_url) < 1:
        assert not search.done()
        await asyncio.sleep(0.005)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    for _ in range(100):
        if await running(generator_url) == 0:
            break
        await asyncio.sleep(0.05)
    assert await running(generator_url) == 0


async def test_a_server_that_is_killed_loses_no_finished_work(tmp_path: Path) -> None:
    address = Address("127.0.0.1", free_port())
    command = generator_command(str(WEIGHTS / "generator"), address, gpu_share=None, extra_args=SMALL)
    process = ServerProcess("doomed", command, health=f"{address.url}/health", log=tmp_path / "log", environment=QUIET)
    with process as server:
        server.wait_healthy(300)
        with OpenAIGenerator.connect(f"{address.url}/v1", max_connections=2, max_tokens=192) as generator:
            graph = create("self_consistency", generator, n=64).compile()
            finished = 0
            context = SearchContext(seed=7, retries=0)
            async for mode, part in graph.astream(QUESTION, context=context, stream_mode=["custom", "values"]):
                if mode == "custom" and part["type"] == "its.step_added":
                    finished += 1
                    server.stop()
                if mode == "values":
                    last = part
    result = last["result"]
    assert 0 < finished == len(result["candidates"]) < 64
    assert len(result["failed"]) == 64 - finished
    assert all(reason.startswith(("ConnectionError", "ServerReplyError")) for reason in result["failed"])
    assert result["text"]


async def test_a_search_outlives_the_replica_it_started_on(generator_url: str, tmp_path: Path) -> None:
    address = Address("127.0.0.1", free_port())
    command = generator_command(str(WEIGHTS / "generator"), address, gpu_share=None, extra_args=SMALL)
    process = ServerProcess("doomed", command, health=f"{address.url}/health", log=tmp_path / "log", environment=QUIET)
    with process as server:
        server.wait_healthy(300)
        urls = [f"{address.url}/v1", generator_url]
        with OpenAIGenerator.connect(urls, model=str(WEIGHTS / "generator"), max_tokens=192) as replicas:
            graph = create("rebase", replicas, ScriptedVerifier(lambda candidate: 0.5), n=8).compile()
            for number in range(8):  # about half of the conversations start on the doomed server
                question = {"problem": f"Compute ({number} + 57) * 2 - 8."}
                async for event in graph.astream(question, context=SearchContext(seed=7), stream_mode="custom"):
                    if event["type"] == "its.step_added" and number == 3:
                        server.stop()
                    if event["type"] == "its.answered":
                        assert not event["result"]["failed"]
                        assert len(event["result"]["candidates"]) == 8


async def running(url: str) -> float:
    """Return the number of requests that the server is processing."""
    async with aiohttp.ClientSession() as session, session.get(f"{url.removesuffix('/v1')}/metrics") as reply:
        text = await reply.text()
    return sum(float(value) for value in re.findall(r"^vllm:num_requests_(?:running|waiting)\{.*?\} (\S+)", text, re.M))


def test_likelihood_scores_are_those_of_transformers(verifier: ServedPRM) -> None:
    check_scores(ArithmeticPRM.from_pretrained(WEIGHTS / "verifier", device="cpu"), verifier)


def test_marked_scores_are_those_of_transformers(qwen_url: str, qwen_folder: Path) -> None:
    with ServedPRM.connect(qwen_url, qwen_folder) as remote:
        check_scores(PRM.from_pretrained(qwen_folder, device="cpu"), remote)


def test_scores_of_labels_are_those_of_transformers(labeled_url: str, labeled_folder: Path) -> None:
    with ServedPRM.connect(labeled_url, labeled_folder) as remote:
        check_scores(PRM.from_pretrained(labeled_folder, device="cpu"), remote)
        longest = max(sample_candidates(), key=lambda candidate: len(candidate.steps))
        assert remote.invoke(longest).cached_tokens > 0
