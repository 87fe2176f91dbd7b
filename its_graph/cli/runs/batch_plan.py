"""The allocation plan of `solve-batch`: its options, and the verifier that it needs."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy

if TYPE_CHECKING:  # its_graph.batch needs numpy, which the other commands do not
    from its_graph.batch.types import AllocationPlan

__all__ = ["BatchStrategy", "PlanName", "PlanOptions", "select_verifier"]

_PANEL = "Allocation"


class PlanName(StrEnum):
    """The plans of `its_graph.batch`."""

    UNIFORM = "uniform"
    HARDEST_FIRST = "hardest_first"
    BETA_GREEDY = "beta_greedy"
    ADAPTIVE = "adaptive"
    POLICY = "policy"


class BatchStrategy(StrEnum):
    """Strategies whose samples are independent, so that a search can be continued."""

    BEST_OF_N = "best_of_n"
    SELF_CONSISTENCY = "self_consistency"


class PlanOptions(NamedTuple):
    """How samples are allocated to problems."""

    plan: Annotated[
        PlanName,
        typer.Option(
            metavar="PLAN",
            help=f"How samples are allocated to problems: {', '.join(PlanName)}.",
            rich_help_panel=_PANEL,
        ),
    ] = PlanName.BETA_GREEDY
    policy: Annotated[
        Path | None,
        typer.Option(help="File of a fitted policy, for --plan policy.", dir_okay=False, rich_help_panel=_PANEL),
    ] = None
    pilots: Annotated[
        int, typer.Option(min=1, help="Samples per problem before beta_greedy allocates.", rich_help_panel=_PANEL)
    ] = 2
    solved: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Score from which adaptive counts a problem as solved.", rich_help_panel=_PANEL
        ),
    ] = 0.9
    max_samples: Annotated[int, typer.Option(min=1, help="Maximum samples per problem.", rich_help_panel=_PANEL)] = 64

    def build(self) -> "Callable[[Verifier | None], AllocationPlan]":
        """Return the plan as a function of the batch's verifier, which is not loaded yet.

        Raises:
            ConfigurationError: the options do not fit together, or the policy cannot be read.
        """
        from its_graph import batch

        if (self.policy is None) == (self.plan is PlanName.POLICY):
            raise ConfigurationError("--plan policy and --policy require each other. Give both or neither.")
        if self.policy is not None:
            return partial(batch.policy_plan, Policy.load(self.policy))
        if self.plan is PlanName.BETA_GREEDY:
            plan = batch.beta_greedy_plan(pilots=self.pilots, max_samples=self.max_samples)
        elif self.plan is PlanName.ADAPTIVE:
            plan = batch.adaptive_plan(solved=self.solved, max_samples=self.max_samples)
        else:
            by_share = batch.uniform_plan if self.plan is PlanName.UNIFORM else batch.hardest_first_plan
            plan = by_share(max_samples=self.max_samples)
        return lambda verifier: plan


def select_verifier(verifier: Verifier | None, strategy: BatchStrategy | None, plan: PlanName) -> Verifier | None:
    """Return the verifier that scores the samples; None if votes decide.

    Raises:
        ConfigurationError: the strategy or the plan needs a verifier that is missing.
    """
    selected = None if strategy is BatchStrategy.SELF_CONSISTENCY else verifier
    if selected is None and (strategy is BatchStrategy.BEST_OF_N or plan is PlanName.ADAPTIVE):
        raise ConfigurationError(
            f"{strategy or plan} needs verifier scores, and this batch has no verifier. Give --prm, or use --strategy "
            "self_consistency with another --plan."
        )
    return selected
