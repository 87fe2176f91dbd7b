"""Chat completions in OpenAI's format, whole and in chunks."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from its_graph.api.responses import format_sse

__all__ = ["DONE", "ChatReply", "CompletionFormat"]

DONE = "data: [DONE]\n\n"
"""The end of a stream."""


class ChatReply(NamedTuple):
    """The content of a completion."""

    message: Mapping[str, Any]
    """In OpenAI's format."""
    finish_reason: str
    usage: Mapping[str, Any]
    its: Mapping[str, Any]
    """What OpenAI's format has no field for: spend, strategy, stop reason, seed, answer."""


class CompletionFormat:
    """Formats the parts of one completion.

    Args:
        id: id of the completion.
        model: model name as in the request.
        include_usage: whether a final chunk reports the usage.
    """

    def __init__(self, id: str, model: str, include_usage: bool) -> None:
        self._shared_fields = {"id": f"chatcmpl-{id}", "created": int(time.time()), "model": model}
        self._include_usage = include_usage

    def completion(self, reply: ChatReply) -> dict[str, Any]:
        """Return the completion as one object."""
        choice = {"index": 0, "message": reply.message, "finish_reason": reply.finish_reason, "logprobs": None}
        content = {"choices": [choice], "usage": reply.usage, "its": reply.its}
        return {"object": "chat.completion", **self._shared_fields, **content}

    def first_chunk(self) -> str:
        """Return the first chunk, which holds the role."""
        return self.chunk({"role": "assistant", "content": ""})

    def chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None, **extra: Any) -> str:
        """Return a chunk that adds `delta` to the message."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._format(choices=[choice], **({"usage": None} if self._include_usage else {}), **extra)

    def last_chunks(self, reply: ChatReply) -> Iterator[str]:
        """Yield the last chunks: the finish reason, the usage if requested, and the end marker."""
        yield self.chunk({}, reply.finish_reason, its=reply.its)
        if self._include_usage:
            yield self._format(choices=[], usage=reply.usage)
        yield DONE

    def _format(self, **fields: Any) -> str:
        return format_sse({"object": "chat.completion.chunk", **self._shared_fields, **fields})
