"""HTTP to one or several servers of the same model: pooled, kept to one replica a conversation, failing over.

All calls of one conversation go to one server, whose prefix cache then holds its tree; when that server is lost, the
next in the conversation's own order takes over, and it is asked again a while later. Calls to repeat for other reasons
(overload, a failure inside the server) are the node body's business, which knows the budget: the error that is raised
carries the response, with its status and `Retry-After`.
"""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from its_graph.errors import ConfigurationError, ItsGraphError, MissingExtraError, TruncationError
from its_graph.serving.server_address import KEY_VARIABLES

try:
    import aiohttp  # with 160 requests under way 16 times as fast as httpx, measured
except ImportError as error:
    raise MissingExtraError("aiohttp", "http") from error

__all__ = ["ErrorResponse", "Replicas", "ServerReplyError"]

_LOST_S = 30.0
"""A server that was lost is asked last for so long."""
_CONNECT_S = 10.0
_SHOWN = 300
_KEY_HINT = f"Set {KEY_VARIABLES[0]} to the server's own (it goes before {KEY_VARIABLES[1]}), or in Python api_key=."
_TOO_LONG = ("context length", "maximum context", "too long", "longer than", "max_model_len", "max_tokens")


class ErrorResponse(NamedTuple):
    """What a server said instead of a reply."""

    status_code: int
    headers: Mapping[str, str]
    text: str


class ServerReplyError(ItsGraphError, RuntimeError):
    """A server refused a request, or its reply cannot be used. `response` is what it said."""

    def __init__(self, message: str, response: ErrorResponse | None = None) -> None:
        super().__init__(message)
        self.response = response


class Replicas:
    """Servers of one model. Make and use it inside one event loop.

    Args:
        urls: base URLs, from `server_urls`.
        api_key: sent as bearer token.
        max_connections: requests under way at the same time, all servers together.
        timeout_s: longest silence of a server.
    """

    def __init__(self, urls: Sequence[str], *, api_key: str | None, max_connections: int, timeout_s: float) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._lost: dict[str, float] = {}
        self._client = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            connector=aiohttp.TCPConnector(limit=max_connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=timeout_s),
            # A proxy of the environment has no business between this machine and itself.
            trust_env=not all(map(_is_local, self._urls)),
        )

    async def post(self, path: str, body: Mapping[str, Any], *, conversation: str) -> dict[str, Any]:
        """Return the JSON object that a server answers.

        Raises:
            ConfigurationError: the key, the model or the path is wrong.
            TruncationError: the request is longer than the model's context.
            ServerReplyError: any other refusal, with the response.
            ConnectionError: no server can be reached.
        """
        async with self.stream(path, body, conversation=conversation) as response:
            return _object(response, await response.text())

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any], *, conversation: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Give the response of the first server that answers, its body unread. Leaving early closes the connection."""
        reasons = []
        for url in self._order(conversation):
            try:
                response = await self._client.post(url + path, json=body)
            except aiohttp.ClientConnectionError as error:
                self._lost[url] = time.monotonic()
                reasons.append(_told(url, error))
                continue
            self._lost.pop(url, None)
            async with response:
                try:
                    await _check(response)
                    yield response
                except aiohttp.ClientError as error:  # lost amid its reply: to be repeated by who knows the budget
                    self._lost[url] = time.monotonic()
                    raise ConnectionError(f"The connection was lost. {_told(url, error)}") from error
            return
        raise _unreachable(reasons)

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object of the first server that answers; errors as of `post`."""
        reasons = []
        for url in self._urls:
            try:
                async with self._client.get(url + path) as response:
                    await _check(response)
                    return _object(response, await response.text())
            except aiohttp.ClientConnectionError as error:
                reasons.append(_told(url, error))
        raise _unreachable(reasons)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _order(self, conversation: str) -> list[str]:
        """Return the servers in the conversation's own order (rendezvous hashing), those just lost last."""

        def rank(url: str) -> tuple[bool, bytes]:
            lost = time.monotonic() - self._lost.get(url, -_LOST_S) < _LOST_S
            return lost, hashlib.sha256(f"{url} {conversation}".encode()).digest()

        return sorted(self._urls, key=rank)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _told(url: str, error: Exception) -> str:
    return f"{url}: {type(error).__name__} {error}".rstrip()


def _unreachable(reasons: Sequence[str]) -> ConnectionError:
    return ConnectionError(f"No server can be reached ({'; '.join(reasons)}). Is it running?")


async def _check(response: aiohttp.ClientResponse) -> None:
    """Raise what a status means; nothing for success."""
    if response.ok:
        return
    refusal = ErrorResponse(response.status, response.headers, await response.text(errors="replace"))
    said, status, url = _said(refusal.text), response.status, response.url
    if status in (401, 403):
        raise ConfigurationError(f"{url} refuses the key ({status}): {said}. {_KEY_HINT}")
    if status == 404:
        raise ConfigurationError(f"{url} knows no such model or path (404): {said}. Check base URL and model name.")
    if status == 400 and any(word in said.lower() for word in _TOO_LONG):
        raise TruncationError(f"{url} refuses the request as too long: {said}")
    raise ServerReplyError(f"{url} answered {status}: {said}", refusal)


def _said(text: str) -> str:
    """Return the server's own words, shortened."""
    try:
        content = json.loads(text)
        error = content.get("error", content)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass
    text = " ".join(text.split()) or "(nothing)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _object(response: aiohttp.ClientResponse, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ServerReplyError(f"{response.url} answered no JSON: {_said(text)}") from error
    if not isinstance(content, dict):
        raise ServerReplyError(f"{response.url} answered no object: {_said(text)}")
    return content
