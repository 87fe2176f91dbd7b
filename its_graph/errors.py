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
    """Base class of everything this library raises on purpose."""


class InputError(ItsGraphError, ValueError):
    """The question given to a search cannot be used (empty, missing, or given twice)."""


class ConfigurationError(ItsGraphError, ValueError):
    """An option or a combination of options is impossible (n = 0, width that does not divide n, ...)."""


class ContinuationError(ConfigurationError):
    """A step search needs a generator that continues a given assistant prefix, and this one cannot."""


class EmbeddedScopeError(InputError):
    """The embedded models were asked something outside arithmetic, the only thing they learned."""


class SearchFailedError(ItsGraphError, RuntimeError):
    """No candidate survived: every sample failed. The first failure is the cause."""

    def __init__(
        self,
        message: str,
        *,
        spend: Spend = NOTHING,
        failures: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.spend = spend
        """What the search had spent until then."""
        self.failures = dict(failures)
        """The failed samples by id: `{"parent": ..., "reason": ...}` each, oldest first."""


class CommitFailedError(ItsGraphError, RuntimeError):
    """A call that was put off until an attempt had won failed when it was carried out; its own error is the cause."""

    def __init__(self, message: str, *, committed: Sequence[str]) -> None:
        super().__init__(message)
        self.committed = list(committed)
        """Tools whose calls were carried out before it, in order."""


class StorageError(ItsGraphError, OSError):
    """A file cannot be opened or written: no such folder, no permission, no room left."""


class TruncationError(ItsGraphError, ValueError):
    """A solution is longer than a verifier's context; scoring a cut text would be silently wrong."""


class CassetteMissError(ItsGraphError, LookupError):
    """A cassette in replay mode was asked something that was never recorded."""


class MissingExtraError(ItsGraphError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Install the extra: pip install 'its-graph[{extra}]'")


class DiminishingReturnsWarning(UserWarning):
    """More compute was asked for than has been seen to pay."""
