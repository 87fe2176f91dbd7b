"""How a cassette identifies requests: by content, and equal requests by their order."""

from collections import Counter
from threading import Lock
from typing import Any

from its_graph.contracts import Candidate, SampleRequest
from its_graph.generators.cassette_file import content_key

__all__ = ["RepeatCounter", "prompt_key", "replies_vary", "request_content", "request_key"]


class RepeatCounter:
    """Numbers equal requests in the order in which they are made. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def next(self, key: str) -> tuple[str, int]:
        """Return `key` and how many requests with this key came before."""
        with self._lock:
            self._counts[key] += 1
            return key, self._counts[key] - 1


def request_content(request: SampleRequest | Candidate) -> dict[str, Any]:
    """Return the fields that identify a request, as JSON data."""
    # The remaining time and the stream differ from run to run; they do not change what is asked.
    return request.model_dump(mode="json", exclude={"timeout_s", "stream_id"})


def request_key(request: SampleRequest | Candidate) -> str:
    """Return the key of the replies to a request."""
    return content_key(request_content(request))


def prompt_key(request: SampleRequest) -> str:
    """Return the key of a prompt's length, which depends on the conversation, the prefix, and the model of a team."""
    content = request.model_dump(mode="json", include={"messages", "prefix"})
    return content_key(content if request.model is None else content | {"model": request.model})


def replies_vary(request: SampleRequest | Candidate) -> bool:
    """Return whether equal requests may get different replies: a sample at temperature > 0 without a seed."""
    return isinstance(request, SampleRequest) and request.seed is None and request.temperature > 0
