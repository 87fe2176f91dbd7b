"""Text is told while it is written, whoever writes it, and only to who wants it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from its_graph import Budget, SearchContext, create
from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.generators.chat_model import ChatModelGenerator
from its_graph.generators.openai import OpenAIGenerator
from its_graph.generators.transformers import TransformersGenerator
from its_graph.search.events import rebuild
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from its_graph.token_stream import subscribe
from tests.generators.chat_server import chat_server

QUESTION = {"problem": "Add 3, 5, 4."}
Ask = Callable[..., SampleRequest]


def told(generator: Generator, *requests: SampleRequest) -> tuple[dict[str, list[str]], list[list[Sample]]]:
    heard: dict[str, list[str]] = defaultdict(list)
    with subscribe(lambda name, text: heard[name].append(text)):
        replies = generator.batch(list(requests))
    return heard, replies


def test_a_script_is_told_word_by_word(ask: Ask) -> None:
    heard, [[sample]] = told(ScriptedGenerator(lambda request: "one two\n\nthree"), ask(stream_id="a"))
    assert heard == {"a": ["one ", "two\n\n", "three"]}
    assert sample.text == "one two\n\nthree"


@pytest.mark.parametrize("options", [{}, {"stop": ("a",)}, {"temperature": 0.0}, {"n": 3}])
def test_transformers_tell_token_by_token(generator: TransformersGenerator, ask: Ask, options: Any) -> None:
    requests = [ask(stream_id=name, seed=seed, **options) for seed, name in enumerate("abc")]
    heard, replies = told(generator, *requests)
    assert sorted(heard) == ["a", "b", "c"]
    for name, samples in zip("abc", replies, strict=True):
        assert samples[0].text.startswith("".join(heard[name])[: len(samples[0].text)])
        assert len("".join(heard[name])) >= len(samples[0].text.rstrip("\ufffd")) - 1
        assert len(heard[name]) > 1
    plain = generator.batch([request.model_copy(update={"stream_id": None}) for request in requests])
    assert plain == replies


def test_a_server_streams_only_where_somebody_listens(ask: Ask) -> None:
    parts = [
        {"choices": [{"index": 0, "delta": {"content": "one "}}]},
        {"choices": [{"index": 0, "delta": {"content": "two"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
    ]
    whole = {"choices": [{"index": 0, "message": {"content": "one two"}, "finish_reason": "stop"}]}
    with (
        chat_server(lambda body: parts if body.get("stream") else whole) as server,
        OpenAIGenerator("toy", server.url, dialect="vllm") as generator,
    ):
        heard, [[sample]] = told(generator, ask(stream_id="a"))
        assert heard == {"a": ["one ", "two"]}
        assert (sample.text, sample.finish_reason, sample.generated_tokens) == ("one two", "end", 2)
        assert told(generator, ask())[0] == {}
        generator.invoke(ask(stream_id="a"))
        assert [bool(body.get("stream")) for body in server.bodies] == [True, False, False]


def test_a_chat_model_streams(ask: Ask) -> None:
    heard, [[sample]] = told(ChatModelGenerator(FakeListChatModel(responses=["4!"])), ask(stream_id="a"))
    assert heard == {"a": ["4", "!"]}
    assert sample.text == "4!"


async def test_a_chat_model_streams_to_async_callers(ask: Ask) -> None:
    heard: list[str] = []
    model = GenericFakeChatModel(messages=iter([AIMessage("the answer is 4")]))
    with subscribe(lambda name, text: heard.append(text)):
        [sample] = await ChatModelGenerator(model).ainvoke(ask(stream_id="a"))
    assert len(heard) > 3
    assert "".join(heard) == sample.text == "the answer is 4"


def search(stream_tokens: bool, **options: Any) -> tuple[Any, SearchContext]:
    graph = create("beam_search", ToyGenerator(**options), ToyVerifier(), n=4, width=2).compile()
    return graph, SearchContext(seed=7, stream_tokens=stream_tokens, budget=Budget(generated_tokens=200))


def texts(events: Sequence[Any]) -> dict[str, str]:
    """Put the told texts together by their places."""
    written: dict[str, str] = {}
    for event in events:
        if event["type"] == "its.token_added":
            written[event["id"]] = written.get(event["id"], "")[: event["at"]] + event["text"]
    return written


async def test_a_search_tells_what_its_steps_will_be() -> None:
    graph, context = search(stream_tokens=True)
    sync = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
    events = [event async for event in graph.astream(QUESTION, context=context, stream_mode="custom")]
    steps = rebuild(events)["steps"]
    assert texts(events) == {key: step["text"] for key, step in steps.items()} == texts(sync)
    places = {event["id"]: index for index, event in enumerate(events) if event["type"] == "its.step_added"}
    assert all(index < places[event["id"]] for index, event in enumerate(events) if event["type"] == "its.token_added")


def test_nothing_is_told_unless_asked_for_and_the_search_is_the_same() -> None:
    results = []
    for wanted in (False, True):
        graph, context = search(stream_tokens=wanted)
        events = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
        assert bool(texts(events)) is wanted
        results.append(rebuild(events)["steps"])
    assert results[0] == results[1]


def test_a_call_that_is_repeated_begins_anew() -> None:
    toy, failed = ToyGenerator(), set()

    class Shaky(ScriptedGenerator):
        def invoke(self, input: SampleRequest, config: Any = None, **kwargs: Any) -> list[Sample]:
            samples = super().invoke(input, config)
            if input.seed not in failed:
                failed.add(input.seed)
                raise ConnectionError("lost amid its reply")
            return samples

    graph = create("self_consistency", Shaky(toy.script), n=2).compile()
    context = SearchContext(seed=7, stream_tokens=True)
    events = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
    begun = [event["id"] for event in events if event["type"] == "its.token_added" and event["at"] == 0]
    assert sorted(begun) == ["0", "0", "1", "1"]
    assert texts(events) == {key: step["text"] for key, step in rebuild(events)["steps"].items()}
