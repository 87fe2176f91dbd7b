"""Generate with any OpenAI-compatible server: vLLM, SGLang, llama.cpp, a cloud provider.

Each request in flight uses one pooled connection, whether it comes from a thread, a task of any event loop, or one of
many searches. Cancelling a search closes its connections, and the server stops generating for it. Several servers of
one model share the load by conversation (see `its_graph.serving.replicas`).
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

from its_graph.batching.loop import PerLoop
from its_graph.batching.runnables import AsyncRunnable
from its_graph.contracts import Generator, Sample, SampleRequest, Signal
from its_graph.errors import ConfigurationError, ContinuationError
from its_graph.generators.message_tokens import TEMPLATE_TOKENS
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

_CHAT_PATH = "/chat/completions"


class OpenAIGenerator(AsyncRunnable[SampleRequest, list[Sample]], Generator):
    """A model behind an OpenAI-compatible chat server as a generator.

    A request with a time limit (`timeout_s`), or whose tokens a caller watches, is streamed; text that has arrived when
    the time is over counts as cut off. Prompt tokens are bounded by the bytes of the text: a token budget reserves
    more than needed and is charged the exact usage.

    Args:
        model: Name of the model on the server.
        base_url: Base URL, usually ending in `/v1`; or several of the same model.
        api_key: API key of the server; by default ITS_GRAPH_SERVER_KEY or else OPENAI_API_KEY of the environment.
        dialect: Kind of server: `vllm`, `sglang`, `llamacpp`, `openai`, or a `Dialect`. `connect` detects it.
        parameters: Number of model parameters, for FLOPs; 0 if unknown.
        max_tokens: Default token limit of a solution.
        max_connections: Maximum number of requests in flight.
        silence_s: Seconds without data from the server after which a call fails.

    Raises:
        ConfigurationError: `dialect` is unknown, or a base URL is invalid.

    Example:
        >>> generator = OpenAIGenerator.connect("http://127.0.0.1:8000/v1")  # doctest: +SKIP
        >>> OpenAIGenerator("Qwen/Qwen2.5-1.5B-Instruct", dialect="vllm").can_continue
        True
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
            raise ConfigurationError(f"dialect must be one of {', '.join(DIALECTS)}, or a Dialect; got {dialect!r}.")
        self.model = model
        self.parameters = parameters
        self.max_tokens = max_tokens
        self.dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        self.can_continue = self.dialect.can_continue
        self._urls = validate_server_urls(base_url)
        create = partial(
            Replicas,
            self._urls,
            api_key=resolve_api_key(api_key),
            max_connections=max_connections,
            timeout_s=silence_s,
        )
        self._servers = PerLoop(create, Replicas.close)

    @classmethod
    def connect(
        cls, base_url: str | Sequence[str] = "http://127.0.0.1:8000/v1", model: str | None = None, **options: Any
    ) -> Self:
        """Create a generator for a running server, whose model list says what it serves and which dialect it uses.

        Args:
            base_url: As in the constructor.
            model: Name of the model; may be omitted if the server has only one.
            options: Other arguments of the constructor.

        Raises:
            ConnectionError: No server answers at `base_url`.
            ConfigurationError: The URL is invalid, the key is refused, or the server does not have the model, or has
                several and `model` is None.
        """
        generator = cls(model or "", base_url, **options)
        try:
            model_list = generator.own_loop.submit(generator._get("/models")).result()
            entry = _find_model(model_list, model, generator._urls[0])
        except BaseException:
            generator.close()
            raise
        generator.model = str(entry["id"])
        if "dialect" not in options:
            generator.dialect = DIALECTS.get(str(entry.get("owned_by")), Dialect(can_continue=False))
            generator.can_continue = generator.dialect.can_continue
        if isinstance(context := entry.get("max_model_len"), int):
            generator.max_tokens = min(generator.max_tokens, context // 2)
        return generator

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound: each token is at least one byte of what is sent. Images and files are not counted."""
        return sum(map(_max_message_tokens, request.messages)) + len(request.prefix.encode()) + TEMPLATE_TOKENS

    async def send(self, request: SampleRequest) -> list[Sample]:
        """Return `request.n` samples; cancelling it closes the connection and thereby ends the generation."""
        if request.prefix and not self.can_continue:
            raise ContinuationError(
                f"{self.model} on {self._urls[0]} is not known to continue an assistant message. Use a strategy of "
                "whole solutions (best_of_n, self_consistency, ...), or pass dialect= for a server that continues "
                "(vllm, sglang, llamacpp)."
            )
        body = chat_body(self.model, request, self.dialect)
        on_token = token_callback(request)
        if request.timeout_s is None and on_token is None:
            servers = await self._servers.get()
            reply = await servers.post(_CHAT_PATH, body, conversation=conversation_key(request))
        else:
            reply = await self._stream(request, body, on_token)
        try:
            return parse_samples(reply, request, self.dialect)
        except (KeyError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The reply of {self.model} cannot be used: {error}") from error

    async def _get(self, path: str) -> dict[str, Any]:
        servers = await self._servers.get()
        return await servers.get(path)

    async def _stream(
        self, request: SampleRequest, body: dict[str, Any], on_token: Callable[[str], None] | None
    ) -> dict[str, Any]:
        """Return the part of the reply that arrives within the request's time; pass text to `on_token` meanwhile."""
        body |= {"stream": True, "stream_options": dict(self.dialect.stream_options)}
        streamed = StreamedReply(request.n, on_token)
        servers = await self._servers.get()
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(request.timeout_s),
                servers.stream(_CHAT_PATH, body, conversation=conversation_key(request)) as response,
            ):
                async for line in response.content:
                    streamed.add_line(line.decode(errors="replace"))
        return streamed.whole()


def _find_model(model_list: dict[str, Any], name: str | None, url: str) -> dict[str, Any]:
    models = {str(entry.get("id")): entry for entry in model_list.get("data") or () if isinstance(entry, dict)}
    served = ", ".join(models) or "no model"
    if name is not None and name not in models:
        raise ConfigurationError(f"{url} does not serve {name!r}. It serves: {served}.")
    if name is None and len(models) != 1:
        raise ConfigurationError(f"{url} serves {len(models)} models ({served}). Choose one with model=.")
    return models[name] if name is not None else next(iter(models.values()))


def _max_message_tokens(message: Mapping[str, Any]) -> int:
    extra = {name: value for name, value in message.items() if name not in ("role", "content") and value}
    content_bytes = len(_content_text(message.get("content")).encode())
    return TEMPLATE_TOKENS + content_bytes + (len(json.dumps(extra)) if extra else 0)


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
