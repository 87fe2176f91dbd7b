"""What n samples of one problem are worth: curves f(0), f(1), ..., f(most), a row each."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from its_graph.errors import ConfigurationError, MissingExtraError

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:
    raise MissingExtraError("numpy", "allocation") from error

__all__ = ["Curves", "beta", "known", "majority_curves", "marginals"]

Curves: TypeAlias = NDArray[np.float64]
"""[problems, most + 1], the first column being f(0)."""


def known(p: Sequence[float], most: int) -> Curves:
    """Return 1 - (1-p)^n: at least one right sample among n, found by a perfect verifier.

    Args:
        p: chance of each problem's single sample, in [0, 1].
        most: largest n.
    """
    chances = _checked(p, 0.0, 1.0, "p")
    curves: Curves = 1 - (1 - chances[:, None]) ** np.arange(most + 1)
    return curves


def beta(a: Sequence[float], b: Sequence[float], most: int) -> Curves:
    """Return the same for chances of which only a Beta(a, b) is known: 1 - prod (b+j) / (a+b+j) for j < n.

    After s right and g wrong samples that is Beta(a0 + s, b0 + g).

    Args:
        a: of each problem, from 0 on.
        b: the same; not 0 where `a` is: nothing would be known then, not even a prior.
        most: largest n.
    """
    right, wrong = _checked(a, 0.0, np.inf, "a")[:, None], _checked(b, 0.0, np.inf, "b")[:, None]
    if not (right + wrong > 0).all():
        raise ConfigurationError(f"Beta(0, 0) is no distribution: a + b must be above 0. Given: a={a!r}, b={b!r}.")
    j = np.arange(most)
    misses = np.cumprod((wrong + j) / (right + wrong + j), axis=1)
    return np.concatenate([np.zeros_like(right), 1 - misses], axis=1)


def majority_curves(p: Sequence[float], most: int) -> Curves:
    """Return the chance that more than half of n votes are right (ties by a fair coin): not concave for p below 1/2."""
    from math import comb

    chances = _checked(p, 0.0, 1.0, "p")
    curves = np.zeros((len(chances), most + 1))
    for n in range(1, most + 1):
        for k in range(n // 2, n + 1):
            share = 1.0 if 2 * k > n else 0.5 if 2 * k == n else 0.0
            curves[:, n] += share * comb(n, k) * chances**k * (1 - chances) ** (n - k)
    return curves


def marginals(curves: Curves) -> Curves:
    """Return d(n) = f(n+1) - f(n), what one more sample is worth: [problems, most]."""
    gains: Curves = np.diff(curves, axis=1)
    return gains


def _checked(values: Sequence[float], low: float, high: float, name: str) -> Any:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or (array < low).any() or (array > high).any():
        raise ConfigurationError(f"{name} must be a list of numbers in [{low}, {high}], given {values!r}.")
    return array
