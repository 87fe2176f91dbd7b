"""A count that several threads may add to."""

from threading import Lock

__all__ = ["Counter"]


class Counter:
    """Counts what would otherwise be lost in silence, such as replies that nobody could read."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self, number: int = 1) -> None:
        """Count `number` more."""
        with self._lock:
            self.count += number
