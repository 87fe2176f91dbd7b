"""How a cassette tells requests apart: by content, and identical ones by the order in which they are asked."""

from collections import Counter
from threading import Lock
from typing import Any

from its_graph.contracts import Candidate, SampleRequest
from its_graph.generators.cassette_file import content_key

__all__ = ["RepeatCounter", "asked_content", "outcome", "prompt_key", "request_key", "varies"]


class RepeatCounter:
    """Numbers identical requests in the order in which they are asked."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._lock = Lock()

    def next(self, key: str) -> tuple[str, int]:
        """Return `key` and how often it was asked before."""
        with self._lock:
            self._asked[key] += 1
            return key, self._asked[key] - 1


def asked_content(request: SampleRequest | Candidate) -> dict[str, Any]:
    """Return what identifies a request, as JSON data."""
    # What is left of a deadline differs from run to run, and so does who watches; the question does not.
    return request.model_dump(mode="json", exclude={"timeout_s", "stream_id"})


def request_key(request: SampleRequest | Candidate) -> str:
    """Return the key of a request's answers."""
    return content_key(asked_content(request))


def prompt_key(request: SampleRequest) -> str:
    """Return the key of a prompt's length: it hangs on the conversation, the prefix, and the model of a team."""
    depends = request.model_dump(mode="json", include={"messages", "prefix"})
    return content_key(depends if request.model is None else depends | {"model": request.model})


def varies(request: SampleRequest | Candidate) -> bool:
    """Tell whether the same request may be answered differently."""
    return isinstance(request, SampleRequest) and request.seed is None and request.temperature > 0


def outcome(reply: Any, return_exceptions: bool) -> Any:
    """Return a reply, or raise it if it is a failure that the caller does not want returned."""
    if isinstance(reply, Exception) and not return_exceptions:
        raise reply
    return reply
