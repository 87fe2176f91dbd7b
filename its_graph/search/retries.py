"""Retries of failed calls: which failures are transient, and how long to wait before the next attempt."""

import random
from collections.abc import Iterable

__all__ = ["FIRST_BACKOFF_S", "LONGEST_BACKOFF_S", "backoff_s", "is_transient"]

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0

_JITTER = 0.25
"""The share of a backoff that chance may take away, so that searches that failed together do not retry together."""

# Client libraries that may not be installed cannot be imported to name their classes.
_TRANSIENT_NAMES = {"APIConnectionError", "APITimeoutError", "ConnectError", "ReadTimeout", "RemoteProtocolError"}


def is_transient(error: Exception) -> bool:
    """Return whether a call that failed this way may succeed if retried: lost connection, timeout, overload."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status == 429 or status >= 500
    return isinstance(error, (ConnectionError, TimeoutError)) or type(error).__name__ in _TRANSIENT_NAMES


def backoff_s(attempts: int, errors: Iterable[Exception], seed: int) -> float:
    """Return the seconds to wait before calls that failed `attempts` times (>= 1) are retried.

    Exponential backoff: 0.5 s, 1 s, 2 s and so on up to 8 s, reduced by up to a quarter, as `seed` decides. A server
    that asks for more (`Retry-After` in seconds, in the response that an error carries) gets it, up to 8 s; a longer
    wait is ignored, because it would stop the whole search for one call.
    """
    # 2 ** 10 is far beyond the longest backoff.
    backoff = min(FIRST_BACKOFF_S * 2.0 ** min(attempts - 1, 10), LONGEST_BACKOFF_S)
    backoff *= 1 - _JITTER * random.Random(seed).random()
    requested = [seconds for seconds in map(_retry_after_s, errors) if seconds <= LONGEST_BACKOFF_S]
    return max([backoff, *requested])


def _retry_after_s(error: Exception) -> float:
    """Return what the server asked for; 0 if it asked for nothing or gave a date instead of seconds."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return float(headers.get("Retry-After") or headers.get("retry-after") or 0)
    except (TypeError, ValueError):
        return 0.0
