"""Generate with any OpenAI-compatible server: vLLM, SGLang, llama.cpp, a cloud.

One pooled connection a request under way, whoever asks: threads, tasks of any event loop, many searches. Who cancels a
search closes its connections, and the server ends what it was generating. Several servers of one model share the work
by conversation (see `its_graph.serving.replicas`).
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from its_graph.batching.futures import FutureRunnable
from its_graph.batching.loop import LoopThread
from its_graph.contracts import Generator, Sample, SampleRequest, Signal
from its_graph.errors import ConfigurationError, ContinuationError
from its_graph.generators.openai_wire import (
    DIALECTS,
    Dialect,
    Streamed,
    chat_body,
    conversation_key,
    samples_of,
)
from its_graph.serving.replicas import Replicas, ServerReplyError

__all__ = ["OpenAIGenerator"]

_CHAT = "/chat/completions"
_MARGIN = 16
"""Tokens that a chat template may add to a message, at most."""


class OpenAIGenerator(FutureRunnable[SampleRequest, list[Sample]], Generator):
    """A model behind a chat server as a generator.

    With a limit of time (`timeout_s`) the reply is streamed, and what has come when it is over counts as cut off.
    Prompt tokens are bounded by the bytes of the text: a budget of tokens is reserved generously and settled exactly.

    Args:
        model: name of the model on the server.
        base_url: base URL, ending in `/v1` as a rule; or several of the same model.
        api_key: of the server; the environment's OPENAI_API_KEY unless given.
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
        self._urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self._key = api_key or os.environ.get("OPENAI_API_KEY")
        self._max_connections, self._silence_s = max_connections, silence_s
        self._loop = LoopThread("openai generator")
        self._replicas: Replicas | None = None

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
            ConfigurationError: the key is refused, or there is no such model, or more than one to choose from.
        """
        generator = cls(model or "", base_url, **options)
        try:
            listed = generator._call(generator._get("/models")).result()
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
        """Return an upper bound: a token is at least one byte of text. Images and files are not counted."""
        texts = [*(_plain(message.get("content")) for message in request.messages), request.prefix]
        return sum(len(text.encode()) + _MARGIN for text in texts)

    def futures(self, inputs: Sequence[SampleRequest]) -> list[Future[list[Sample]]]:
        """Start the requests."""
        return [self._start(request) for request in inputs]

    def close(self) -> None:
        """Close the connections; requests that are still running fail."""
        self._loop.close(None if self._replicas is None else self._replicas.close())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _start(self, request: SampleRequest) -> Future[list[Sample]]:
        if request.prefix and not self.can_continue:
            refused: Future[list[Sample]] = Future()
            refused.set_exception(
                ContinuationError(
                    f"{self.model} on {self._urls[0]} is not known to continue a given assistant message. Use a "
                    "strategy of whole solutions (best_of_n, self_consistency, ...), or name the dialect of a server "
                    "that continues (vllm, sglang, llamacpp)."
                )
            )
            return refused
        return self._call(self._sample(request))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return self._loop.submit(coroutine)

    def _servers(self) -> Replicas:
        """Return the client, made inside the loop that uses it."""
        if self._replicas is None:
            self._replicas = Replicas(
                self._urls, api_key=self._key, max_connections=self._max_connections, timeout_s=self._silence_s
            )
        return self._replicas

    async def _get(self, path: str) -> dict[str, Any]:
        return await self._servers().get(path)

    async def _sample(self, request: SampleRequest) -> list[Sample]:
        body = chat_body(self.model, request, self.dialect)
        if request.timeout_s is None:
            reply = await self._servers().post(_CHAT, body, conversation=conversation_key(request))
        else:
            reply = await self._streamed(request, body, request.timeout_s)
        try:
            return samples_of(reply, request, self.dialect)
        except (KeyError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The reply of {self.model} cannot be used: {error}") from error

    async def _streamed(self, request: SampleRequest, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the reply as far as it came within so many seconds."""
        body |= {"stream": True, "stream_options": dict(self.dialect.usage_in_stream)}
        collected = Streamed(request.n)
        servers = self._servers()
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(seconds),
                servers.stream(_CHAT, body, conversation=conversation_key(request)) as reply,
            ):
                async for line in reply.aiter_lines():
                    collected.take(line)
        return collected.reply()


def _listed_model(listed: dict[str, Any], wanted: str | None, url: str) -> dict[str, Any]:
    found = {str(one.get("id")): one for one in listed.get("data") or () if isinstance(one, dict)}
    names = ", ".join(found) or "none"
    if wanted is not None and wanted not in found:
        raise ConfigurationError(f"{url} does not serve {wanted!r}. It serves: {names}.")
    if wanted is None and len(found) != 1:
        raise ConfigurationError(f"{url} serves {len(found)} models ({names}); name one with model=.")
    return found[wanted] if wanted is not None else next(iter(found.values()))


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
