"""Chat completions in OpenAI's form, whole and in chunks."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from its_graph.api.responses import format_sse

__all__ = ["DONE", "ChatReply", "Completion"]

DONE = "data: [DONE]\n\n"


class ChatReply(NamedTuple):
    """What is answered."""

    message: Mapping[str, Any]
    """In OpenAI's form."""
    finish_reason: str
    usage: Mapping[str, Any]
    its: Mapping[str, Any]
    """What OpenAI's form has no place for: ledger, strategy, stop reason, seed, answer."""


class Completion:
    """The frame that all parts of one completion share.

    Args:
        id: of the completion.
        model: as it was asked for.
        tells_usage: whether a last chunk tells the usage.
    """

    def __init__(self, id: str, model: str, tells_usage: bool) -> None:
        self._frame = {"id": f"chatcmpl-{id}", "created": int(time.time()), "model": model}
        self._tells_usage = tells_usage

    def whole(self, reply: ChatReply) -> dict[str, Any]:
        """Return the completion as one object."""
        choice = {"index": 0, "message": reply.message, "finish_reason": reply.finish_reason, "logprobs": None}
        told = {"choices": [choice], "usage": reply.usage, "its": reply.its}
        return {"object": "chat.completion", **self._frame, **told}

    def begin(self) -> str:
        """Return the first chunk: who speaks."""
        return self.delta({"role": "assistant", "content": ""})

    def delta(self, delta: Mapping[str, Any], finish_reason: str | None = None, **more: Any) -> str:
        """Return a chunk that adds `delta` to the message."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._chunk(choices=[choice], **({"usage": None} if self._tells_usage else {}), **more)

    def end(self, reply: ChatReply) -> Iterator[str]:
        """Yield the last chunks: why it ends, the usage if it was asked for, and the mark behind everything."""
        yield self.delta({}, reply.finish_reason, its=reply.its)
        if self._tells_usage:
            yield self._chunk(choices=[], usage=reply.usage)
        yield DONE

    def _chunk(self, **told: Any) -> str:
        return format_sse({"object": "chat.completion.chunk", **self._frame, **told})
