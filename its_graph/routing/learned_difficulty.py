"""Learned difficulty: a logistic regression on features of the question.

The features are the generator's last hidden state, averaged over the prompt, or the output of any embedding function.
The target is the share of incorrect samples (2410.04707, section 3, predicts marginal rewards from the same state). It
needs no pilots and costs one forward pass over the prompt.
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

__all__ = ["by_regressor", "cross_val_difficulties", "fit_regressor"]

PENALTY = 10.0
"""Weight of the squared coefficients, in questions: it keeps a few hundred questions from fitting noise."""
FOLDS = 5
"""Folds of the questions; each is predicted by a regressor fitted on the others."""
_MAX_ITERATIONS = 50
_TOLERANCE = 1e-8


def fit_regressor(
    features: Sequence[Sequence[float]], difficulties: Sequence[float], *, penalty: float = PENALTY
) -> Regressor:
    """Fit by Newton's method: maximum likelihood with an L2 penalty of `penalty` / 2 on the weights, not on the bias.

    Args:
        features: of each question.
        difficulties: share of incorrect samples of each question, in [0, 1].
        penalty: above 0; larger values pull every prediction toward the mean difficulty.

    Raises:
        ConfigurationError: the lengths differ, there are no questions, or a difficulty is outside [0, 1].
    """
    table, targets = _checked(features, difficulties, penalty)
    means, deviations = table.mean(axis=0), table.std(axis=0)
    scales = np.where(deviations > 0, deviations, 1.0)
    inputs = np.column_stack([(table - means) / scales, np.ones(len(table))])
    ridge = np.diag([penalty] * table.shape[1] + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(_MAX_ITERATIONS):
        predicted = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (targets - predicted) - ridge @ weights
        hessian = (inputs * (predicted * (1 - predicted))[:, None]).T @ inputs + ridge
        update = np.linalg.solve(hessian, gradient)
        weights = weights + update
        if np.abs(update).max() < _TOLERANCE:
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
    """Return the difficulty of each question as predicted by a regressor that was fitted without it.

    A policy must be fitted on these: a regressor's predictions are too good on the questions it was fitted on.

    Raises:
        ConfigurationError: there are fewer questions than folds.
    """
    if not 2 <= folds <= len(features):
        raise ConfigurationError(
            f"Need 2 <= folds <= number of questions; got {folds} folds, {len(features)} questions."
        )
    predicted = [0.0] * len(features)
    for fold in range(folds):
        training = [index for index in range(len(features)) if index % folds != fold]
        regressor = fit_regressor(
            [features[index] for index in training], [difficulties[index] for index in training], penalty=penalty
        )
        for index in range(fold, len(features), folds):
            predicted[index] = regressor.difficulty(features[index])
    return predicted


def by_regressor(regressor: Regressor, embed: Embed) -> DifficultyEstimator:
    """Return the estimator that applies `regressor` to the `embed` features of the question's last message."""

    def difficulty(tree: Tree) -> float:
        (features,) = embed([_last_text(tree)])
        return regressor.difficulty(features)

    return difficulty


def _last_text(tree: Tree) -> str:
    """Return the text of the last message, without its images."""
    content = tree.question[-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def _checked(features: Any, difficulties: Any, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    table, targets = (np.asarray(values, dtype=np.float64) for values in (features, difficulties))
    if table.ndim != 2 or targets.shape != (len(table),) or not table.size or not np.isfinite(table).all():
        raise ConfigurationError(
            "A regressor needs a row of finite features and a difficulty for every question; "
            f"got features of shape {table.shape} and difficulties of shape {targets.shape}."
        )
    if not ((targets >= 0) & (targets <= 1)).all() or penalty <= 0:
        raise ConfigurationError(f"Difficulties must be in [0, 1] and penalty must be > 0; got penalty={penalty}.")
    return table, targets
