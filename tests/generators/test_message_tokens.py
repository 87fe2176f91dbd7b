"""The upper bound of a message's tokens includes everything sent in addition to its text."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages

from its_graph.generators.message_tokens import TEMPLATE_TOKENS, max_message_tokens

TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "write", "arguments": '{"body": "%s"}' % ("x" * 4000)},
}


@pytest.mark.parametrize(
    ("message", "extra"),
    [
        ({"role": "assistant", "content": "", "tool_calls": [TOOL_CALL]}, 4000),
        ({"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "x" * 300}}, 300),
        ({"role": "assistant", "content": [{"type": "reasoning", "reasoning": "x" * 300}]}, 300),
        ({"role": "user", "name": "x" * 300, "content": "hi"}, 300),
        ({"role": "tool", "tool_call_id": "x" * 300, "content": "ok"}, 300),
    ],
)
def test_everything_sent_with_the_text_is_counted(message: dict[str, Any], extra: int) -> None:
    assert extra < max_message_tokens(*convert_to_messages([message])) < extra + 200


def test_calls_that_failed_to_parse_are_counted_and_images_are_not() -> None:
    broken = AIMessage("", invalid_tool_calls=[{"name": "f", "args": "x" * 300, "id": "1", "error": None}])
    assert max_message_tokens(broken) > 300
    assert max_message_tokens(HumanMessage([{"type": "image_url", "image_url": {"url": "x" * 300}}])) == TEMPLATE_TOKENS


@pytest.mark.parametrize("kind", ["video_url", "media", "image_file", "input_audio", "document"])
def test_files_are_not_counted(kind: str) -> None:
    assert max_message_tokens(HumanMessage([{"type": kind, "data": "x" * 9_000}])) == TEMPLATE_TOKENS
    assert max_message_tokens(AIMessage("", additional_kwargs={"audio": {"data": "x" * 9_000}})) == TEMPLATE_TOKENS


def test_a_text_counts_once_in_any_form() -> None:
    messages = [AIMessage("넷x"), AIMessage(["넷", "x"]), AIMessage([{"type": "text", "text": "넷x"}])]
    assert {max_message_tokens(message) for message in messages} == {4 + TEMPLATE_TOKENS}


def test_an_argument_counts_in_the_longest_encoding_a_template_may_use() -> None:
    call = {"name": "f", "args": {"text": "한" * 100}, "id": "1"}
    assert max_message_tokens(AIMessage("", tool_calls=[call])) > len("\\ud55c") * 100
