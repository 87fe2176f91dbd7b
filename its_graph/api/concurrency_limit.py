"""How much may run at once."""

from its_graph.api.errors import ApiError

__all__ = ["ConcurrencyLimit", "busy"]


def busy(message: str) -> ApiError:
    """Return the error that tells a caller to come back."""
    return ApiError(429, message, code="too_many_searches", headers={"Retry-After": "1"})


class ConcurrencyLimit:
    """So many places; who finds none is told to come back.

    Args:
        most: places.
    """

    def __init__(self, most: int) -> None:
        self._most, self._taken, self._closed = most, 0, False

    def take(self) -> None:
        """Take a place.

        Raises:
            ApiError: there is none (429), or the server is about to end (503).
        """
        if self._closed:
            raise ApiError(503, "The server is shutting down.", code="shutting_down")
        if self._taken >= self._most:
            raise busy(f"{self._most} searches run already. Try again when one has ended.")
        self._taken += 1

    def give(self) -> None:
        """Give a place back."""
        self._taken -= 1

    def close(self) -> None:
        """Hand out no more places."""
        self._closed = True
