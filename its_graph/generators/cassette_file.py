"""The file format of a cassette: JSON lines, keyed by the content of the request.

The first line is the header. A reply is `{"key", "take", "reply"}` or `{"key", "take", "failure"}`, where `take`
numbers the replies to equal requests in the order of the requests. The length of a prompt is `{"key", "tokens"}`.
"""

import builtins
import json
from collections import defaultdict
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

from its_graph import errors
from its_graph.errors import ConfigurationError

__all__ = ["Cassette", "CassetteWriter", "content_key", "dump_failure", "load_failure"]

FORMAT = 1

_OTHER_ARGUMENTS = frozenset(
    {
        "MissingExtraError",
        "UnicodeDecodeError",
        "UnicodeEncodeError",
        "UnicodeTranslateError",
        "ExceptionGroup",
    }
)
"""Exception classes whose constructors take other arguments than one message."""


def content_key(content: Mapping[str, Any]) -> str:
    """Return the hash of `content` in canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


class CassetteWriter:
    """Appends lines to a new cassette. Thread-safe.

    Args:
        path: The file to write, which must not exist or be empty.
        header: Fields of the first line, besides the format.

    Raises:
        ConfigurationError: The file already holds a recording.
        OSError: The file cannot be written; the error names it. Every later `write` may raise it too.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        if path.exists() and path.stat().st_size:
            raise ConfigurationError(
                f"{path} already holds a recording. Delete it to record again, or choose another file."
            )
        self._path = path
        self._lock = Lock()
        self.write({"cassette": FORMAT, **header})

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one whole line, without buffering."""
        data = memoryview(f"{json.dumps(line, ensure_ascii=False)}\n".encode())
        try:
            with self._lock, self._path.open("ab", buffering=0) as file:
                while data:
                    data = data[file.write(data) :]
        except OSError as error:
            raise OSError(
                error.errno,
                f"the reply could not be recorded ({error.strerror}); free disk space and record again",
                str(self._path),
            ) from error


class Cassette:
    """A recording, read into memory.

    Raises:
        ConfigurationError: There is no readable recording at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = _read_lines(path)
        self.header = lines[0] if lines else {}
        if not isinstance(self.header, dict) or self.header.get("cassette") != FORMAT:
            raise ConfigurationError(f"{path} is not a cassette of format {FORMAT}. Record it again with record().")
        self.tokens: dict[str, int] = {}
        """Prompt tokens by key."""
        replies: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in lines[1:]:
            if "tokens" in line:
                self.tokens[line["key"]] = line["tokens"]
            else:
                replies[line["key"]].append(line)
        self.replies = {key: sorted(takes, key=lambda line: line["take"]) for key, takes in replies.items()}
        """The lines with the replies to each key, in the order of the requests."""


def dump_failure(error: Exception) -> dict[str, str]:
    """Return a failure as JSON data."""
    return {"type": type(error).__name__, "message": str(error)}


def load_failure(failure: Mapping[str, str]) -> Exception:
    """Return a recorded failure: an exception of the same class if it is built in or ours, else a RuntimeError."""
    name, message = failure["type"], failure["message"]
    cls = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(cls, type) and issubclass(cls, Exception) and name not in _OTHER_ARGUMENTS:
        return cls(message)
    return RuntimeError(f"{name}: {message}")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}). Expected a file written by record()."
        ) from error
    # Text after the last line break is a line that the recording process did not finish.
    complete = text.split("\n")[:-1]
    try:
        return [json.loads(line) for line in complete]
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path} is not a cassette ({error}). Expected a file written by record().") from error
