"""HTTP to one or several servers of the same model: pooled connections, cache affinity, failover.

All calls of one conversation go to one server, whose prefix cache then holds its tree. If that server is lost, the next
one in the conversation's own order takes over; the lost server is tried again later. Calls to repeat for other reasons
(overload, a failure inside the server) are left to the model node, which knows the budget: the error that is raised
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
    import aiohttp  # 16 times as fast as httpx with 160 requests in flight, measured
except ImportError as error:
    raise MissingExtraError("aiohttp", "http") from error

__all__ = ["ErrorResponse", "Replicas", "ServerReplyError"]

_LOST_S = 30.0
"""For this long after a connection failure, a server is tried last."""
_CONNECT_S = 10.0
_SHOWN_CHARACTERS = 300
_KEY_REMEDY = (
    f"Set {KEY_VARIABLES[0]} to the server's key (it precedes {KEY_VARIABLES[1]}), or pass api_key= in Python."
)
_TOO_LONG = ("context length", "maximum context", "too long", "longer than", "max_model_len", "max_tokens")


class ErrorResponse(NamedTuple):
    """The response of a server that refused a request."""

    status_code: int
    headers: Mapping[str, str]
    text: str


class ServerReplyError(ItsGraphError, RuntimeError):
    """A server refused a request, or its reply cannot be used.

    Args:
        message: What happened.
        response: The server's response, if it refused the request.
    """

    def __init__(self, message: str, response: ErrorResponse | None = None) -> None:
        super().__init__(message)
        self.response = response


class Replicas:
    """Servers of one model. Create and use it inside one event loop.

    Args:
        urls: Base URLs, from `validate_server_urls`.
        api_key: Sent as a bearer token.
        max_connections: Maximum number of requests in flight, all servers together.
        timeout_s: Seconds without data from a server after which a call fails.
    """

    def __init__(self, urls: Sequence[str], *, api_key: str | None, max_connections: int, timeout_s: float) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._lost_at: dict[str, float] = {}
        self._client = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            connector=aiohttp.TCPConnector(limit=max_connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=timeout_s),
            # A proxy of the environment must not come between this machine and itself.
            trust_env=not all(map(_is_local, self._urls)),
        )

    async def post(self, path: str, body: Mapping[str, Any], *, conversation: str) -> dict[str, Any]:
        """Return the JSON object that a server replies with.

        Args:
            path: Path below the base URL.
            body: JSON data to send.
            conversation: Key of the conversation, which decides the server.

        Raises:
            ConfigurationError: The key, the model or the path is wrong.
            TruncationError: The request is longer than the model's context.
            ServerReplyError: Any other refusal, with the response.
            ConnectionError: No server can be reached.
        """
        async with self.stream(path, body, conversation=conversation) as response:
            return _parse_object(response, await response.text())

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any], *, conversation: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the unread response of the first server that answers. Leaving early closes the connection."""
        failures = []
        for url in self._in_order(conversation):
            try:
                response = await self._client.post(url + path, json=body)
            except aiohttp.ClientConnectionError as error:
                self._lost_at[url] = time.monotonic()
                failures.append(_describe(url, error))
                continue
            self._lost_at.pop(url, None)
            async with response:
                try:
                    await _raise_for_status(response)
                    yield response
                except aiohttp.ClientError as error:  # lost during its reply: the model node decides about a retry
                    self._lost_at[url] = time.monotonic()
                    raise ConnectionError(f"The connection was lost. {_describe(url, error)}") from error
            return
        raise _unreachable(failures)

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object of the first server that answers; raises as `post` does."""
        failures = []
        for url in self._urls:
            try:
                async with self._client.get(url + path) as response:
                    await _raise_for_status(response)
                    return _parse_object(response, await response.text())
            except aiohttp.ClientConnectionError as error:
                failures.append(_describe(url, error))
        raise _unreachable(failures)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _in_order(self, conversation: str) -> list[str]:
        """Return the servers in the conversation's own order (rendezvous hashing), those just lost last."""

        def sort_key(url: str) -> tuple[bool, bytes]:
            is_lost = time.monotonic() - self._lost_at.get(url, -_LOST_S) < _LOST_S
            return is_lost, hashlib.sha256(f"{url} {conversation}".encode()).digest()

        return sorted(self._urls, key=sort_key)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _describe(url: str, error: Exception) -> str:
    return f"{url}: {type(error).__name__} {error}".rstrip()


def _unreachable(failures: Sequence[str]) -> ConnectionError:
    return ConnectionError(
        f"Could not connect to a server ({'; '.join(failures)}). Start it, for example with `its-graph serve`, or "
        "correct the base URL."
    )


async def _raise_for_status(response: aiohttp.ClientResponse) -> None:
    """Raise the error that a status code stands for; nothing on success."""
    if response.ok:
        return
    refusal = ErrorResponse(response.status, response.headers, await response.text(errors="replace"))
    message, status, url = _server_message(refusal.text), response.status, response.url
    if status in (401, 403):
        raise ConfigurationError(f"{url} refused the API key ({status}): {message}. {_KEY_REMEDY}")
    if status == 404:
        raise ConfigurationError(
            f"{url} has no such model or path (404): {message}. Check the base URL (it usually ends in /v1) and the "
            "model name."
        )
    if status == 400 and any(phrase in message.lower() for phrase in _TOO_LONG):
        raise TruncationError(f"{url} refused the request as too long: {message}")
    raise ServerReplyError(f"{url} returned {status}: {message}", refusal)


def _server_message(text: str) -> str:
    """Return the error message in a server's response, shortened."""
    try:
        content = json.loads(text)
        error = content.get("error", content)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass
    text = " ".join(text.split()) or "(empty response)"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _parse_object(response: aiohttp.ClientResponse, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ServerReplyError(f"{response.url} must return JSON; got: {_server_message(text)}") from error
    if not isinstance(content, dict):
        raise ServerReplyError(f"{response.url} must return a JSON object; got: {_server_message(text)}")
    return content
