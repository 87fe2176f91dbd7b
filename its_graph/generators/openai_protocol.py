"""What goes to an OpenAI-compatible chat server and what comes back: pure functions between records and JSON."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from its_graph.contracts import FinishReason, Sample, SampleRequest
from its_graph.generators.finish_reasons import text_and_finish_reason

__all__ = ["DIALECTS", "Dialect", "StreamedReply", "chat_body", "conversation_key", "parse_samples"]


class Dialect(NamedTuple):
    """In what servers differ that all speak OpenAI's language."""

    continues: bool
    """Whether a trailing assistant message is continued."""
    continuing: Mapping[str, Any] = {}
    """What a request says to have it continued."""
    keeps_stop: bool = False
    """Whether the stop string can be kept in the text; else the server cuts it off, and it is put back."""
    limit: str = "max_tokens"
    """What the limit of a reply is called."""
    usage_in_stream: Mapping[str, Any] = {"include_usage": True}


_FINAL = {"continue_final_message": True, "add_generation_prompt": False}

DIALECTS: Mapping[str, Dialect] = {
    "vllm": Dialect(
        continues=True,
        continuing=_FINAL,
        keeps_stop=True,
        usage_in_stream={"include_usage": True, "continuous_usage_stats": True},
    ),
    "sglang": Dialect(continues=True, continuing={"continue_final_message": True}),
    "llamacpp": Dialect(continues=True),
    "openai": Dialect(continues=False, limit="max_completion_tokens"),
}
"""By the `owned_by` of a server's model list; every other server is taken for one that does not continue."""


def chat_body(model: str, request: SampleRequest, dialect: Dialect) -> dict[str, Any]:
    """Return the body of `POST /chat/completions`."""
    messages = list(request.messages)
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "n": request.n,
        dialect.limit: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if request.prefix:
        body["messages"] = [*messages, {"role": "assistant", "content": request.prefix}]
        body |= dialect.continuing
    if request.seed is not None:
        body["seed"] = request.seed % 2**63
    if stop := [string for string in request.stop if string]:
        body["stop"] = stop
        body |= {"include_stop_str_in_output": True} if dialect.keeps_stop else {}
    alternatives = max(request.top_logprobs, request.alternatives)
    if request.logprobs or alternatives:
        body |= {"logprobs": True, "top_logprobs": alternatives}
    return body


def conversation_key(request: SampleRequest) -> str:
    """Return what names a conversation: all paths of one tree share it, whatever their prefix."""
    return repr(request.messages)


def parse_samples(reply: Mapping[str, Any], request: SampleRequest, dialect: Dialect) -> list[Sample]:
    """Return the samples of a whole reply.

    Raises:
        ValueError: it holds no text, or a refusal; the message says which.
    """
    choices = sorted(reply.get("choices") or (), key=lambda choice: choice.get("index", 0))
    if len(choices) != request.n:
        raise ValueError(f"The server gave {len(choices)} texts, {request.n} were asked for.")
    texts = [_text(choice) for choice in choices]
    usage = reply.get("usage") or {}
    generated = _shares(usage.get("completion_tokens"), texts, request.max_tokens)
    read, cached = _prompt(usage, request)
    return [
        _sample(choice, text, request, dialect, tokens, read, read if place else cached)
        for place, (choice, text, tokens) in enumerate(zip(choices, texts, generated, strict=True))
    ]


class StreamedReply:
    """The lines of a streamed reply, added up to the reply that it would have been; what has not ended is cut off."""

    def __init__(self, n: int, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._choices: list[dict[str, Any]] = [
            {"index": place, "message": {"content": ""}, "logprobs": {"content": []}, "finish_reason": "length"}
            for place in range(n)
        ]
        self._usage: dict[str, Any] = {}

    def take(self, line: str) -> None:
        """Add one line of server-sent events."""
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            return
        event = json.loads(data)
        self._usage = event.get("usage") or self._usage
        for part in event.get("choices") or ():
            choice = self._choices[part.get("index", 0)]
            text = (part.get("delta") or {}).get("content") or ""
            choice["message"]["content"] += text
            if self._tell is not None and choice["index"] == 0:
                self._tell(text)
            choice["logprobs"]["content"] += (part.get("logprobs") or {}).get("content") or []
            if part.get("finish_reason"):
                choice |= {"finish_reason": part["finish_reason"], "stop_reason": part.get("stop_reason")}

    def reply(self) -> dict[str, Any]:
        """Return the sum."""
        return {"choices": self._choices, "usage": self._usage}


def _sample(
    choice: Mapping[str, Any],
    said: str,
    request: SampleRequest,
    dialect: Dialect,
    generated: int,
    prompt_tokens: int,
    cached_tokens: int,
) -> Sample:
    text, reason = _ending(choice, said, request.stop, dialect)
    tokens = (choice.get("logprobs") or {}).get("content") or []
    logprobs = tuple(float(token["logprob"]) for token in tokens)
    return Sample(
        text=text,
        finish_reason=reason,
        prompt_tokens=prompt_tokens,
        cached_tokens=min(cached_tokens, prompt_tokens),
        generated_tokens=generated,
        confidence=math.fsum(logprobs) / len(logprobs) if logprobs else None,
        logprobs=logprobs if request.logprobs and logprobs else None,
        token_confidences=_confidences(tokens, request.top_logprobs) if request.top_logprobs and tokens else None,
        alternatives=tuple(_alternatives(token) for token in tokens) if request.alternatives and tokens else None,
    )


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message") or {}
    if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
        raise ValueError(f"The server refused: {message.get('refusal') or 'content filter'}.")
    return str(message.get("content") or "")


def _ending(choice: Mapping[str, Any], text: str, stop: tuple[str, ...], dialect: Dialect) -> tuple[str, FinishReason]:
    reason, by = choice.get("finish_reason"), choice.get("stop_reason")
    if dialect.keeps_stop and reason == "stop" and not any(string and string in text for string in stop):
        return text, "end"
    return text_and_finish_reason(text, {"finish_reason": reason, "stop_sequence": by}, stop)


def _prompt(usage: Mapping[str, Any], request: SampleRequest) -> tuple[int, int]:
    """Return prompt tokens and cached ones; a server that counts nothing is charged a byte a token."""
    details = usage.get("prompt_tokens_details") or {}
    counted = usage.get("prompt_tokens")
    if counted is None:
        counted = sum(len(str(message.get("content")).encode()) for message in request.messages)
        counted += len(request.prefix.encode())
    return int(counted), int(details.get("cached_tokens") or 0)


def _shares(total: int | None, texts: Sequence[str], longest: int) -> list[int]:
    """Share a reply's generated tokens out by the length of its texts; an unknown total is a byte a token."""
    sizes = [len(text.encode()) for text in texts]
    if total is None:
        return [min(size, longest) for size in sizes]
    shares = [total * size // max(sum(sizes), 1) for size in sizes]
    shares[0] += total - sum(shares)
    return shares


def _confidences(tokens: Sequence[Mapping[str, Any]], k: int) -> tuple[float, ...]:
    tops = ([float(one["logprob"]) for one in (token.get("top_logprobs") or ())[:k]] for token in tokens)
    return tuple(-math.fsum(top) / len(top) if top else 0.0 for top in tops)


def _alternatives(token: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    own = (str(token["token"]), float(token["logprob"]))
    others = [(str(one["token"]), float(one["logprob"])) for one in token.get("top_logprobs") or ()]
    return (own, *(one for one in others if one[0] != own[0]))
