"""The generator over HTTP against a small server on real sockets: protocol, pooling, cancellation, failover."""

import asyncio
import json
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from its_graph import Budget, SampleRequest, SearchContext, create
from its_graph.errors import ConfigurationError, ContinuationError, SearchFailedError, TruncationError
from its_graph.generators.openai import OpenAIGenerator
from its_graph.generators.openai_protocol import DIALECTS
from its_graph.serving.replicas import ServerReplyError
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.generators.chat_server import ChatServer, chat_server, text


def ask(problem: str = "Add 3, 5.", **options: Any) -> SampleRequest:
    return SampleRequest(messages=({"role": "user", "content": problem},), **options)


def toy(body: dict[str, Any]) -> Any:
    """Reply as a vLLM server of the toy generator."""
    *messages, last = body["messages"]
    prefix = last["content"] if last["role"] == "assistant" else ""
    request = SampleRequest(
        messages=tuple(messages if prefix else [*messages, last]),
        prefix=prefix,
        stop=tuple(body.get("stop", ())),
        max_tokens=body["max_tokens"],
        temperature=body["temperature"],
        seed=body.get("seed"),
    )
    [sample] = ToyGenerator(0.3).invoke(request)
    usage = {"prompt_tokens": sample.prompt_tokens, "completion_tokens": sample.generated_tokens}
    reason = "length" if sample.finish_reason == "length" else "stop"
    return text(sample.text, reason) | {"usage": usage}


def client(server: ChatServer, **options: Any) -> OpenAIGenerator:
    return OpenAIGenerator("toy", server.url, **({"dialect": "vllm"} | options))


# --- protocol --------------------------------------------------------------------------------------------------------


def test_a_request_carries_all_options() -> None:
    with chat_server(lambda body: text("4")) as server, client(server) as generator:
        generator.invoke(
            ask(prefix="3 + ", stop=("\n\n", ""), max_tokens=9, temperature=0.5, top_p=0.9, seed=11, top_logprobs=3)
        )
    assert server.bodies == [
        {
            "model": "toy",
            "messages": [{"role": "user", "content": "Add 3, 5."}, {"role": "assistant", "content": "3 + "}],
            "continue_final_message": True,
            "add_generation_prompt": False,
            "n": 1,
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 11,
            "stop": ["\n\n"],
            "include_stop_str_in_output": True,
            "logprobs": True,
            "top_logprobs": 3,
        }
    ]


def test_a_plain_server_gets_no_unknown_fields() -> None:
    with chat_server(lambda body: text("4")) as server, client(server, dialect="openai") as generator:
        generator.invoke(ask(stop=("\n\n",), max_tokens=9))
    assert server.bodies[0].keys() == {
        *("model", "messages", "n", "max_completion_tokens", "temperature", "top_p", "stop")
    }


@pytest.mark.parametrize(
    ("dialect", "reply", "stop", "expected"),
    [
        ("vllm", text("a\n\n", stop_reason="\n\n"), ("\n\n",), ("a\n\n", "stop_string")),
        ("vllm", text("a"), ("\n\n",), ("a", "end")),
        ("vllm", text("a", "length"), ("\n\n",), ("a", "length")),
        ("openai", text("a"), ("\n\n",), ("a\n\n", "stop_string")),
        ("openai", text("a"), (), ("a", "end")),
        ("llamacpp", text(""), ("\n\n",), ("", "end")),
    ],
)
def test_endings(dialect: str, reply: dict[str, Any], stop: tuple[str, ...], expected: tuple[str, str]) -> None:
    with chat_server(lambda body: reply) as server, client(server, dialect=dialect) as generator:
        [sample] = generator.invoke(ask(stop=stop))
    assert (sample.text, sample.finish_reason) == expected


def test_usage_is_exact_and_includes_cached_tokens() -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 32}}
    with chat_server(lambda body: text("a b") | {"usage": usage}) as server, client(server) as generator:
        [sample] = generator.invoke(ask())
    assert (sample.prompt_tokens, sample.cached_tokens, sample.generated_tokens) == (40, 32, 9)


def test_n_samples_are_one_request_that_reads_its_prompt_once() -> None:
    def two_choices(body: dict[str, Any]) -> dict[str, Any]:
        choices = [
            {"index": index, "message": {"content": content}, "finish_reason": "stop"}
            for index, content in {1: "bb", 0: "a"}.items()
        ]
        return {"choices": choices, "usage": {"prompt_tokens": 10, "completion_tokens": 7}}

    with chat_server(two_choices) as server, client(server) as generator:
        samples = generator.invoke(ask(n=2))
    assert [sample.text for sample in samples] == ["a", "bb"]
    assert [sample.cached_tokens for sample in samples] == [0, 10]
    assert sum(sample.generated_tokens for sample in samples) == 7
    assert len(server.bodies) == 1


