"""HTTP to one or several servers of the same model: pooled, kept to one replica a conversation, failing over.

All calls of one conversation go to one server, whose prefix cache then holds its tree; when that server is lost, the
next in the conversation's own order takes over, and it is asked again a while later. Calls to repeat for other reasons
(overload, a failure inside the server) are the node body's business, which knows the budget: the error that is raised
carries the response, with its status and `Retry-After`.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from its_graph.errors import ConfigurationError, ItsGraphError, MissingExtraError, TruncationError

try:
    import httpx
except ImportError as error:
    raise MissingExtraError("httpx", "http") from error

__all__ = ["Replicas", "ServerReplyError"]

_LOST_S = 30.0
"""A server that was lost is asked last for so long."""
_CONNECT_S = 10.0
_SHOWN = 300
_TOO_LONG = ("context length", "maximum context", "too long", "longer than", "max_model_len", "max_tokens")


class ServerReplyError(ItsGraphError, RuntimeError):
    """A server refused a request, or its reply cannot be used. `response` is what it said."""

    def __init__(self, message: str, response: httpx.Response | None = None) -> None:
        super().__init__(message)
        self.response = response


class Replicas:
    """Servers of one model. Make and use it inside one event loop.

    Args:
        urls: base URLs.
        api_key: sent as bearer token.
        max_connections: requests under way at the same time, all servers together.
        timeout_s: longest silence of a server.
    """

    def __init__(self, urls: Sequence[str], *, api_key: str | None, max_connections: int, timeout_s: float) -> None:
        if not urls:
            raise ConfigurationError("No server was given; expected at least one base URL.")
        self._urls = [url.rstrip("/") for url in urls]
        self._lost: dict[str, float] = {}
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            timeout=httpx.Timeout(timeout_s, connect=_CONNECT_S, pool=None),
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
            await response.aread()
            return _object(response)

    @asynccontextmanager
    async def stream(self, path: str, body: Mapping[str, Any], *, conversation: str) -> AsyncIterator[httpx.Response]:
        """Give the response of the first server that answers, its body unread. Leaving early closes the connection."""
        reasons = []
        for url in self._order(conversation):
            request = self._client.build_request("POST", url + path, json=body)
            try:
                response = await self._client.send(request, stream=True)
            except httpx.TransportError as error:
                self._lost[url] = time.monotonic()
                reasons.append(f"{url}: {type(error).__name__} {error}".rstrip())
                continue
            self._lost.pop(url, None)
            try:
                await _check(response)
                yield response
            except httpx.TransportError as error:  # lost in the middle of its reply: another call, not another replica
                self._lost[url] = time.monotonic()
                raise ConnectionError(f"The connection to {url} was lost: {error or type(error).__name__}") from error
            finally:
                await response.aclose()
            return
        raise ConnectionError(f"No server can be reached ({'; '.join(reasons)}). Is it running?")

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object of the first server that answers; errors as of `post`."""
        reasons = []
        for url in self._urls:
            try:
                response = await self._client.get(url + path)
            except httpx.TransportError as error:
                reasons.append(f"{url}: {type(error).__name__} {error}".rstrip())
                continue
            await _check(response)
            return _object(response)
        raise ConnectionError(f"No server can be reached ({'; '.join(reasons)}). Is it running?")

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.shield(self._client.aclose())

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


async def _check(response: httpx.Response) -> None:
    """Raise what a status means; nothing for success."""
    if response.is_success:
        return
    await response.aread()
    said, status, url = _said(response), response.status_code, response.request.url
    if status in (401, 403):
        raise ConfigurationError(f"{url} refuses the key ({status}): {said}. Give the server's own with api_key=.")
    if status == 404:
        raise ConfigurationError(f"{url} knows no such model or path (404): {said}. Check base URL and model name.")
    if status == 400 and any(word in said.lower() for word in _TOO_LONG):
        raise TruncationError(f"{url} refuses the request as too long: {said}")
    raise ServerReplyError(f"{url} answered {status}: {said}", response)


def _said(response: httpx.Response) -> str:
    """Return the server's own words, shortened."""
    try:
        content = response.json()
        error = content.get("error", content)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        text = response.text
    text = " ".join(text.split()) or "(nothing)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError as error:
        raise ServerReplyError(f"{response.request.url} answered no JSON: {_said(response)}", response) from error
    if not isinstance(content, dict):
        raise ServerReplyError(f"{response.request.url} answered no object: {_said(response)}", response)
    return content
