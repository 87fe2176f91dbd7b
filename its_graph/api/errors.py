"""Errors in the format of OpenAI's API: `{"error": {message, type, param, code}}`."""

import ast
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from its_graph import errors as library_errors
from its_graph.api.responses import JsonReply
from its_graph.errors import ConfigurationError, InputError, ItsGraphError

__all__ = [
    "ApiError",
    "install_error_handlers",
    "log_unexpected",
    "parse_stored_error",
    "to_api_error",
    "validation_error",
]

_log = logging.getLogger(__name__)

_NO_RETRY = {"x-should-retry": "false"}
"""OpenAI's clients retry 5xx and 409; a retry of a failed search would only cost its price again."""


class ApiError(Exception):
    """A rejected request or a failed search.

    Args:
        status: HTTP status.
        message: what is wrong, what is expected, and the remedy.
        param: the request field that caused the error.
        code: machine-readable error code.
        headers: headers of the reply.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the body of the reply."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def reply(self) -> JsonReply:
        """Return the whole reply."""
        return JsonReply(self.body(), self.status, headers=self.headers)


def to_api_error(error: BaseException) -> ApiError:
    """Return an exception of a search as an API error: a client error if the client can fix it.

    For an exception that is not the library's own only the type is reported: its text may contain details of the
    server (see `log_unexpected`).
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InputError):
        return ApiError(400, str(error), param="messages", code="invalid_question")
    if isinstance(error, ConfigurationError):
        return ApiError(400, str(error), code="invalid_settings")
    return _search_failed(str(error) if isinstance(error, ItsGraphError) else _redacted(type(error).__name__))


def parse_stored_error(stored: str) -> ApiError | None:
    """Return why a search of an earlier server failed, given the `repr` of its exception; None if it was cancelled.

    The `repr` is what LangGraph stores of an exception. As in `to_api_error`, only the type is reported for exceptions
    that are not the library's own.
    """
    match = re.fullmatch(r"(\w+)\((.*)\)", stored, re.DOTALL)
    kind, arguments = match.groups() if match else ("Error", "")
    if kind == "CancelledError":
        return None
    if kind not in library_errors.__all__:
        return _search_failed(_redacted(kind))
    try:
        message = ast.literal_eval(arguments)
    except (ValueError, SyntaxError):
        message = None
    return _search_failed(message if isinstance(message, str) else kind)


def _search_failed(message: str) -> ApiError:
    return ApiError(500, message, code="search_failed", headers=_NO_RETRY)


def _redacted(kind: str) -> str:
    return f"{kind}. See the server's log for details."


def log_unexpected(error: BaseException) -> None:
    """Log an exception that is not the library's own, since clients do not get its text."""
    if not isinstance(error, ApiError | ItsGraphError):
        _log.error("A request or a search failed.", exc_info=error)


def validation_error(details: Sequence[Any], status: int) -> ApiError:
    """Return the first of pydantic's validation errors as an error that names the field."""
    first = details[0]
    path = [str(part) for part in first["loc"] if part != "body"]
    message = str(first["msg"]).removeprefix("Value error, ")
    return ApiError(status, ": ".join([*([".".join(path)] if path else []), message]), param=".".join(path) or None)


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer expected errors in OpenAI's format; `UnexpectedErrorMiddleware` answers the others."""

    async def on_validation_error(request: Request, error: Exception) -> JsonReply:
        assert isinstance(error, RequestValidationError)
        return _with_openai_status(request, validation_error(error.errors(), 422)).reply()

    async def on_http_error(request: Request, error: Exception) -> JsonReply:
        assert isinstance(error, HTTPException)
        message = f"{request.method} {request.url.path}: {error.detail}"
        return ApiError(error.status_code, message, headers=error.headers).reply()

    async def on_library_error(request: Request, error: Exception) -> JsonReply:
        return _with_openai_status(request, to_api_error(error)).reply()

    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    for kind in (ApiError, ItsGraphError):
        app.add_exception_handler(kind, on_library_error)


def _with_openai_status(request: Request, error: ApiError) -> ApiError:
    """Return the error with the status that the called API uses for rejected requests: OpenAI's uses 400, not 422."""
    if error.status == 422 and request.url.path.startswith("/v1/"):
        error.status = 400
    return error
