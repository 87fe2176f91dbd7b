"""A routing policy: the best strategy config for each difficulty bin and budget, with the curves behind the choice."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError, InputError
from its_graph.routing.regressor import Regressor

__all__ = [
    "POLICY_VERSION",
    "BudgetScope",
    "Cost",
    "Estimator",
    "Policy",
    "PolicyChoice",
    "PolicyPoint",
    "quantile_thresholds",
]

POLICY_VERSION: Final = 1
"""Incremented when a field is removed or changes its meaning."""

Estimator: TypeAlias = Literal["verifier", "agreement", "learned", "text"]
"""Source of difficulty: mean score of the pilots, their agreement, a fitted regressor, or the text of the question."""

Cost: TypeAlias = Literal["flops", "tokens", "generated_tokens"]
"""Unit of budgets and costs."""

BudgetScope: TypeAlias = Literal["per_bin", "on_average"]
"""Where the mean cost stays within the budget: in every bin, or over all questions, some of which then cost more."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicyPoint(_Record):
    """A strategy config as measured on the problems of one bin."""

    config: StrategyConfig
    accuracy: float = Field(ge=0, le=1)
    cost: float = Field(ge=0)
    """Mean per problem, pilots included, in the policy's unit."""
    problems: int = Field(ge=1)


class PolicyChoice(NamedTuple):
    """The decision of a policy for one question."""

    bin: int
    """0 is the easiest."""
    config: StrategyConfig
    reason: str
    """Explanation that the result shows to users."""


class Policy(_Record):
    """Which strategy config to use, by difficulty bin and budget."""

    version: Literal[1] = POLICY_VERSION
    estimator: Estimator
    pilots: int = Field(ge=0)
    """Samples drawn to estimate difficulty. They are paid for and remain candidates. 0 estimates from the text."""
    unit: Cost
    thresholds: tuple[float, ...]
    """Ascending. Difficulty d is in bin `bisect_right(thresholds, d)`, so there is one more bin than thresholds."""
    budgets: tuple[float, ...] = Field(min_length=1)
    """Ascending, per question, in `unit`."""
    budget_scope: BudgetScope = "per_bin"
    table: tuple[tuple[StrategyConfig, ...], ...]
    """`[bins][budgets]`: the best config within the budget, as `budget_scope` says."""
    curves: tuple[tuple[PolicyPoint, ...], ...] = ()
    """`[bins][points]`: the measurements; empty for a policy that is not fitted."""
    regressor: Regressor | None = None
    """The model of the estimator `learned`; None for the others."""
    fitted_on: dict[str, Any] = Field(default_factory=dict)
    """Models, data, seed and calibration of the fit, as plain data; empty for a policy that is not fitted."""

    @model_validator(mode="after")
    def _check_shapes(self) -> "Policy":
        bins = len(self.thresholds) + 1
        if list(self.thresholds) != sorted(self.thresholds) or list(self.budgets) != sorted(self.budgets):
            raise ValueError("thresholds and budgets must be ascending")
        if len(self.table) != bins or any(len(row) != len(self.budgets) for row in self.table):
            raise ValueError(f"table must have {bins} bins of {len(self.budgets)} budgets")
        if self.curves and len(self.curves) != bins:
            raise ValueError(f"curves must have {bins} bins or be empty")
        if (self.estimator == "learned") != (self.regressor is not None):
            raise ValueError("the estimator 'learned', and only that, must have a regressor")
        return self

    @property
    def configs(self) -> tuple[StrategyConfig, ...]:
        """The distinct configs that the policy may choose, in the order of the table."""
        return tuple(dict.fromkeys(config for row in self.table for config in row))

    def bin_of(self, difficulty: float) -> int:
        """Return the bin of a difficulty, 0 for the easiest."""
        return bisect_right(self.thresholds, difficulty)

    def choose(self, difficulty: float, budget: float | None = None) -> PolicyChoice:
        """Return the config for a question.

        Args:
            difficulty: by the policy's estimator; higher is harder.
            budget: for this question, in `unit`. The largest fitted budget not above it decides, or the smallest one
                if all are above it. None takes the largest.
        """
        bin_index = self.bin_of(difficulty)
        column = self._column(budget)
        config = self.table[bin_index][column]
        return PolicyChoice(
            bin_index,
            config,
            f"difficulty {difficulty:.2f} by {self.estimator} is bin {bin_index + 1} of {len(self.table)}: "
            f"{config.label}, {self._basis(self.budgets[column])}",
        )

    def _basis(self, budget: float) -> str:
        if not self.curves:
            return "from a table that is not fitted"
        scope = "on average" if self.budget_scope == "on_average" else "per question"
        return f"the best measured for {budget:.3g} {self.unit} {scope}"

    def _column(self, budget: float | None) -> int:
        if budget is None:
            return len(self.budgets) - 1
        return max(bisect_right(self.budgets, budget) - 1, 0)

    def save(self, path: Path) -> None:
        """Write the policy as readable JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a policy.

        Raises:
            ConfigurationError: the file does not exist.
            InputError: the file holds no policy, or one of another version; the message names the field.
        """
        if not path.is_file():
            raise ConfigurationError(f"File not found: '{path}'. Create one with `its-graph calibrate --out {path}`.")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(f"{path} holds no policy of version {POLICY_VERSION}: {error}") from error


def quantile_thresholds(values: Sequence[float], bins: int) -> tuple[float, ...]:
    """Return the thresholds that divide `values` into `bins` bins of about equal size; equal values share a bin.

    Repeated values reduce the number of thresholds: if all are equal, there is one bin and no threshold.
    """
    if bins < 1 or not values:
        raise ConfigurationError(
            f"Binning needs at least one bin and one value; got bins={bins} and {len(values)} values."
        )
    ordered = sorted(values)
    cuts = (ordered[len(ordered) * cut // bins] for cut in range(1, bins))
    return tuple(cut for cut in dict.fromkeys(cuts) if cut > ordered[0])
