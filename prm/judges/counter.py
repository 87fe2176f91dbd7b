"""A thread-safe counter."""

from threading import Lock

__all__ = ["Counter"]


class Counter:
    """Counts what would otherwise go unnoticed, such as replies that could not be parsed."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self, number: int = 1) -> None:
        """Increase the count by `number`."""
        with self._lock:
            self.count += number
