"""Numbers as the command line takes them: 2000000, 2_000_000 and 2e6 are the same everywhere."""

import math
from decimal import Decimal, InvalidOperation

import typer

from its_graph.errors import ConfigurationError

__all__ = ["at_least_one", "finite", "whole", "whole_numbers"]

_END = 2**63
"""What a checkpoint cannot hold any more."""


def whole(text: str) -> int:
    """Read a whole number from 0 on.

    Raises:
        typer.BadParameter: it is none, or more than a checkpoint can hold.
    """
    number = _whole(text)
    if number is None:
        raise typer.BadParameter(f"{text!r} is no whole number from 0 on and below 2**63. Expected for example 2e6.")
    return number


def at_least_one(text: str) -> int:
    """Read a whole number from 1 on; see `whole`."""
    number = _whole(text)
    if not number:
        raise typer.BadParameter(f"{text!r} is no whole number from 1 on and below 2**63. Expected for example 512.")
    return number


def finite(text: str) -> float:
    """Read a number from 0 on that is no infinity: a limit without end is none.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise typer.BadParameter(f"{text!r} is no number from 0 on. Expected for example 2e6.")
    return number


def whole_numbers(flag: str, text: str, example: str) -> list[int]:
    """Return the numbers of a list like `1,2,4,8`, each once.

    Raises:
        ConfigurationError: for anything else; the message gives `example`.
    """
    numbers = [_whole(one) for one in text.split(",")]
    known = [one for one in numbers if one is not None]
    if len(known) < len(numbers):
        raise ConfigurationError(
            f"{flag} {text!r} is no list of whole numbers from 0 on. Expected for example {flag} {example}."
        )
    return list(dict.fromkeys(known))


def _whole(text: str) -> int | None:
    """Read exactly: not every whole number is a float."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # The order matters: 1e999999 would be a whole number with a million digits.
    return int(number) if number.is_finite() and 0 <= number < _END and number == int(number) else None
