"""From the options of `solve-batch` to its plan and its verifier, and what to say where they do not match."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy

if TYPE_CHECKING:  # allocation needs numpy, which the other commands do without
    from its_graph.batch.types import AllocationPlan

__all__ = ["Choosing", "PlanName", "judge_of", "plan_of"]


class PlanName(StrEnum):
    """The plans of `its_graph.batch`."""

    UNIFORM = "uniform"
    SEED_WEIGHTS = "seed_weights"
    BETA_GREEDY = "beta_greedy"
    ADAPTIVE = "adaptive"
    MENU = "menu"


class Choosing(StrEnum):
    """The strategies whose samples are independent, so that a search can be continued."""

    BEST_OF_N = "best_of_n"
    SELF_CONSISTENCY = "self_consistency"


def judge_of(verifier: Verifier | None, name: Choosing | None, plan: PlanName) -> Verifier | None:
    """Return who scores the samples: nobody, where votes decide."""
    judge = None if name is Choosing.SELF_CONSISTENCY else verifier
    if judge is None and (name is Choosing.BEST_OF_N or plan is PlanName.ADAPTIVE):
        raise ConfigurationError(
            f"{name or plan} goes by a verifier's scores, and there is no verifier. Give --prm, or take "
            "--strategy self_consistency with another --plan."
        )
    return judge


def plan_of(
    plan: PlanName, pilots: int, solved: float, most: int, policy: Path | None
) -> "Callable[[Verifier | None], AllocationPlan]":
    """Return the plan that the options describe, to be told of the batch's verifier once models are loaded."""
    from its_graph import batch

    if (policy is None) == (plan is PlanName.MENU):
        raise ConfigurationError("--plan menu and --policy belong together: give both or neither.")
    if policy is not None:
        return partial(batch.policy_plan, Policy.load(policy))
    if plan is PlanName.BETA_GREEDY:
        chosen = batch.beta_greedy_plan(pilots=pilots, max_samples=most)
    elif plan is PlanName.ADAPTIVE:
        chosen = batch.adaptive_plan(solved=solved, max_samples=most)
    else:
        chosen = (batch.uniform_plan if plan is PlanName.UNIFORM else batch.hardest_first_plan)(max_samples=most)
    return lambda verifier: chosen