def test_log_probabilities_become_every_signal() -> None:
    top = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -2.3}]
    tokens = [{"token": "a", "logprob": -0.1}, {"token": "c", "logprob": -4.0}]
    reply = text("ac", logprobs={"content": [token | {"top_logprobs": top} for token in tokens]})
    with chat_server(lambda body: reply) as server, client(server) as generator:
        [sample] = generator.invoke(ask(logprobs=True, top_logprobs=2, alternatives=2))
    assert sample.logprobs == (-0.1, -4.0)
    assert sample.confidence == pytest.approx(-2.05)
    assert sample.token_confidences == pytest.approx((1.2, 1.2))
    assert sample.alternatives == (
        (("a", -0.1), ("b", -2.3)),
        (("c", -4.0), ("a", -0.1), ("b", -2.3)),
    )


def test_without_usage_each_byte_is_charged_as_a_token() -> None:
    with chat_server(lambda body: text("four") | {"usage": None}) as server, client(server) as generator:
        [sample] = generator.invoke(ask("Add."))
    assert (sample.prompt_tokens, sample.generated_tokens) == (4, 4)


# --- connections -----------------------------------------------------------------------------------------------------


async def test_many_requests_are_in_flight_and_connections_are_reused() -> None:
    barrier = threading.Barrier(120)

    def wait_for_all(body: dict[str, Any]) -> Any:
        barrier.wait(30)
        return text(str(body["seed"]))

    with chat_server(wait_for_all) as server, client(server) as generator:
        replies = await generator.abatch([ask(seed=number) for number in range(120)])
        assert [reply[0].text for reply in replies] == [str(number) for number in range(120)]
        assert server.max_in_flight == 120
        server.script = lambda body: text("again")
        for _ in range(5):
            await generator.abatch([ask(seed=number) for number in range(20)])
        assert len(server.connections) == 120


async def test_cancelling_closes_the_connection() -> None:
    never = threading.Event()
    with chat_server(lambda body: [text("a"), never]) as server, client(server) as generator:
        waiting = asyncio.create_task(generator.ainvoke(ask()))
        while not server.bodies:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(server.disconnected.wait, 10)


