"""What goes wrong, in the shape in which OpenAI's API tells it: `{"error": {message, type, param, code}}`."""

import ast
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from its_graph import errors as ours
from its_graph.api.responses import JsonReply
from its_graph.errors import ConfigurationError, InputError, ItsGraphError

__all__ = ["ApiError", "install_error_handlers", "to_api_error", "log_unexpected", "validation_error", "parse_stored_error"]

_log = logging.getLogger(__name__)

_FINAL = {"x-should-retry": "false"}
"""OpenAI's clients repeat what fails with 5xx or 409; a search that failed would only be paid for again."""


class ApiError(Exception):
    """A request that is refused, or a search that came to nothing.

    Args:
        status: of HTTP.
        message: what was given, what was expected, what to do next.
        param: the field of the request that is to blame.
        code: a word for programs.
        headers: of the reply.
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
        """Return what the reply says."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def reply(self) -> JsonReply:
        """Return the whole reply."""
        return JsonReply(self.body(), self.status, headers=self.headers)


def to_api_error(error: BaseException) -> ApiError:
    """Return what a search raised as an error of the API: the caller's fault where it is one.

    Of an error that is not ours only the type is told: its text may speak of the server's own affairs (see `log_unexpected`).
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InputError):
        return ApiError(400, str(error), param="messages", code="unusable_question")
    if isinstance(error, ConfigurationError):
        return ApiError(400, str(error), code="unusable_settings")
    return _failed(str(error) if isinstance(error, ItsGraphError) else _of_another(type(error).__name__))


def parse_stored_error(written: str) -> ApiError | None:
    """Return how a search failed that an earlier server ran, given the `repr` of what it raised; None of a cancel.

    That is what LangGraph stores of an error. As in `to_api_error`, of one that is not ours only the type is told.
    """
    read = re.fullmatch(r"(\w+)\((.*)\)", written, re.DOTALL)
    kind, text = read.groups() if read else ("Error", "")
    if kind == "CancelledError":
        return None
    if kind not in ours.__all__:
        return _failed(_of_another(kind))
    try:
        said = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        said = None
    return _failed(said if isinstance(said, str) else kind)


def _failed(said: str) -> ApiError:
    return ApiError(500, said, code="search_failed", headers=_FINAL)


def _of_another(kind: str) -> str:
    return f"{kind}; the server's log says more."


def log_unexpected(error: BaseException) -> None:
    """Write an error that is not ours to the log, since callers are not told its text."""
    if not isinstance(error, ApiError | ItsGraphError):
        _log.error("A request or a search failed.", exc_info=error)


def validation_error(found: Sequence[Any], status: int) -> ApiError:
    """Return the first of a validation's findings as an error that names the field."""
    first = found[0]
    where = [str(part) for part in first["loc"] if part != "body"]
    message = str(first["msg"]).removeprefix("Value error, ")
    return ApiError(status, ": ".join([*([".".join(where)] if where else []), message]), param=".".join(where) or None)


def install_error_handlers(app: FastAPI) -> None:
    """Let `app` answer the errors that are meant to be told in OpenAI's shape; `FailureGuard` answers the others."""

    async def refused(request: Request, error: Exception) -> JsonReply:
        assert isinstance(error, RequestValidationError)
        return _as_known(request, validation_error(error.errors(), 422)).reply()

    async def not_there(request: Request, error: Exception) -> JsonReply:
        assert isinstance(error, HTTPException)
        said = f"{request.method} {request.url.path}: {error.detail}"
        return ApiError(error.status_code, said, headers=error.headers).reply()

    async def failed(request: Request, error: Exception) -> JsonReply:
        return _as_known(request, to_api_error(error)).reply()

    app.add_exception_handler(RequestValidationError, refused)
    app.add_exception_handler(HTTPException, not_there)
    for known in (ApiError, ItsGraphError):
        app.add_exception_handler(known, failed)


def _as_known(request: Request, error: ApiError) -> ApiError:
    """Give a refused request the status under which the API in question refuses it: OpenAI's does so with 400."""
    if error.status == 422 and request.url.path.startswith("/v1/"):
        error.status = 400
    return error
