"""A scripted chat model for tests and examples: it calls tools, reports usage and streams."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import ToolCall, ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list
from langchain_core.tools import BaseTool
from pydantic import Field, PrivateAttr

__all__ = ["ScriptedChatModel", "calling"]

_TOKENS = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def calling(name: str, **args: Any) -> AIMessage:
    """Return a reply that calls the tool `name` with `args`."""
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=f"call_{name}", type="tool_call")])


class ScriptedChatModel(BaseChatModel):
    """Replies with what `script` returns for the conversation and the number of the call, counted from 0.

    Calls of one batch are numbered in batch order, calls of concurrent searches in order of arrival. Every reply costs
    10 prompt tokens and 5 generated tokens. An error raised by the script is the call's error.
    """

    script: Callable[[list[BaseMessage], int], AIMessage | str]
    tools: list[str] = Field(default_factory=list)
    """Names of the bound tools."""
    _calls: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def calls(self) -> list[list[BaseMessage]]:
        """The conversations of all calls, shared by all copies."""
        return self._calls

    @property
    def _llm_type(self) -> str:
        return "its-scripted"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Return a copy that knows the names of `tools`; copies count their calls together."""
        names = [str(getattr(tool, "name", getattr(tool, "__name__", tool))) for tool in tools]
        return self.model_copy(update={"tools": names})

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer sequentially: threads would number the calls in arbitrary order."""
        sequential = [RunnableConfig(**{**each, "max_concurrency": 1}) for each in get_config_list(config, len(inputs))]
        return super().batch(inputs, sequential, return_exceptions=return_exceptions, **kwargs)

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        with self._lock:
            self._calls.append(messages)
            number = len(self._calls) - 1
        reply = self.script(messages, number)
        message = AIMessage(reply) if isinstance(reply, str) else reply
        metadata = {**message.response_metadata, "model_name": "scripted"}
        calls = [{**call, "id": f"{call['id']}_{number}"} for call in message.tool_calls]
        update = {"usage_metadata": dict(_TOKENS), "response_metadata": metadata, "tool_calls": calls, "id": None}
        return message.model_copy(update=update)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages)
        for word in re.findall(r"\s*\S+", reply.text):
            yield _streamed(AIMessageChunk(content=word), run_manager)
        yield _streamed(_last_chunk(reply), run_manager)


def _streamed(message: AIMessageChunk, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    chunk = ChatGenerationChunk(message=message)
    if run_manager is not None:
        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
    return chunk


def _last_chunk(reply: AIMessage) -> AIMessageChunk:
    calls = [
        ToolCallChunk(
            name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index, type="tool_call_chunk"
        )
        for index, call in enumerate(reply.tool_calls)
    ]
    return AIMessageChunk(
        content="",
        tool_call_chunks=calls,
        usage_metadata=reply.usage_metadata,
        response_metadata=reply.response_metadata,
        chunk_position="last",
    )
