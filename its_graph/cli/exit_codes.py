"""Failures as the command line tells them: one line on stderr, and an exit code that a script can read."""

import sys

from its_graph.cli.display.formatting import one_line
from its_graph.errors import ItsGraphError, SearchFailedError

__all__ = ["EXIT_FAILED", "INTERRUPTED", "MISUSED", "exit_code", "tell"]

EXIT_FAILED = 1
"""The command was carried out and came to nothing: no search has an answer."""
MISUSED = 2
"""The command cannot be carried out as it was given."""
INTERRUPTED = 130
"""Ctrl-C: 128 + SIGINT, as shells count it."""

_LONGEST = 600
"""Characters of a message: libraries below may report a whole page."""


def exit_code(error: ItsGraphError) -> int:
    """Return the exit code for what this library raised."""
    return EXIT_FAILED if isinstance(error, SearchFailedError) else MISUSED


def tell(message: str) -> None:
    """Print one `error: ...` line on stderr, whatever the message holds."""
    line = one_line(message)
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1] + "…"
    sys.stderr.write(f"error: {line}\n")
