"""Difficulty from the question alone: a logistic regression on what the generator makes of it.

The features are the mean of the generator's last hidden state over the prompt, or whatever an embedding function gives;
the target is the share of samples that were wrong (2410.04707, section 3, predicts marginal rewards from the same
state). It needs no pilots, and costs one reading of the prompt.
"""

from collections.abc import Sequence
from typing import Any

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.routing.difficulty import DifficultyEstimator
from its_graph.routing.regressor import Embed, Regressor
from its_graph.search.tree import Tree

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:
    raise MissingExtraError("numpy", "allocation") from error

__all__ = ["by_regressor", "fit_regressor", "cross_val_difficulties"]

PENALTY = 10.0
"""Weight of the squared coefficients, in questions: it keeps a few hundred questions from fitting noise."""
FOLDS = 5
"""Parts of the questions; each is predicted by what was fitted on the others."""
_ROUNDS = 50
_SETTLED = 1e-8


def fit_regressor(
    features: Sequence[Sequence[float]], difficulties: Sequence[float], *, penalty: float = PENALTY
) -> Regressor:
    """Fit by Newton's method: maximum likelihood less `penalty` / 2 times the squared weights, the bias free.

    Args:
        features: of each question.
        difficulties: its share of wrong samples, in [0, 1].
        penalty: the larger, the nearer to the mean difficulty for every question.

    Raises:
        ConfigurationError: there are not as many difficulties as questions, or none; or one is outside [0, 1].
    """
    table, targets = _checked(features, difficulties, penalty)
    means, deviations = table.mean(axis=0), table.std(axis=0)
    scales = np.where(deviations > 0, deviations, 1.0)
    inputs = np.column_stack([(table - means) / scales, np.ones(len(table))])
    ridge = np.diag([penalty] * table.shape[1] + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (targets - chances) - ridge @ weights
        curvature = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(curvature, slope)
        weights = weights + step
        if np.abs(step).max() < _SETTLED:
            break
    return Regressor(
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        weights=tuple(weights[:-1].tolist()),
        bias=float(weights[-1]),
    )


def cross_val_difficulties(
    features: Sequence[Sequence[float]],
    difficulties: Sequence[float],
    *,
    folds: int = FOLDS,
    penalty: float = PENALTY,
) -> list[float]:
    """Return for each question the difficulty that a regressor predicts which was fitted without it.

    A policy must be fitted on these: a regressor flatters itself on the questions that it was fitted on.

    Raises:
        ConfigurationError: there are fewer questions than folds.
    """
    if not 2 <= folds <= len(features):
        raise ConfigurationError(f"Give at least two folds and as many questions. Given: {folds}, {len(features)}.")
    predicted = [0.0] * len(features)
    for fold in range(folds):
        known = [place for place in range(len(features)) if place % folds != fold]
        regressor = fit_regressor(
            [features[place] for place in known], [difficulties[place] for place in known], penalty=penalty
        )
        for place in range(fold, len(features), folds):
            predicted[place] = regressor.difficulty(features[place])
    return predicted


def by_regressor(regressor: Regressor, embed: Embed) -> DifficultyEstimator:
    """Return the estimate that reads the question's last turn with `embed`."""

    def difficulty(tree: Tree) -> float:
        (features,) = embed([_asked(tree)])
        return regressor.difficulty(features)

    return difficulty


def _asked(tree: Tree) -> str:
    """Return the text of the last turn; of one with pictures, what is text."""
    content = tree.question[-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def _checked(features: Any, difficulties: Any, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    table, targets = (np.asarray(given, dtype=np.float64) for given in (features, difficulties))
    if table.ndim != 2 or targets.shape != (len(table),) or not table.size or not np.isfinite(table).all():
        raise ConfigurationError(
            "A regressor needs a row of finite features and a difficulty for every question. "
            f"Given: features of shape {table.shape}, difficulties of shape {targets.shape}."
        )
    if not ((targets >= 0) & (targets <= 1)).all() or penalty <= 0:
        raise ConfigurationError(f"Difficulties must be in [0, 1] and the penalty above 0. Given: penalty={penalty}.")
    return table, targets
