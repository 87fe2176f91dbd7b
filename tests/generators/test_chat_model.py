"""A chat model as a generator: options, continuation, finish reasons, usage, hidden from the user's stream."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import Field

from its_graph import Budget, SearchContext
from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.errors import ConfigurationError, ContinuationError, InputError
from its_graph.generators.chat_model import ChatModelGenerator
from its_graph.graphs import create_self_consistency
from its_graph.seeds import derive_seed

QUESTION = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2 ="})


class Scripted(BaseChatModel):
    """Replies with what `script` returns and records its calls."""

    script: Callable[[list[BaseMessage]], AIMessage | str] = lambda messages: "4"
    calls: list[dict[str, Any]] = Field(default_factory=list)
    temperature: float | None = None
    num_predict: int | None = None
    seed: int | None = None
    top_p: float | None = None
    logprobs: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        call = {"messages": messages, "stop": stop, "tags": run_manager.tags, **kwargs}
        self.calls.append(call | self.model_dump(include={"temperature", "num_predict", "seed", "top_p", "logprobs"}))
        reply = self.script(messages)
        message = AIMessage(reply) if isinstance(reply, str) else reply
        return ChatResult(generations=[ChatGeneration(message=message)])


class ChatOllama(Scripted):
    """Recognized by its class name."""


class ChatAnthropic(Scripted):
    """Recognized by its class name."""


class ChatMistralAI(Scripted):
    """Recognized by its class name."""


class BaseChatOpenAI(Scripted):
    """Recognized by its class name."""

    extra_body: dict[str, Any] | None = None


def request(**options: Any) -> SampleRequest:
    return SampleRequest(messages=QUESTION, **options)


def replying(text: str, **metadata: Any) -> Callable[[list[BaseMessage]], AIMessage]:
    return lambda messages: AIMessage(text, response_metadata=metadata)


def answer(model: BaseChatModel, **options: Any) -> Sample:
    [sample] = ChatModelGenerator(model, can_continue=True).invoke(request(**options))
    return sample


def test_options_reach_the_fields_that_the_model_declares() -> None:
    model = Scripted()
    answer(model, temperature=0.3, max_tokens=9, seed=5, top_p=0.9, stop=("\n",), logprobs=True)
    [call] = model.calls
    assert call["messages"] == [SystemMessage("Be brief."), HumanMessage("2 + 2 =")]
    assert {name: call[name] for name in ("temperature", "num_predict", "seed", "top_p", "logprobs")} == {
        "temperature": 0.3, "num_predict": 9, "seed": 5, "top_p": 0.9, "logprobs": True,
    }  # fmt: skip
    assert call["stop"] == ["\n"]
    assert (model.temperature, model.seed) == (None, None)


def test_options_that_are_not_set_keep_the_models_values() -> None:
    model = Scripted(top_p=0.5, seed=3)
    answer(model)
    [call] = model.calls
    assert (call["top_p"], call["seed"], call["stop"], call["logprobs"]) == (0.5, 3, None, False)


def test_a_model_without_such_fields_still_answers() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("4")]))
    assert answer(model, seed=1, stop=("\n\n",), temperature=0).text == "4"


def test_a_model_without_such_fields_keeps_its_own_state() -> None:
    model = FakeMessagesListChatModel(responses=[AIMessage("4"), AIMessage("5")])
    assert [answer(model).text, answer(model).text] == ["4", "5"]


async def test_n_samples_are_n_calls_with_different_seeds() -> None:
    for method in ("invoke", "ainvoke"):
        model = Scripted()
        generator = ChatModelGenerator(model)
        samples = (
            generator.invoke(request(n=3, seed=7))
            if method == "invoke"
            else await generator.ainvoke(request(n=3, seed=7))
        )
        assert len(samples) == 3
        assert {call["seed"] for call in model.calls} == {derive_seed(7, f"sample {index}") for index in range(3)}


async def test_candidates_do_not_leak_into_the_messages_stream() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("secret thoughts"), AIMessage("for the user")]))
    generator = ChatModelGenerator(model)

    async def node(state: MessagesState) -> dict[str, Any]:
        await generator.ainvoke(request())
        return {"messages": [await model.ainvoke("go")]}

    graph = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()
    parts = graph.astream({"messages": []}, stream_mode="messages", version="v2")
    assert "".join([part["data"][0].text async for part in parts if part["type"] == "messages"]) == "for the user"
    scripted = Scripted()
    answer(scripted)
    assert scripted.calls[0]["tags"] == ["its:candidate", "nostream"]


def test_continuation_is_a_trailing_assistant_message() -> None:
    model = ChatOllama()
    generator = Generator.from_chat_model(model)
    assert generator.can_continue
    generator.invoke(request(prefix="Step 1: 2"))
    assert model.calls[0]["messages"][-1] == AIMessage("Step 1: 2")


def test_an_unknown_class_does_not_continue() -> None:
    generator = ChatModelGenerator(Scripted())
    assert not generator.can_continue
    with pytest.raises(ContinuationError, match="best_of_n, self_consistency"):
        generator.invoke(request(prefix="Step 1"))
    assert ChatModelGenerator(ChatOllama(), can_continue=False).can_continue is False


def test_mistral_marks_the_prefix_and_repeats_it() -> None:
    model = ChatMistralAI(script=replying("Step 1: 4", finish_reason="stop"))
    assert answer(model, prefix="Step 1:").text == " 4"
    assert model.calls[0]["messages"][-1].additional_kwargs == {"prefix": True}


def test_anthropic_gets_no_trailing_whitespace_and_no_whitespace_stops() -> None:
    model = ChatAnthropic(script=replying("\n\nStep 2: 4\n\nStep 3", stop_reason="end_turn"))
    sample = answer(model, prefix="Step 1: 2\n\n", stop=("\n\n", "END"))
    assert model.calls[0]["messages"][-1] == AIMessage("Step 1: 2")
    assert model.calls[0]["stop"] == ["END"]
    assert (sample.text, sample.finish_reason) == ("Step 2: 4\n\n", "stop_string")


def test_openai_servers_continue_the_final_message_and_keep_the_stop_string() -> None:
    model = BaseChatOpenAI(extra_body={"priority": 1})
    assert not ChatModelGenerator(model).can_continue
    answer(model, prefix="Step 1", stop=("\n",))
    answer(model)
    assert model.calls[0]["extra_body"] == {
        "priority": 1,
        "include_stop_str_in_output": True,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    assert "extra_body" not in model.calls[1]


@pytest.mark.parametrize(
    ("text", "metadata", "stop", "expected"),
    [
        ("4", {"finish_reason": "stop"}, (), ("4", "end")),
        ("4", {"stop_reason": "end_turn"}, ("\n",), ("4", "end")),
        ("4", {}, ("\n",), ("4", "end")),
        ("4", {"finish_reason": "length"}, ("\n",), ("4", "length")),
        ("4", {"stop_reason": "max_tokens"}, (), ("4", "length")),
        ("4", {"finish_reason": "MAX_TOKENS"}, (), ("4", "length")),
        ("4", {"done_reason": "length"}, (), ("4", "length")),
        ("4", {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, (), ("4", "length")),
        ("4", {"stop_reason": "stop_sequence", "stop_sequence": "END"}, ("\n", "END"), ("4END", "stop_string")),
        ("4", {"finish_reason": "stop"}, ("\n", "END"), ("4\n", "stop_string")),
        ("", {"finish_reason": "stop"}, ("\n",), ("", "end")),
        ("4\nmore", {"finish_reason": "stop"}, ("\n",), ("4\n", "stop_string")),
        ("4\nmore", {"finish_reason": "length"}, ("more", "\n"), ("4\n", "stop_string")),
        ("4\n", {"finish_reason": "stop"}, ("\n",), ("4\n", "stop_string")),
        ("no", {"finish_reason": "content_filter"}, ("\n",), ("no", "end")),
    ],
)
def test_finish_reasons(text: str, metadata: dict[str, Any], stop: tuple[str, ...], expected: tuple[str, str]) -> None:
    sample = answer(Scripted(script=replying(text, **metadata)), stop=stop)
    assert (sample.text, sample.finish_reason) == expected


def test_usage_is_as_the_provider_reports() -> None:
    usage = {"input_tokens": 30, "output_tokens": 5, "total_tokens": 35, "input_token_details": {"cache_read": 16}}
    sample = answer(Scripted(script=lambda messages: AIMessage("4", usage_metadata=usage)))
    assert (sample.prompt_tokens, sample.cached_tokens, sample.generated_tokens) == (30, 16, 5)


def test_without_usage_the_upper_bounds_are_charged() -> None:
    sample = answer(Scripted(script=lambda messages: "한국"), prefix="넷")
    generator = ChatModelGenerator(Scripted())
    assert sample.prompt_tokens == generator.prompt_tokens(request(prefix="넷")) == 9 + 7 + 3 + 3 * 16
    assert sample.generated_tokens == 6
    assert answer(Scripted(script=lambda messages: "4" * 99), max_tokens=10).generated_tokens == 10


def test_the_text_of_content_blocks_is_read() -> None:
    blocks: list[str | dict[Any, Any]] = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "4"}]
    assert answer(Scripted(script=lambda messages: AIMessage(blocks))).text == "4"
    message = {"role": "user", "content": [{"type": "text", "text": "abc"}]}
    assert ChatModelGenerator(Scripted()).prompt_tokens(SampleRequest(messages=(message,))) == 3 + 2 * 16


def test_logprobs_and_confidence() -> None:
    tokens = {"content": [{"token": "4", "logprob": -0.5}, {"token": ".", "logprob": -1.5}]}
    sample = answer(Scripted(script=replying("4.", logprobs=tokens)), logprobs=True)
    assert (sample.logprobs, sample.confidence) == ((-0.5, -1.5), -1.0)
    assert answer(Scripted(script=replying("4.", logprobs=tokens))).logprobs is None


def test_a_request_fails_alone() -> None:
    def script(messages: list[BaseMessage]) -> str:
        if "fail" in messages[-1].text:
            raise ConnectionError("connection lost")
        return "4"

    good, bad = request(), SampleRequest(messages=({"role": "user", "content": "fail"},))
    replies = ChatModelGenerator(Scripted(script=script)).batch([good, bad], return_exceptions=True)
    assert [type(reply) for reply in replies] == [list, ConnectionError]


def test_the_models_token_limit_is_the_default_of_solutions() -> None:
    assert ChatModelGenerator(Scripted(num_predict=77)).max_tokens == 77
    assert ChatModelGenerator(Scripted()).max_tokens == 1024


def test_a_budget_holds_with_a_long_tool_call_in_the_history() -> None:
    usage = {"input_tokens": 1100, "output_tokens": 3, "total_tokens": 1103}
    model = Scripted(script=lambda messages: AIMessage("4", usage_metadata=usage))
    graph = create_self_consistency(Generator.from_chat_model(model), n=4).compile()
    call = {"name": "write", "args": {"body": "x" * 4000}, "id": "1"}
    messages: Any = [
        HumanMessage("q"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("ok", tool_call_id="1"),
        HumanMessage("?"),
    ]
    output = graph.invoke({"messages": messages}, context=SearchContext(max_tokens=20, budget=Budget(tokens=500)))
    assert model.calls == []
    assert output["result"]["stop_reason"] == "budget"


@pytest.mark.parametrize("wrap", [lambda model: model.with_retry(), lambda model: model.bind(stop=["x"])])
def test_a_wrapped_model_is_rejected(wrap: Callable[[BaseChatModel], Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"must be a chat model itself.*max_retries"):
        Generator.from_chat_model(wrap(Scripted()))


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def test_the_llm_cache_is_bypassed(cache: InMemoryCache) -> None:
    model = Scripted()
    graph = create_self_consistency(Generator.from_chat_model(model), n=3).compile()
    for _ in range(2):
        assert graph.invoke({"problem": "2 + 2"})["result"]["spend"]["calls"] == 3
    assert len(model.calls) == 6
    assert answer(Scripted(cache=cache)) == answer(Scripted(cache=True)) == answer(Scripted())
    assert not cache._cache


def test_usage_without_counts_is_charged_like_no_usage() -> None:
    usage: Any = {"total_cost": 0}
    partial = answer(Scripted(script=lambda messages: AIMessage("4").model_copy(update={"usage_metadata": usage})))
    assert partial == answer(Scripted())


class Waiting(Scripted):
    """Never replies; its second call may fail."""

    error: Exception | None = None
    log: list[str] = Field(default_factory=list)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        self.log.append("started")
        if self.error is not None and len(self.log) == 2:
            raise self.error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise


async def test_a_cancelled_search_ends_its_calls_and_makes_no_others() -> None:
    model = Waiting()
    graph = create_self_consistency(Generator.from_chat_model(model), n=8).compile()
    search = asyncio.ensure_future(graph.ainvoke({"problem": "2 + 2"}, {"max_concurrency": 2}))
    while len(model.log) < 2:
        await asyncio.sleep(0)
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.log == ["started", "started", "cancelled", "cancelled"]


async def test_an_error_that_ends_a_search_ends_its_calls() -> None:
    model = Waiting(error=InputError("bad"))
    graph = create_self_consistency(Generator.from_chat_model(model), n=3).compile()
    with pytest.raises(InputError, match="bad"):
        await graph.ainvoke({"problem": "2 + 2"})
    for _ in range(20):
        await asyncio.sleep(0)
    assert model.log.count("cancelled") == model.log.count("started") - 1
