"""A file of JSON lines that only grows: one run writes it at a time, and that one may be killed at any moment.

1. Every line that is there must be of the kind that is asked for, before anything is changed. 2. A last line without
its end is cut off: its writer was killed. Where no other line tells whose file it is, it must begin as that kind does.
3. New lines are added one by one.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from its_graph.errors import InputError, StorageError

__all__ = ["RecordKind", "JsonLines"]


class RecordKind(NamedTuple):
    """What the lines of a file are."""

    name: str
    """One of them, as messages say it: outcome of an evaluation."""
    begins: tuple[str, ...]
    """How they begin, one way or another."""

    def torn(self, line: bytes) -> bool:
        """Tell whether `line` can be the beginning of one; what is whole was never torn."""
        with suppress(ValueError):
            json.loads(line)
            return False
        return any(line[: len(one)] == one.encode()[: len(line)] for one in self.begins)


class JsonLines:
    """JSON lines, appended one by one and handed to the system when `append` returns.

    Args:
        file: opened for reading and writing.
        name: what messages call it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self.name = file, name

    @classmethod
    def temporary(cls) -> "JsonLines":
        """Return an empty file that is gone when it is closed."""
        return cls(tempfile.TemporaryFile("w+b"), "a temporary file")

    @classmethod
    def open(cls, path: Path) -> "JsonLines":
        """Open a file to go on with it, or begin it; nobody else can do so until it is closed, or its process ends.

        Raises:
            StorageError: it cannot be opened for writing, or another run has it open.
        """
        if path.exists() and not path.is_file():
            raise StorageError(f"{path} is no regular file. Results are read again to go on with them: give a file.")
        try:
            file = path.open("a+b")
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror}. Give another file.") from error
        if not _locked(file):
            file.close()
            raise StorageError(f"Another run is writing {path}. Wait until it has ended, or give another file.")
        return cls(file, str(path))

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # what could not be written was told of by `append`
            self._file.close()

    def read(self, take: Callable[[int, Any], None], kind: RecordKind) -> None:
        """Hand the place and the value of each line to `take`, from the beginning; then cut off a torn end.

        Args:
            take: raises AttributeError, KeyError, TypeError or ValueError for a value that is not of `kind`.
            kind: of every line; empty ones are passed over.

        Raises:
            InputError: a line is not JSON, or not of `kind`; the file is left as it is.
            StorageError: a torn end cannot be cut off.
        """
        place, known = self._file.seek(0), False
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                if not known and not kind.torn(line):
                    raise InputError(f"{self.name} holds no {kind.name}. Give another file.")
                with self._writing():
                    self._file.truncate(place)
                return
            if line.strip():
                self._take(take, place, line, f"{self.name}, line {number}", kind)
                known = True
            place += len(line)

    def at(self, place: int) -> Any:
        """Return the value of the line at `place`."""
        self._file.seek(place)
        return json.loads(self._file.readline())

    def append(self, value: Any) -> int:
        """Add a line and return its place.

        Raises:
            StorageError: the disk is full, or the like.
        """
        with self._writing():
            place = self._file.seek(0, 2)
            self._file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        return place

    def _take(self, take: Callable[[int, Any], None], place: int, line: bytes, where: str, kind: RecordKind) -> None:
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where} is not JSON ({error}). Give another file.") from error
        try:
            take(place, value)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where} is no {kind.name}. Give another file. ({error})") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"Cannot write {self.name}: {error.strerror}. What was written before is kept: "
                "make room and start the same command again."
            ) from error


if sys.platform == "win32":

    def _locked(file: BinaryIO) -> bool:
        """Windows locks ranges of bytes and keeps readers out as well: not to run twice is left to the user there."""
        return True

else:
    import fcntl

    def _locked(file: BinaryIO) -> bool:
        """Lock a file for as long as it is open here; the system undoes it when the process ends, however it ends."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks, as some network shares are: two runs at once go unnoticed there
        return True