def test_a_timeout_returns_the_text_so_far_as_cut_off() -> None:
    never = threading.Event()
    parts = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "one "}}]},
        {"choices": [{"index": 0, "delta": {"content": "two"}}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
        never,
    ]
    with chat_server(lambda body: parts) as server, client(server) as generator:
        [sample] = generator.invoke(ask(timeout_s=0.5))
        assert (sample.text, sample.finish_reason, sample.generated_tokens) == ("one two", "length", 2)
        assert server.disconnected.wait(10)
        assert server.bodies[0]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_a_stream_that_ends_in_time_is_a_whole_reply() -> None:
    logprobs = {"content": [{"token": "3", "logprob": -1}]}
    parts = [
        {"choices": [{"index": 0, "delta": {"content": "3 + 5"}, "logprobs": logprobs}]},
        {"choices": [{"index": 0, "delta": {"content": "\n\n"}, "finish_reason": "stop", "stop_reason": "\n\n"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4}},
    ]
    with chat_server(lambda body: parts) as server, client(server) as generator:
        [sample] = generator.invoke(ask(timeout_s=30, stop=("\n\n",), logprobs=True))
    assert (sample.text, sample.finish_reason, sample.generated_tokens) == ("3 + 5\n\n", "stop_string", 4)
    assert sample.logprobs == (-1.0,)


# --- several servers -------------------------------------------------------------------------------------------------


def test_a_conversation_stays_on_its_server_whatever_its_prefix() -> None:
    with chat_server(toy) as one, chat_server(toy) as two:
        with OpenAIGenerator("toy", [one.url, two.url], dialect="vllm") as generator:
            for number in range(20):
                for prefix in ("", "a ", "a b "):
                    generator.invoke(ask(f"Add {number}, 2.", prefix=prefix))
        asked = [{body["messages"][0]["content"] for body in server.bodies} for server in (one, two)]
    assert not asked[0] & asked[1]
    assert min(map(len, asked)) >= 3


def test_when_a_server_dies_the_other_takes_over_and_the_search_is_the_same() -> None:
    question, context = {"problem": "Add 3, 5, 4, 7, 2."}, SearchContext(seed=7)
    results = []
    with chat_server(toy) as two:
        with chat_server(toy) as one:
            with OpenAIGenerator("toy", [one.url, two.url], dialect="vllm") as generator:
                graph = create("beam_search", generator, ToyVerifier(), n=8, width=4).compile()
                results.append(graph.invoke(question, context=context)["result"])
            lost = OpenAIGenerator("toy", [one.url, two.url], dialect="vllm")
        with lost:  # the first server is gone by now
            graph = create("beam_search", lost, ToyVerifier(), n=8, width=4).compile()
            results.append(graph.invoke(question, context=context)["result"])
    for result in results:
        result["spend"]["seconds"] = 0
    assert results[0] == results[1]


def test_without_any_server_the_search_fails() -> None:
    with chat_server(toy) as gone:
        pass
    with client(gone) as generator:
        graph = create("self_consistency", generator, n=2).compile()
        with pytest.raises(
            SearchFailedError, match=r"Could not connect to a server \(http://.*/v1: ClientConnectorError"
        ):
            graph.invoke({"problem": "Add 1, 2."}, context=SearchContext(retries=1))


# --- failures --------------------------------------------------------------------------------------------------------


def error(status: int, message: str) -> Callable[[dict[str, Any]], Any]:
    return lambda body: (status, {"error": {"message": message}})


@pytest.mark.parametrize(
    ("script", "error_class", "message"),
    [
        (error(400, "This model's maximum context length is 1024 tokens"), TruncationError, "too long"),
        (error(400, "unknown field"), ServerReplyError, "returned 400: unknown field"),
        (error(401, "bad key"), ConfigurationError, r"refused the API key \(401\): bad key"),
        (error(401, "bad key"), ConfigurationError, r"Set ITS_GRAPH_SERVER_KEY to the server's key .*OPENAI_API_KEY"),
        (error(403, "no"), ConfigurationError, r"refused the API key \(403\): no\. Set ITS_GRAPH_SERVER_KEY"),
        (error(404, "no model"), ConfigurationError, "Check the base URL .* and the model name"),
        (error(500, "x" * 999), ServerReplyError, r"returned 500: x{300}\.\.\."),
        (lambda body: {"choices": []}, ServerReplyError, "must have n=1 choices; got 0"),
        (lambda body: text("no", "content_filter"), ServerReplyError, "refused: content filter"),
        (lambda body: {"choices": [{"message": {"refusal": "I will not"}}]}, ServerReplyError, "refused: I will not"),
    ],
)
def test_a_refusal_becomes_an_error(script: Any, error_class: type[Exception], message: str) -> None:
    with chat_server(script) as server, client(server) as generator, pytest.raises(error_class, match=message):
        generator.invoke(ask())


def test_an_overloaded_server_is_retried_with_the_same_seed() -> None:
    tries: list[dict[str, Any]] = []

    def busy_at_first(body: dict[str, Any]) -> Any:
        tries.append(body)
        return (429, {"error": {"message": "slow down"}}) if len(tries) <= 2 else toy(body)

    with chat_server(busy_at_first) as server, client(server) as generator:
        server.headers = {"Retry-After": "0"}
        graph = create("self_consistency", generator, n=2).compile()
        result = graph.invoke({"problem": "Add 3, 5."}, context=SearchContext(seed=7, retries=2))["result"]
    assert len(result["candidates"]) == 2
    assert {body["seed"] for body in tries[:2]} == {body["seed"] for body in tries[2:]}


def test_a_refused_sample_fails_alone() -> None:
    def picky(body: dict[str, Any]) -> Any:
        return text("no", "content_filter") if body["seed"] % 2 else toy(body)

    with chat_server(picky) as server, client(server) as generator:
        graph = create("self_consistency", generator, n=8).compile()
        result = graph.invoke({"problem": "Add 3, 5."}, context=SearchContext(seed=7))["result"]
    assert 0 < len(result["failed"]) < 8
    assert len(result["candidates"]) + len(result["failed"]) == 8


def test_a_server_that_does_not_continue_rejects_a_step_search() -> None:
    with chat_server(toy) as server, client(server, dialect="openai") as generator:
        with pytest.raises(ContinuationError):
            create("beam_search", generator, ToyVerifier())
        with pytest.raises(ContinuationError, match="pass dialect= for a server that continues"):
            generator.invoke(ask(prefix="3 +"))
    assert server.bodies == []


# --- connecting ------------------------------------------------------------------------------------------------------


def test_connect_detects_model_and_dialect() -> None:
    with chat_server(toy) as server, OpenAIGenerator.connect(server.url, api_key="k") as generator:
        assert (generator.model, generator.dialect, generator.can_continue) == ("toy", DIALECTS["vllm"], True)
        assert server.keys == {"Bearer k"}
    with chat_server(toy, [{"id": "gpt", "owned_by": "somebody"}]) as server:
        with OpenAIGenerator.connect(server.url) as generator:
            assert not generator.can_continue
        with OpenAIGenerator.connect(server.url, dialect="sglang") as generator:
            assert generator.can_continue


def test_the_key_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITS_GRAPH_SERVER_KEY", "own")
    monkeypatch.setenv("OPENAI_API_KEY", "general")
    with chat_server(toy) as server:
        OpenAIGenerator.connect(server.url).close()
        assert server.keys == {"Bearer own"}
        monkeypatch.delenv("ITS_GRAPH_SERVER_KEY")
        with OpenAIGenerator.connect(server.url) as generator:
            generator.invoke(ask())
    assert server.keys == {"Bearer own", "Bearer general"}


@pytest.mark.parametrize("url", ["nonsense", "localhost:8000/v1", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999/v1"])
def test_an_invalid_url_fails_before_any_request(url: str) -> None:
    for create_generator in (OpenAIGenerator.connect, partial(OpenAIGenerator, "toy")):
        with pytest.raises(ConfigurationError, match=f"'{url}' is not a server URL. Use http://"):
            create_generator([url])


def test_connect_names_the_problem() -> None:
    with chat_server(toy, [{"id": "a"}, {"id": "b"}]) as server:
        with pytest.raises(ConfigurationError, match=r"serves 2 models \(a, b\)\. Choose one"):
            OpenAIGenerator.connect(server.url)
        with pytest.raises(ConfigurationError, match=r"does not serve 'c'\. It serves: a, b"):
            OpenAIGenerator.connect(server.url, "c")
        with pytest.raises(ConfigurationError, match="Check the base URL"):
            OpenAIGenerator.connect(server.url.removesuffix("/v1"), "a")
    with pytest.raises(ConnectionError, match="Start it"):
        OpenAIGenerator.connect(server.url)
    with pytest.raises(ConfigurationError, match=r"dialect must be one of vllm, .*; got 'klingon'"):
        OpenAIGenerator("m", dialect="klingon")


# --- searches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["single", "self_consistency", "best_of_n", "beam_search", "mcts"])
async def test_a_search_over_http_is_the_search_in_process(name: str) -> None:
    question, context = {"problem": "Add 3, 5, 4, 7, 2."}, SearchContext(seed=7)
    with chat_server(toy) as server, client(server, max_tokens=ToyGenerator.max_tokens) as generator:
        generator.step_tokens = ToyGenerator.step_tokens
        remote = create(name, generator, ToyVerifier()).compile()
        results = [remote.invoke(question, context=context), await remote.ainvoke(question, context=context)]
    results.append(create(name, ToyGenerator(0.3), ToyVerifier()).compile().invoke(question, context=context))
    texts = [[candidate["text"] for candidate in result["result"]["candidates"]] for result in results]
    assert texts[0] == texts[1] == texts[2]
    assert results[0]["answer"] == results[2]["answer"]


def test_a_budget_holds_over_http() -> None:
    with chat_server(toy) as server, client(server) as generator:
        graph = create("self_consistency", generator, n=64).compile()
        context = SearchContext(seed=7, budget=Budget(tokens=1_200), max_tokens=64)
        result = graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=context)["result"]
    spent = result["spend"]
    assert spent["prompt_tokens"] + spent["generated_tokens"] <= 1_200
    assert 0 < len(server.bodies) < 64


def test_a_closed_generator_sends_nothing() -> None:
    with chat_server(toy) as server:
        generator = client(server)
        generator.invoke(ask())
        generator.close()
        generator.close()
        with pytest.raises(RuntimeError, match="was closed"):
            generator.invoke(ask())


def test_threads_share_one_client() -> None:
    with chat_server(toy) as server, client(server) as generator:
        replies: list[str] = []
        threads = [
            threading.Thread(target=lambda seed=seed: replies.append(generator.invoke(ask(seed=seed))[0].text))
            for seed in random.Random(0).sample(range(1000), 16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(replies) == 16


def test_tool_calls_of_the_conversation_count_as_prompt() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "run", "arguments": json.dumps({"code": "x" * 4_000})}}
    generator = OpenAIGenerator("m", "http://127.0.0.1:1")
    messages: list[Any] = [{"role": "user", "content": "Run it."}, {"role": "assistant", "content": None}]
    plain = generator.prompt_tokens(SampleRequest(messages=tuple(messages), max_tokens=8))
    messages[1] = {**messages[1], "tool_calls": [call]}
    assert generator.prompt_tokens(SampleRequest(messages=tuple(messages), max_tokens=8)) > plain + 4_000
