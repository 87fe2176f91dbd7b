"""The file of a cassette: JSON lines, found by the content of what was asked.

The first line is the header. Then `{"key", "take", "reply"}` or `{"key", "take", "failure"}` for an answer, where
`take` orders the answers to identical requests as they were asked, and `{"key", "tokens"}` for a prompt's length.
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

__all__ = ["Tape", "TapeWriter", "content_key", "failure_line", "recorded_failure"]

FORMAT = 1


def content_key(content: Mapping[str, Any]) -> str:
    """Return the hash of `content` in canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


class TapeWriter:
    """Appends lines to a new cassette; safe to share between threads.

    Args:
        path: of the file, which must not exist or be empty.
        header: what the first line says beside the format.

    Raises:
        ConfigurationError: there is a recording already.
        OSError: the file cannot be written; the error names it. So for every later line.
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
        """Append one line, complete and at once."""
        data = memoryview(f"{json.dumps(line, ensure_ascii=False)}\n".encode())
        try:
            with self._lock, self._path.open("ab", buffering=0) as file:
                while data:
                    data = data[file.write(data) :]
        except OSError as error:
            raise OSError(
                error.errno,
                f"the answer could not be recorded ({error.strerror}); free space and record again",
                str(self._path),
            ) from error


class Tape:
    """A recording, read whole.

    Raises:
        ConfigurationError: there is no readable recording at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = _lines(path)
        self.header = lines[0] if lines else {}
        if not isinstance(self.header, dict) or self.header.get("cassette") != FORMAT:
            raise ConfigurationError(f"{path} is not a cassette of format {FORMAT}. Record it again with record().")
        self.tokens: dict[str, int] = {}
        answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in lines[1:]:
            if "tokens" in line:
                self.tokens[line["key"]] = line["tokens"]
            else:
                answers[line["key"]].append(line)
        self.answers = {key: sorted(takes, key=lambda line: line["take"]) for key, takes in answers.items()}


def failure_line(error: Exception) -> dict[str, str]:
    """Return what a cassette keeps of a failure."""
    return {"type": type(error).__name__, "message": str(error)}


def recorded_failure(failure: Mapping[str, str]) -> Exception:
    """Return the failure again: as the class it had if that is ours or built in, else as a RuntimeError."""
    name, message = failure["type"], failure["message"]
    cls = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(cls, type) and issubclass(cls, Exception) and name not in _OTHER_ARGUMENTS:
        return cls(message)
    return RuntimeError(f"{name}: {message}")


# Classes that are not made from one message.
_OTHER_ARGUMENTS = {
    "MissingExtraError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeTranslateError",
    "ExceptionGroup",
}


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}). Expected a file made by record()."
        ) from error
    # What follows the last line break was being written when the recording process died.
    complete = text.split("\n")[:-1]
    try:
        return [json.loads(line) for line in complete]
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path} is not a cassette ({error}). Expected a file made by record().") from error
