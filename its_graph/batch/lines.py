"""A file of JSON lines that only grows: whoever writes it may be killed at any moment."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from its_graph.errors import InputError, StorageError

__all__ = ["Lines"]


class Lines:
    """JSON lines, appended one by one and on disk when `append` returns.

    Args:
        file: opened for reading and writing. A last line without its end is cut off: its writer was killed.
        name: what messages call it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self.name = file, name

    @classmethod
    def temporary(cls) -> "Lines":
        """Return an empty file that is gone when it is closed."""
        return cls(tempfile.TemporaryFile("w+b"), "a temporary file")

    @classmethod
    def of(cls, path: Path) -> "Lines":
        """Open a file to go on with it, or begin it.

        Raises:
            StorageError: it cannot be opened for writing.
        """
        if path.exists() and not path.is_file():
            raise StorageError(f"{path} is no regular file. Results are read again to go on with them: give a file.")
        try:
            return cls(path.open("a+b"), str(path))
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror}. Give another file.") from error

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # what could not be written was told of by `append`
            self._file.close()

    def read(self) -> Iterator[tuple[int, Any]]:
        """Yield the place and the value of each line from the beginning; cut off a torn end.

        Raises:
            InputError: a line is not JSON.
        """
        place = self._file.seek(0)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                yield place, json.loads(line)
            except ValueError as error:
                raise InputError(f"{self.name}, byte {place}, is not JSON ({error}). Give another file.") from error
            place += len(line)
        self._file.truncate(place)

    def at(self, place: int) -> Any:
        """Return the value of the line at `place`."""
        self._file.seek(place)
        return json.loads(self._file.readline())

    def append(self, value: Any) -> int:
        """Add a line and return its place.

        Raises:
            StorageError: the disk is full, or the like.
        """
        try:
            place = self._file.seek(0, 2)
            self._file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"Cannot write {self.name}: {error.strerror}. What was written before is kept: "
                "make room and start the same command again."
            ) from error
        return place
