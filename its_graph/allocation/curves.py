"""Value of n samples of one problem: curves f(0), f(1), ..., f(max_samples), one row per problem."""

from collections.abc import Sequence
from math import comb
from typing import Any, TypeAlias

from its_graph.errors import ConfigurationError, MissingExtraError

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:
    raise MissingExtraError("numpy", "allocation") from error

__all__ = ["Curves", "beta_curves", "coverage_curves", "majority_curves", "marginals"]

Curves: TypeAlias = NDArray[np.float64]
"""[problems, max_samples + 1]; the first column is f(0)."""


def coverage_curves(p: Sequence[float], max_samples: int) -> Curves:
    """Return the coverage 1 - (1-p)^n: the probability that at least one of n samples is correct.

    That is the value of n samples under a perfect verifier. The curves are concave.

    Args:
        p: probability that a single sample of each problem is correct, in [0, 1].
        max_samples: largest n.

    Returns:
        An array of shape [len(p), max_samples + 1].

    Raises:
        ConfigurationError: a probability is outside [0, 1].

    Example:
        >>> from its_graph.allocation import coverage_curves
        >>> coverage_curves([0.5, 0.0], max_samples=3).tolist()
        [[0.0, 0.5, 0.75, 0.875], [0.0, 0.0, 0.0, 0.0]]
    """
    probabilities = _checked(p, 0.0, 1.0, "p")
    curves: Curves = 1 - (1 - probabilities[:, None]) ** np.arange(max_samples + 1)
    return curves


def beta_curves(a: Sequence[float], b: Sequence[float], max_samples: int) -> Curves:
    """Return the expected coverage for success probabilities with distribution Beta(a, b).

    The value is 1 - prod (b+j) / (a+b+j) for j < n. After s correct and g incorrect samples, the posterior of a
    Beta(a0, b0) prior is Beta(a0 + s, b0 + g). The curves are concave.

    Args:
        a: pseudo-count of correct samples of each problem, at least 0.
        b: pseudo-count of incorrect samples of each problem, at least 0, and not 0 where `a` is 0.
        max_samples: largest n.

    Returns:
        An array of shape [len(a), max_samples + 1].

    Raises:
        ConfigurationError: a value is negative, or a + b is 0.

    Example:
        >>> from its_graph.allocation import beta_curves
        >>> beta_curves([1], [1], max_samples=3).round(3).tolist()
        [[0.0, 0.5, 0.667, 0.75]]
    """
    correct, incorrect = _checked(a, 0.0, np.inf, "a")[:, None], _checked(b, 0.0, np.inf, "b")[:, None]
    if not (correct + incorrect > 0).all():
        raise ConfigurationError(f"a + b must be above 0 for every problem; got a={a!r}, b={b!r}.")
    j = np.arange(max_samples)
    all_incorrect = np.cumprod((incorrect + j) / (correct + incorrect + j), axis=1)
    return np.concatenate([np.zeros_like(correct), 1 - all_incorrect], axis=1)


def majority_curves(p: Sequence[float], max_samples: int) -> Curves:
    """Return the probability that more than half of n votes are correct; a fair coin breaks ties.

    The curves are not concave for p below 1/2.

    Args:
        p: probability that a single vote is correct, in [0, 1].
        max_samples: largest n.

    Returns:
        An array of shape [len(p), max_samples + 1].

    Raises:
        ConfigurationError: a probability is outside [0, 1].

    Example:
        >>> from its_graph.allocation import majority_curves
        >>> majority_curves([0.75], max_samples=3).tolist()
        [[0.0, 0.75, 0.75, 0.84375]]
    """
    probabilities = _checked(p, 0.0, 1.0, "p")
    curves = np.zeros((len(probabilities), max_samples + 1))
    for n in range(1, max_samples + 1):
        for k in range(n // 2, n + 1):
            share = 1.0 if 2 * k > n else 0.5 if 2 * k == n else 0.0
            curves[:, n] += share * comb(n, k) * probabilities**k * (1 - probabilities) ** (n - k)
    return curves


def marginals(curves: Curves) -> Curves:
    """Return the marginal values f(n+1) - f(n).

    Args:
        curves: values of n samples, of shape [problems, max_samples + 1].

    Returns:
        An array of shape [problems, max_samples].

    Example:
        >>> from its_graph.allocation import coverage_curves, marginals
        >>> marginals(coverage_curves([0.5], max_samples=3)).tolist()
        [[0.5, 0.25, 0.125]]
    """
    gains: Curves = np.diff(curves, axis=1)
    return gains


def _checked(values: Sequence[float], low: float, high: float, name: str) -> Any:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or (array < low).any() or (array > high).any():
        raise ConfigurationError(f"{name} must be a list of numbers in [{low}, {high}]; got {values!r}.")
    return array
