"""A policy: for each difficulty bin and each budget the best setting, and the curves behind the choice, in a file."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError, InputError
from its_graph.routing.regressor import Regressor

__all__ = ["POLICY_VERSION", "BudgetScope", "Cost", "Estimator", "Policy", "PolicyChoice", "PolicyPoint", "quantile_thresholds"]

POLICY_VERSION: Final = 1
"""Goes up when a field goes or changes its meaning."""

Estimator: TypeAlias = Literal["verifier", "agreement", "learned", "text"]
"""What difficulty is read from: mean score of the pilots, their agreement, a fitted regressor, the question's text."""

Cost: TypeAlias = Literal["flops", "tokens", "generated_tokens"]
"""What budgets and costs are counted in."""

BudgetScope: TypeAlias = Literal["per_bin", "on_average"]
"""Whether the mean cost is within the budget in every bin, or over all questions together: some then cost more."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicyPoint(_Record):
    """A setting as it was measured on the problems of one bin."""

    setting: StrategyConfig
    accuracy: float = Field(ge=0, le=1)
    cost: float = Field(ge=0)
    """Mean for a problem, pilots included, in the policy's unit."""
    problems: int = Field(ge=1)


class PolicyChoice(NamedTuple):
    """What a policy says of one question."""

    bin: int
    """0 is the easiest."""
    setting: StrategyConfig
    reason: str
    """Why, in words a user reads in the result."""


class Policy(_Record):
    """Which setting to use, by difficulty bin and budget."""

    version: Literal[1] = POLICY_VERSION
    estimator: Estimator
    pilots: int = Field(ge=0)
    """Samples drawn to estimate difficulty; they are paid for and stay candidates. 0 for an estimate from the text."""
    unit: Cost
    thresholds: tuple[float, ...]
    """Ascending; difficulty d is in bin `bisect_right(thresholds, d)`, so there is one bin more than these."""
    budgets: tuple[float, ...] = Field(min_length=1)
    """Ascending, for a question, in `unit`."""
    budget_scope: BudgetScope = "per_bin"
    table: tuple[tuple[StrategyConfig, ...], ...]
    """[bins][budgets]: the best setting within the budget, as `budget_scope` says."""
    curves: tuple[tuple[PolicyPoint, ...], ...] = ()
    """[bins][points]: what was measured; empty for a policy that was not fitted."""
    regressor: Regressor | None = None
    """What the estimator `learned` predicts with; None for the others."""
    fitted_on: dict[str, Any] = Field(default_factory=dict)
    """Models, data, seed and calibration of the fit, as plain data; empty for a policy that was not fitted."""

    @model_validator(mode="after")
    def _shapes(self) -> "Policy":
        bins = len(self.thresholds) + 1
        if list(self.thresholds) != sorted(self.thresholds) or list(self.budgets) != sorted(self.budgets):
            raise ValueError("thresholds and budgets must ascend")
        if len(self.table) != bins or any(len(row) != len(self.budgets) for row in self.table):
            raise ValueError(f"the table must have {bins} bins of {len(self.budgets)} budgets")
        if self.curves and len(self.curves) != bins:
            raise ValueError(f"there must be curves for {bins} bins, or none")
        if (self.estimator == "learned") != (self.regressor is not None):
            raise ValueError("there must be a regressor for the estimator 'learned', and for no other")
        return self

    @property
    def settings(self) -> tuple[StrategyConfig, ...]:
        """Every setting that it may choose, each once, in the order of the table."""
        return tuple(dict.fromkeys(setting for row in self.table for setting in row))

    def bin_of(self, difficulty: float) -> int:
        """Return the bin of a difficulty, 0 for the easiest."""
        return bisect_right(self.thresholds, difficulty)

    def choose(self, difficulty: float, budget: float | None = None) -> PolicyChoice:
        """Return the setting for a question.

        Args:
            difficulty: by the policy's own estimator; higher is harder.
            budget: for this question, in `unit`; None takes the largest there is. The largest fitted budget that is
                not above it decides, the smallest one where all are above it.
        """
        place = self.bin_of(difficulty)
        column = self._column(budget)
        setting = self.table[place][column]
        return PolicyChoice(
            place,
            setting,
            f"difficulty {difficulty:.2f} by {self.estimator} is bin {place + 1} of {len(self.table)}: "
            f"{setting.label}, {self._grounds(self.budgets[column])}",
        )

    def _grounds(self, budget: float) -> str:
        if not self.curves:
            return "by the table that was not fitted"
        scope = "on average" if self.budget_scope == "on_average" else "a question"
        return f"the best measured for {budget:.3g} {self.unit} {scope}"

    def _column(self, budget: float | None) -> int:
        if budget is None:
            return len(self.budgets) - 1
        return max(bisect_right(self.budgets, budget) - 1, 0)

    def save(self, path: Path) -> None:
        """Write it as readable JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a policy.

        Raises:
            ConfigurationError: there is no such file.
            InputError: it holds no policy, or one of another version; the message names the field.
        """
        if not path.is_file():
            raise ConfigurationError(f"There is no file {path}. Make one with `its-graph calibrate --out {path}`.")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(f"{path} holds no policy of version {POLICY_VERSION}: {error}") from error


def quantile_thresholds(values: Sequence[float], bins: int) -> tuple[float, ...]:
    """Return the thresholds that cut `values` into `bins` bins of about equal size; equal values stay in one bin.

    Fewer thresholds come back where values repeat: all equal is one bin and no threshold.
    """
    if bins < 1 or not values:
        raise ConfigurationError(f"Bins need at least one bin and one value, given bins={bins}, {len(values)} values.")
    ordered = sorted(values)
    cuts = (ordered[len(ordered) * cut // bins] for cut in range(1, bins))
    return tuple(cut for cut in dict.fromkeys(cuts) if cut > ordered[0])
