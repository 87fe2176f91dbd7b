"""Requests to and replies of an OpenAI-compatible chat server: pure functions between records and JSON."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from its_graph.contracts import FinishReason, Sample, SampleRequest
from its_graph.generators.finish_reasons import text_and_finish_reason

__all__ = ["DIALECTS", "Dialect", "StreamedReply", "chat_body", "conversation_key", "parse_samples"]


class Dialect(NamedTuple):
    """How a server's chat API differs from other OpenAI-compatible servers."""

    can_continue: bool
    """Whether a trailing assistant message is continued."""
    continuation_fields: Mapping[str, Any] = {}
    """Fields of a request that make the server continue it."""
    keeps_stop_string: bool = False
    """Whether the server can keep the stop string in the text; if not, it cuts it off, and we append it again."""
    limit_field: str = "max_tokens"
    """Name of the field that limits the length of a reply."""
    stream_options: Mapping[str, Any] = {"include_usage": True}


_CONTINUE_FINAL = {"continue_final_message": True, "add_generation_prompt": False}

DIALECTS: Mapping[str, Dialect] = {
    "vllm": Dialect(
        can_continue=True,
        continuation_fields=_CONTINUE_FINAL,
        keeps_stop_string=True,
        stream_options={"include_usage": True, "continuous_usage_stats": True},
    ),
    "sglang": Dialect(can_continue=True, continuation_fields={"continue_final_message": True}),
    "llamacpp": Dialect(can_continue=True),
    "openai": Dialect(can_continue=False, limit_field="max_completion_tokens"),
}
"""By `owned_by` in a server's model list; any other server is assumed not to continue assistant messages."""


def chat_body(model: str, request: SampleRequest, dialect: Dialect) -> dict[str, Any]:
    """Return the body of `POST /chat/completions`."""
    messages = list(request.messages)
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "n": request.n,
        dialect.limit_field: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if request.prefix:
        body["messages"] = [*messages, {"role": "assistant", "content": request.prefix}]
        body |= dialect.continuation_fields
    if request.seed is not None:
        body["seed"] = request.seed % 2**63
    if stop := [string for string in request.stop if string]:
        body["stop"] = stop
        body |= {"include_stop_str_in_output": True} if dialect.keeps_stop_string else {}
    top_logprobs = max(request.top_logprobs, request.alternatives)
    if request.logprobs or top_logprobs:
        body |= {"logprobs": True, "top_logprobs": top_logprobs}
    return body


def conversation_key(request: SampleRequest) -> str:
    """Return the key of a conversation: all paths of one tree share it, whatever their prefix."""
    return repr(request.messages)


def parse_samples(reply: Mapping[str, Any], request: SampleRequest, dialect: Dialect) -> list[Sample]:
    """Return the samples of a whole reply.

    Raises:
        ValueError: The reply has the wrong number of choices, or is a refusal; the message says which.
    """
    choices = sorted(reply.get("choices") or (), key=lambda choice: choice.get("index", 0))
    if len(choices) != request.n:
        raise ValueError(f"The reply must have n={request.n} choices; got {len(choices)}.")
    texts = [_choice_text(choice) for choice in choices]
    usage = reply.get("usage") or {}
    generated = _split_tokens(usage.get("completion_tokens"), texts, request.max_tokens)
    prompt_tokens, cached_tokens = _prompt_usage(usage, request)
    return [
        # The samples share one prompt: it is read for the first and cached for the others.
        _sample(choice, text, request, dialect, tokens, prompt_tokens, prompt_tokens if index else cached_tokens)
        for index, (choice, text, tokens) in enumerate(zip(choices, texts, generated, strict=True))
    ]


