"""The error family: each message says what was given, what was expected and what to do next."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from its_graph.budget import NOTHING, Spend

__all__ = [
    "CassetteMissError",
    "CommitFailedError",
    "ConfigurationError",
    "ContinuationError",
    "DiminishingReturnsWarning",
    "EmbeddedScopeError",
    "InputError",
    "ItsGraphError",
    "MissingExtraError",
    "SearchFailedError",
    "StorageError",
    "TruncationError",
]


class ItsGraphError(Exception):
    """Base class of all errors that this library raises on purpose."""


class InputError(ItsGraphError, ValueError):
    """The question given to a search cannot be used (empty, missing, or given twice)."""


class ConfigurationError(ItsGraphError, ValueError):
    """An option or a combination of options is invalid (n = 0, a width that does not divide n, ...)."""


class ContinuationError(ConfigurationError):
    """A step search needs a generator that continues a given assistant prefix, and this one cannot."""


class EmbeddedScopeError(InputError):
    """The embedded models were asked something other than arithmetic, the only thing they learned."""


class SearchFailedError(ItsGraphError, RuntimeError):
    """Every sample failed. The message quotes the first failure.

    Args:
        message: what went wrong.
        spend: what the search had spent by then.
        failures: the failed samples by id, oldest first: `{"parent": ..., "reason": ...}` each.
    """

    def __init__(
        self,
        message: str,
        *,
        spend: Spend = NOTHING,
        failures: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.spend = spend
        self.failures = dict(failures)


class CommitFailedError(ItsGraphError, RuntimeError):
    """A tool call deferred until an attempt had won failed when it was carried out; its error is the cause.

    Args:
        message: what went wrong.
        committed: tools whose calls were carried out before it, in order.
    """

    def __init__(self, message: str, *, committed: Sequence[str]) -> None:
        super().__init__(message)
        self.committed = list(committed)


class StorageError(ItsGraphError, OSError):
    """A file cannot be opened or written: missing folder, no permission, disk full."""


class TruncationError(ItsGraphError, ValueError):
    """A solution is longer than a verifier's context. Scoring a truncated text would be silently wrong."""


class CassetteMissError(ItsGraphError, LookupError):
    """A cassette in replay mode received a request that was never recorded."""


class MissingExtraError(ItsGraphError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Install the extra: pip install 'its-graph[{extra}]'")


class DiminishingReturnsWarning(UserWarning):
    """A search was asked for more compute than has been observed to help."""
