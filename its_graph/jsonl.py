"""Files of JSON lines: reading them, and appending to a file that only grows.

A growing file has one writer at a time, which may be killed at any moment:

1. Every line present must be of the kind expected, before anything is changed.
2. A last line without its line end is cut off, because its writer was killed. If no other line shows whose file it is,
   that line must begin like a record of the kind expected.
3. New lines are appended one at a time.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from its_graph.errors import InputError, StorageError

__all__ = ["JsonLines", "RecordKind", "read_json_lines"]


def read_json_lines(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the value of each line that is not blank, and its location for error messages (`file, line 3`).

    Raises:
        InputError: for a line that is not JSON.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                location = f"{path}, line {number}"
                yield _parsed(line, location, "Correct or remove the line."), location


def _parsed(line: bytes, location: str, remedy: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:  # not JSON, or not UTF-8
        raise InputError(f"{location} is not JSON: {error}. {remedy}") from error


class RecordKind(NamedTuple):
    """What the lines of a file are."""

    name: str
    """What messages call one of them, with its article: `an outcome of an evaluation`."""
    prefixes: tuple[str, ...]
    """The ways in which a line may begin."""

    def is_torn(self, line: bytes) -> bool:
        """Return whether `line` can be the beginning of a record; a complete JSON value cannot be."""
        with suppress(ValueError):
            json.loads(line)
            return False
        return any(line[: len(prefix)] == prefix.encode()[: len(line)] for prefix in self.prefixes)


class JsonLines:
    """JSON lines, appended one at a time and passed to the operating system before `append` returns.

    Args:
        file: opened for reading and writing.
        name: what messages call it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self.name = file, name

    @classmethod
    def temporary(cls) -> "JsonLines":
        """Return an empty file that is deleted when it is closed."""
        return cls(tempfile.TemporaryFile("w+b"), "a temporary file")

    @classmethod
    def open(cls, path: Path) -> "JsonLines":
        """Open or create a file and lock it until it is closed or its process ends.

        Raises:
            StorageError: it cannot be opened for writing, or another run has it open.
        """
        if path.exists() and not path.is_file():
            raise StorageError(f"{path} is not a regular file. Results are read back to resume: give a file.")
        try:
            file = path.open("a+b")
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror}. Give another file.") from error
        if not _lock(file):
            file.close()
            raise StorageError(f"Another run is writing {path}. Wait until it ends, or give another file.")
        return cls(file, str(path))

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # `append` has already reported what could not be written
            self._file.close()

    def read(self, take: Callable[[int, Any], None], kind: RecordKind) -> None:
        """Pass the offset and the value of each line to `take`, from the beginning; then cut off a torn end.

        Args:
            take: raises AttributeError, KeyError, TypeError or ValueError for a value that is not of `kind`.
            kind: of every line; blank lines are skipped.

        Raises:
            InputError: a line is not JSON, or not of `kind`; the file is left unchanged.
            StorageError: a torn end cannot be cut off.
        """
        offset, any_record = self._file.seek(0), False
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                if not any_record and not kind.is_torn(line):
                    raise InputError(f"{self.name} does not contain {kind.name}. Give another file.")
                with self._writing():
                    self._file.truncate(offset)
                return
            if line.strip():
                self._take(take, offset, line, f"{self.name}, line {number}", kind)
                any_record = True
            offset += len(line)

    def value_at(self, offset: int) -> Any:
        """Return the value of the line at `offset`."""
        self._file.seek(offset)
        return json.loads(self._file.readline())

    def append(self, value: Any) -> int:
        """Add a line and return its offset.

        Raises:
            StorageError: the disk is full, or similar.
        """
        with self._writing():
            offset = self._file.seek(0, 2)
            self._file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        return offset

    def _take(
        self, take: Callable[[int, Any], None], offset: int, line: bytes, location: str, kind: RecordKind
    ) -> None:
        value = _parsed(line, location, "Give another file.")
        try:
            take(offset, value)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{location} is not {kind.name}. Give another file. ({error})") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"Cannot write {self.name}: {error.strerror}. What was written before is kept: "
                "free some space and run the same command again."
            ) from error


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> bool:
        """Windows locks byte ranges and blocks readers too, so there it is up to the user not to run twice."""
        return True

else:
    import fcntl

    def _lock(file: BinaryIO) -> bool:
        """Lock a file while it is open here; the system releases the lock when the process ends, however it ends."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks, such as some network shares: there, two runs at once go undetected
        return True
