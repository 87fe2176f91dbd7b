"""Repeats of failed calls: which failures pass by themselves, and how long to wait before the next try."""

import random
from collections.abc import Iterable

__all__ = ["FIRST_BACKOFF_S", "LONGEST_BACKOFF_S", "backoff_s", "is_transient"]

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0

_JITTER = 0.25
"""The part of a pause that chance may take away: searches that failed together shall not come back together."""

# Client libraries that are not installed here cannot be imported to be named by class.
_PASSING_NAMES = {"APIConnectionError", "APITimeoutError", "ConnectError", "ReadTimeout", "RemoteProtocolError"}


def is_transient(error: Exception) -> bool:
    """Tell whether a call that failed so may succeed when repeated: lost connection, time-out, overload."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status == 429 or status >= 500
    return isinstance(error, (ConnectionError, TimeoutError)) or type(error).__name__ in _PASSING_NAMES


def backoff_s(attempts: int, errors: Iterable[Exception], seed: int) -> float:
    """Return the seconds to wait before calls that failed `attempts` times (>= 1) are made again.

    Exponential back-off: 0.5 s, 1 s, 2 s and so on up to 8 s, of which the seed takes away up to a quarter. A server
    that asks for more (`Retry-After` in seconds, in the response that an error carries) gets it, up to 8 s; a longer
    wish is passed over, as waiting it out would stop the whole search for one call.
    """
    backoff = min(FIRST_BACKOFF_S * 2.0 ** min(attempts - 1, 10), LONGEST_BACKOFF_S)  # 2 ** 10 is long past the longest
    backoff *= 1 - _JITTER * random.Random(seed).random()
    asked = [seconds for seconds in map(_retry_after_s, errors) if seconds <= LONGEST_BACKOFF_S]
    return max([backoff, *asked])


def _retry_after_s(error: Exception) -> float:
    """Return what the server asked for; 0 where it asked for nothing, or named a date instead of seconds."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return float(headers.get("Retry-After") or headers.get("retry-after") or 0)
    except (TypeError, ValueError):
        return 0.0
