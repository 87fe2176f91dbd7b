"""Generate with any OpenAI-compatible server: vLLM, SGLang, llama.cpp, a cloud.

One pooled connection a request under way, whoever asks: threads, tasks of any event loop, many searches. Who cancels a
search closes its connections, and the server ends what it was generating. Several servers of one model share the work
by conversation (see `its_graph.serving.replicas`).
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

from its_graph.batching.runnables import AsyncRunnable
from its_graph.batching.loop import PerLoop
from its_graph.contracts import Generator, Sample, SampleRequest, Signal
from its_graph.errors import ConfigurationError, ContinuationError
from its_graph.generators.openai_protocol import (
    DIALECTS,
    Dialect,
    StreamedReply,
    chat_body,
    conversation_key,
    parse_samples,
)
from its_graph.serving.replicas import Replicas, ServerReplyError
from its_graph.serving.server_address import resolve_api_key, validate_server_urls
from its_graph.token_stream import token_callback

__all__ = ["OpenAIGenerator"]

_CHAT = "/chat/completions"
_MARGIN = 16
"""Tokens that a chat template may add to a message, at most."""


class OpenAIGenerator(AsyncRunnable[SampleRequest, list[Sample]], Generator):
    """A model behind a chat server as a generator.

    With a limit of time (`timeout_s`), or somebody who watches, the reply is streamed; what has come when the time is
    over counts as cut off.
    Prompt tokens are bounded by the bytes of the text: a budget of tokens is reserved generously and settled exactly.

    Args:
        model: name of the model on the server.
        base_url: base URL, ending in `/v1` as a rule; or several of the same model.
        api_key: of the server; the environment's ITS_GRAPH_SERVER_KEY or else OPENAI_API_KEY unless given.
        dialect: what the server is: `vllm`, `sglang`, `llamacpp`, `openai`, or a `Dialect`. `connect` finds out.
        parameters: of the model, for FLOPs.
        max_tokens: longest solution worth asking for.
        max_connections: requests under way at the same time.
        silence_s: seconds without a sign of the server after which a call fails.

    Example:
        >>> generator = OpenAIGenerator.connect("http://127.0.0.1:8000/v1")
    """

    signals: frozenset[Signal] = frozenset({"logprobs", "token_confidences", "alternatives"})

    def __init__(
        self,
        model: str,
        base_url: str | Sequence[str] = "http://127.0.0.1:8000/v1",
        *,
        api_key: str | None = None,
        dialect: str | Dialect = "openai",
        parameters: int = 0,
        max_tokens: int = 1024,
        max_connections: int = 256,
        silence_s: float = 600.0,
    ) -> None:
        if isinstance(dialect, str) and dialect not in DIALECTS:
            raise ConfigurationError(f"There is no dialect {dialect!r}. Known: {', '.join(DIALECTS)}, or a Dialect.")
        self.model = model
        self.parameters = parameters
        self.max_tokens = max_tokens
        self.dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        self.can_continue = self.dialect.continues
        self._urls = validate_server_urls(base_url)
        make = partial(
            Replicas,
            self._urls,
            api_key=resolve_api_key(api_key),
            max_connections=max_connections,
            timeout_s=silence_s,
        )
        self._servers = PerLoop(make, Replicas.close)

    @classmethod
    def connect(
        cls, base_url: str | Sequence[str] = "http://127.0.0.1:8000/v1", model: str | None = None, **options: Any
    ) -> Self:
        """Ask a running server what it serves and what it can do.

        Args:
            base_url: as in the constructor.
            model: which of its models; the only one unless given.
            options: of the constructor.

        Raises:
            ConnectionError: nobody answers there.
            ConfigurationError: the address is none, the key is refused, or there is no such model, or more than one to
                choose from.
        """
        generator = cls(model or "", base_url, **options)
        try:
            listed = generator.own_loop.submit(generator._get("/models")).result()
            found = _listed_model(listed, model, generator._urls[0])
        except BaseException:
            generator.close()
            raise
        generator.model = str(found["id"])
        if "dialect" not in options:
            generator.dialect = DIALECTS.get(str(found.get("owned_by")), Dialect(continues=False))
            generator.can_continue = generator.dialect.continues
        if isinstance(longest := found.get("max_model_len"), int):
            generator.max_tokens = min(generator.max_tokens, longest // 2)
        return generator

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound: a token is at least one byte of what is sent. Images and files are not counted."""
        return sum(map(_most_tokens, request.messages)) + len(request.prefix.encode()) + _MARGIN

    async def send(self, request: SampleRequest) -> list[Sample]:
        """Return `request.n` samples; cancelling it closes the connection, and with it ends the generation."""
        if request.prefix and not self.can_continue:
            raise ContinuationError(
                f"{self.model} on {self._urls[0]} is not known to continue a given assistant message. Use a strategy "
                "of whole solutions (best_of_n, self_consistency, ...), or name the dialect of a server that continues "
                "(vllm, sglang, llamacpp)."
            )
        body = chat_body(self.model, request, self.dialect)
        tell = token_callback(request)
        if request.timeout_s is None and tell is None:
            servers = await self._servers.get()
            reply = await servers.post(_CHAT, body, conversation=conversation_key(request))
        else:
            reply = await self._streamed(request, body, tell)
        try:
            return parse_samples(reply, request, self.dialect)
        except (KeyError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The reply of {self.model} cannot be used: {error}") from error

    async def _get(self, path: str) -> dict[str, Any]:
        servers = await self._servers.get()
        return await servers.get(path)

    async def _streamed(
        self, request: SampleRequest, body: dict[str, Any], tell: Callable[[str], None] | None
    ) -> dict[str, Any]:
        """Return the reply as far as it came within the time of the request, and tell it on as it comes."""
        body |= {"stream": True, "stream_options": dict(self.dialect.usage_in_stream)}
        collected = StreamedReply(request.n, tell)
        servers = await self._servers.get()
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(request.timeout_s),
                servers.stream(_CHAT, body, conversation=conversation_key(request)) as reply,
            ):
                async for line in reply.content:
                    collected.take(line.decode(errors="replace"))
        return collected.reply()


def _listed_model(listed: dict[str, Any], wanted: str | None, url: str) -> dict[str, Any]:
    found = {str(one.get("id")): one for one in listed.get("data") or () if isinstance(one, dict)}
    names = ", ".join(found) or "none"
    if wanted is not None and wanted not in found:
        raise ConfigurationError(f"{url} does not serve {wanted!r}. It serves: {names}.")
    if wanted is None and len(found) != 1:
        raise ConfigurationError(f"{url} serves {len(found)} models ({names}); name one with model=.")
    return found[wanted] if wanted is not None else next(iter(found.values()))


def _most_tokens(message: Mapping[str, Any]) -> int:
    beside = {name: value for name, value in message.items() if name not in ("role", "content") and value}
    return _MARGIN + len(_plain(message.get("content")).encode()) + (len(json.dumps(beside)) if beside else 0)


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
