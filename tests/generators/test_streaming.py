"""Backends stream the text of a sample while they write it."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.generators.chat_model import ChatModelGenerator
from its_graph.generators.openai import OpenAIGenerator
from its_graph.generators.transformers import TransformersGenerator
from its_graph.token_stream import subscribe
from tests.generators.chat_server import chat_server

Ask = Callable[..., SampleRequest]


def streamed(generator: Generator, *requests: SampleRequest) -> tuple[dict[str, list[str]], list[list[Sample]]]:
    texts: dict[str, list[str]] = defaultdict(list)
    with subscribe(lambda stream_id, text: texts[stream_id].append(text)):
        replies = generator.batch(list(requests))
    return texts, replies


@pytest.mark.parametrize("options", [{}, {"stop": ("a",)}, {"temperature": 0.0}, {"n": 3}])
def test_transformers_streams_token_by_token(generator: TransformersGenerator, ask: Ask, options: Any) -> None:
    requests = [ask(stream_id=name, seed=seed, **options) for seed, name in enumerate("abc")]
    texts, replies = streamed(generator, *requests)
    assert sorted(texts) == ["a", "b", "c"]
    for name, samples in zip("abc", replies, strict=True):
        assert samples[0].text.startswith("".join(texts[name])[: len(samples[0].text)])
        assert len("".join(texts[name])) >= len(samples[0].text.rstrip("\ufffd")) - 1
        assert len(texts[name]) > 1
    plain = generator.batch([request.model_copy(update={"stream_id": None}) for request in requests])
    assert plain == replies


def test_a_server_streams_only_if_somebody_listens(ask: Ask) -> None:
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
        texts, [[sample]] = streamed(generator, ask(stream_id="a"))
        assert texts == {"a": ["one ", "two"]}
        assert (sample.text, sample.finish_reason, sample.generated_tokens) == ("one two", "end", 2)
        assert streamed(generator, ask())[0] == {}
        generator.invoke(ask(stream_id="a"))
        assert [bool(body.get("stream")) for body in server.bodies] == [True, False, False]


def test_a_chat_model_streams(ask: Ask) -> None:
    texts, [[sample]] = streamed(ChatModelGenerator(FakeListChatModel(responses=["4!"])), ask(stream_id="a"))
    assert texts == {"a": ["4", "!"]}
    assert sample.text == "4!"


async def test_a_chat_model_streams_to_async_callers(ask: Ask) -> None:
    texts: list[str] = []
    model = GenericFakeChatModel(messages=iter([AIMessage("the answer is 4")]))
    with subscribe(lambda stream_id, text: texts.append(text)):
        [sample] = await ChatModelGenerator(model).ainvoke(ask(stream_id="a"))
    assert len(texts) > 3
    assert "".join(texts) == sample.text == "the answer is 4"
