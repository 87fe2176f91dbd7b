"""What stands around every request: key, size of the body, name of the host, the reply to a failure, and headers."""

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from its_graph.api.errors import ApiError, to_api_error, log_unexpected

__all__ = ["BodySizeMiddleware", "UnexpectedErrorMiddleware", "SecurityHeadersMiddleware", "AllowedHostsMiddleware", "ApiKeyMiddleware"]

_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class ApiKeyMiddleware:
    """Let nobody in who does not know the key, but to the page's files and to `/health`.

    Args:
        app: what it stands before.
        api_key: the key.
    """

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app, self._expected = app, f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _is_open(scope["path"]) or self._knows(scope):
            await self._app(scope, receive, send)
            return
        error = ApiError(
            401,
            "A key is needed: send the header `Authorization: Bearer KEY`. A wrong one is as good as none.",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await error.reply()(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._expected)  # takes as long for a wrong key as for a nearly right one


def _is_open(path: str) -> bool:
    return path in ("/", "/health") or path.startswith("/ui/")


class BodySizeMiddleware:
    """Read a request's body, and refuse one that is too long before anything is made of it.

    Args:
        app: what it stands before.
        most: bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        body = None if declared.isdigit() and int(declared) > self._most else await self._read(receive)
        if body is None:
            error = ApiError(413, f"The body is longer than {self._most:,} bytes.", code="body_too_long")
            await error.reply()(scope, receive, send)
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def reread() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, reread, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body; None where it is too long."""
        body, more = b"", True
        while more and len(body) <= self._most:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body if len(body) <= self._most else None


class AllowedHostsMiddleware:
    """Refuse requests for other hosts: a page elsewhere can point a name of its own at this machine.

    Args:
        app: what it stands before.
        hosts: names by which the server may be called, without a port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _without_port(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
            return
        await ApiError(421, f"This server is called {', '.join(self._hosts)}.").reply()(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


class UnexpectedErrorMiddleware:
    """Answer for what fails unforeseen. It stands inside the other guards, so that its reply bears their headers too.

    Args:
        app: what it stands before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # the border to the network: whatever it was, a caller waits
            if begun:  # a reply that has begun cannot become another one
                raise
            log_unexpected(error)
            await to_api_error(error).reply()(scope, receive, send)


class SecurityHeadersMiddleware:
    """Put on every reply what tells browsers to trust it no further than needed.

    Args:
        app: what it stands before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
