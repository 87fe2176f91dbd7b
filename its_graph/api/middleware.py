"""ASGI middleware: API key, body size, allowed hosts, unexpected errors, and security headers."""

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from its_graph.api.errors import ApiError, log_unexpected, to_api_error

__all__ = [
    "AllowedHostsMiddleware",
    "ApiKeyMiddleware",
    "BodySizeMiddleware",
    "SecurityHeadersMiddleware",
    "UnexpectedErrorMiddleware",
]

_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
_SECURITY_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class ApiKeyMiddleware:
    """Rejects requests without the API key, except for the page's files and `/health`.

    Args:
        app: the wrapped application.
        api_key: the key.
    """

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app, self._expected = app, f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        if scope["type"] != "http" or _is_public(scope["path"]) or self._is_authorized(scope):
            await self._app(scope, receive, send)
            return
        error = ApiError(
            401,
            "Missing or invalid API key. Send `Authorization: Bearer <key>`.",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await error.reply()(scope, receive, send)

    def _is_authorized(self, scope: Scope) -> bool:
        header = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(header, self._expected)  # constant time, whatever part of the key is right


def _is_public(path: str) -> bool:
    return path in ("/", "/health") or path.startswith("/ui/")


class BodySizeMiddleware:
    """Reads the body of a request and rejects one that is too large before it is parsed.

    Args:
        app: the wrapped application.
        max_bytes: maximum size of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or reject it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        too_large = declared.isdigit() and int(declared) > self._max_bytes
        body = None if too_large else await self._read(receive)
        if body is None:
            error = ApiError(413, f"The body must not exceed {self._max_bytes:,} bytes.", code="body_too_large")
            await error.reply()(scope, receive, send)
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body; None if it is too large."""
        body, more = b"", True
        while more and len(body) <= self._max_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body if len(body) <= self._max_bytes else None


class AllowedHostsMiddleware:
    """Rejects requests for other hosts: prevents DNS rebinding, where another site points its name at this machine.

    Args:
        app: the wrapped application.
        allowed_hosts: accepted hosts, without a port.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app, self._allowed_hosts = app, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        if scope["type"] != "http" or _without_port(Headers(scope=scope).get("host", "")) in self._allowed_hosts:
            await self._app(scope, receive, send)
            return
        error = ApiError(421, f"The Host header must be one of: {', '.join(self._allowed_hosts)}.")
        await error.reply()(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


class UnexpectedErrorMiddleware:
    """Answers unexpected errors. It runs inside the other middleware, so that its reply gets their headers too.

    Args:
        app: the wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        reply_started = False

        async def tracking_send(message: Message) -> None:
            nonlocal reply_started
            reply_started = True
            await send(message)

        try:
            await self._app(scope, receive, tracking_send)
        except Exception as error:  # the network boundary: whatever failed, a client waits for a reply
            if reply_started:  # too late to send an error instead
                raise
            log_unexpected(error)
            await to_api_error(error).reply()(scope, receive, send)


class SecurityHeadersMiddleware:
    """Adds the headers that restrict what browsers may do with a reply.

    Args:
        app: the wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
