"""Exit codes, and errors printed as one line on stderr."""

import sys

from its_graph.errors import ItsGraphError, SearchFailedError
from its_graph.text.printable import one_line

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_USAGE", "exit_code", "print_error"]

EXIT_FAILED = 1
"""The command ran, but no search returned an answer."""
EXIT_USAGE = 2
"""The command cannot run as given."""
EXIT_INTERRUPTED = 130
"""Ctrl-C: 128 + SIGINT, as shells report it."""

_MAX_LENGTH = 600
"""Characters of a message: libraries below may report a whole page."""


def exit_code(error: ItsGraphError) -> int:
    """Return the exit code for an error of this library."""
    return EXIT_FAILED if isinstance(error, SearchFailedError) else EXIT_USAGE


def print_error(message: str) -> None:
    """Print one `error: ...` line on stderr, whatever the message contains."""
    line = one_line(message)
    if len(line) > _MAX_LENGTH:
        line = line[: _MAX_LENGTH - 1] + "…"
    sys.stderr.write(f"error: {line}\n")