class StreamedReply:
    """Adds the lines of a streamed reply up to the whole reply; a choice that has not ended counts as cut off.

    Args:
        n: Number of samples requested.
        on_token: Receives the new text of the first sample.
    """

    def __init__(self, n: int, on_token: Callable[[str], None] | None = None) -> None:
        self._on_token = on_token
        self._choices: list[dict[str, Any]] = [
            {"index": index, "message": {"content": ""}, "logprobs": {"content": []}, "finish_reason": "length"}
            for index in range(n)
        ]
        self._usage: dict[str, Any] = {}

    def add_line(self, line: str) -> None:
        """Add one line of the stream of server-sent events."""
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            return
        event = json.loads(data)
        self._usage = event.get("usage") or self._usage
        for delta in event.get("choices") or ():
            choice = self._choices[delta.get("index", 0)]
            text = (delta.get("delta") or {}).get("content") or ""
            choice["message"]["content"] += text
            if self._on_token is not None and choice["index"] == 0:
                self._on_token(text)
            choice["logprobs"]["content"] += (delta.get("logprobs") or {}).get("content") or []
            if delta.get("finish_reason"):
                choice |= {"finish_reason": delta["finish_reason"], "stop_reason": delta.get("stop_reason")}

    def whole(self) -> dict[str, Any]:
        """Return the reply so far, in the form of a reply that is not streamed."""
        return {"choices": self._choices, "usage": self._usage}


def _sample(
    choice: Mapping[str, Any],
    choice_text: str,
    request: SampleRequest,
    dialect: Dialect,
    generated_tokens: int,
    prompt_tokens: int,
    cached_tokens: int,
) -> Sample:
    text, finish_reason = _ending(choice, choice_text, request.stop, dialect)
    tokens = (choice.get("logprobs") or {}).get("content") or []
    logprobs = tuple(float(token["logprob"]) for token in tokens)
    return Sample(
        text=text,
        finish_reason=finish_reason,
        prompt_tokens=prompt_tokens,
        cached_tokens=min(cached_tokens, prompt_tokens),
        generated_tokens=generated_tokens,
        confidence=math.fsum(logprobs) / len(logprobs) if logprobs else None,
        logprobs=logprobs if request.logprobs and logprobs else None,
        token_confidences=_confidences(tokens, request.top_logprobs) if request.top_logprobs and tokens else None,
        alternatives=tuple(_alternatives(token) for token in tokens) if request.alternatives and tokens else None,
    )


def _choice_text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message") or {}
    if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
        raise ValueError(f"The server refused: {message.get('refusal') or 'content filter'}.")
    return str(message.get("content") or "")


def _ending(choice: Mapping[str, Any], text: str, stop: tuple[str, ...], dialect: Dialect) -> tuple[str, FinishReason]:
    reason, stop_sequence = choice.get("finish_reason"), choice.get("stop_reason")
    if dialect.keeps_stop_string and reason == "stop" and not any(string and string in text for string in stop):
        return text, "end"
    return text_and_finish_reason(text, {"finish_reason": reason, "stop_sequence": stop_sequence}, stop)


def _prompt_usage(usage: Mapping[str, Any], request: SampleRequest) -> tuple[int, int]:
    """Return prompt tokens and cached ones; without reported usage, one token per byte."""
    details = usage.get("prompt_tokens_details") or {}
    tokens = usage.get("prompt_tokens")
    if tokens is None:
        tokens = sum(len(str(message.get("content")).encode()) for message in request.messages)
        tokens += len(request.prefix.encode())
    return int(tokens), int(details.get("cached_tokens") or 0)


def _split_tokens(total: int | None, texts: Sequence[str], limit: int) -> list[int]:
    """Split a reply's generated tokens in proportion to its texts; without a reported total, one token per byte."""
    sizes = [len(text.encode()) for text in texts]
    if total is None:
        return [min(size, limit) for size in sizes]
    tokens = [total * size // max(sum(sizes), 1) for size in sizes]
    tokens[0] += total - sum(tokens)
    return tokens


def _confidences(tokens: Sequence[Mapping[str, Any]], k: int) -> tuple[float, ...]:
    top_k = ([float(top["logprob"]) for top in (token.get("top_logprobs") or ())[:k]] for token in tokens)
    return tuple(-math.fsum(logprobs) / len(logprobs) if logprobs else 0.0 for logprobs in top_k)


def _alternatives(token: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    sampled = (str(token["token"]), float(token["logprob"]))
    top = [(str(other["token"]), float(other["logprob"])) for other in token.get("top_logprobs") or ()]
    return (sampled, *(other for other in top if other[0] != sampled[0]))
