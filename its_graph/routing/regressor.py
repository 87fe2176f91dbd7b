"""A logistic regression as plain data: it stands inside a policy's file, and predicting needs no numpy."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from its_graph.errors import InputError

__all__ = ["Embed", "Regressor"]

Embed: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Features of each of several questions, all of one length."""


class Regressor(BaseModel):
    """Predicts the difficulty of a question from its features; `its_graph.routing.learned_difficulty.fit_regressor` makes one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: tuple[float, ...]
    """Of each feature over the questions of the fit."""
    scales: tuple[float, ...]
    """Its standard deviation there; 1 for a feature that did not vary."""
    weights: tuple[float, ...]
    """Of the features so standardised."""
    bias: float

    @model_validator(mode="after")
    def _shapes(self) -> "Regressor":
        if not len(self.means) == len(self.scales) == len(self.weights) or min(self.scales, default=1.0) <= 0:
            raise ValueError("means, scales and weights must be of one length, and scales above 0")
        return self

    def difficulty(self, features: Sequence[float]) -> float:
        """Return a difficulty in [0, 1].

        Raises:
            InputError: there are not as many features as the fit had.
        """
        if len(features) != len(self.weights):
            raise InputError(
                f"The regressor was fitted on {len(self.weights)} features of a question and was given "
                f"{len(features)}. Use the model that it was fitted with, or fit again with `its-graph calibrate`."
            )
        logit = self.bias + math.fsum(
            weight * (feature - mean) / scale
            for feature, mean, scale, weight in zip(features, self.means, self.scales, self.weights, strict=True)
        )
        return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
