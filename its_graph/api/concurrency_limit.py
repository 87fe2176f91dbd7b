"""Limit on concurrent searches."""

from its_graph.api.errors import ApiError

__all__ = ["ConcurrencyLimit", "too_many_searches"]


def too_many_searches(message: str) -> ApiError:
    """Return the error that asks a client to retry later."""
    return ApiError(429, message, code="too_many_searches", headers={"Retry-After": "1"})


class ConcurrencyLimit:
    """Concurrency limit; requests over it get status 429.

    Args:
        max_running: maximum number of slots in use at once.
    """

    def __init__(self, max_running: int) -> None:
        self._max_running, self._running, self._closed = max_running, 0, False

    def acquire(self) -> None:
        """Take a slot.

        Raises:
            ApiError: no slot is free (429), or the server is shutting down (503).
        """
        if self._closed:
            raise ApiError(503, "The server is shutting down.", code="shutting_down")
        if self._running >= self._max_running:
            raise too_many_searches(f"The limit of {self._max_running} concurrent searches is reached. Retry later.")
        self._running += 1

    def release(self) -> None:
        """Return a slot."""
        self._running -= 1

    def close(self) -> None:
        """Stop handing out slots."""
        self._closed = True
