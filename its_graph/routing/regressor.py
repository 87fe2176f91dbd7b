"""A logistic regression as plain data: it is stored in a policy file, and prediction needs no numpy."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from its_graph.errors import InputError

__all__ = ["Embed", "Regressor"]

Embed: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Maps questions to feature vectors of equal length."""


class Regressor(BaseModel):
    """Predicts the difficulty of a question from its features.

    `its_graph.routing.learned_difficulty.fit_regressor` fits one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: tuple[float, ...]
    """Mean of each feature over the questions of the fit."""
    scales: tuple[float, ...]
    """Standard deviation of each feature; 1 for a constant feature."""
    weights: tuple[float, ...]
    """Weights of the standardized features."""
    bias: float

    @model_validator(mode="after")
    def _check_shapes(self) -> "Regressor":
        if not len(self.means) == len(self.scales) == len(self.weights) or min(self.scales, default=1.0) <= 0:
            raise ValueError("means, scales and weights must have the same length, and scales must be > 0")
        return self

    def difficulty(self, features: Sequence[float]) -> float:
        """Return a difficulty in [0, 1].

        Raises:
            InputError: the number of features differs from that of the fit.
        """
        if len(features) != len(self.weights):
            raise InputError(
                f"The regressor was fitted on {len(self.weights)} features per question; got {len(features)}. "
                "Use the model that it was fitted with, or fit again with `its-graph calibrate`."
            )
        logit = self.bias + math.fsum(
            weight * (feature - mean) / scale
            for feature, mean, scale, weight in zip(features, self.means, self.scales, self.weights, strict=True)
        )
        return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
