"""What a calibration measures and fits, from the command line; impossible plans are rejected before any search."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, get_args

import typer

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.options.grid import build_grid, parse_strategies
from its_graph.cli.options.number_types import int_list
from its_graph.cli.options.set_option import parse_set_options
from its_graph.context import SearchContext
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell
from its_graph.evaluation.router.pilot_accounting import SINGLE, Pilots
from its_graph.evaluation.router.policy_calibration import FitPlan
from its_graph.routing.fitting import BINS
from its_graph.routing.pareto_front import GUARD
from its_graph.routing.policy import BudgetScope, Cost, Estimator

__all__ = ["FitOptions", "add_pilot_cells", "calibration_grid", "require_embeddings", "require_enough_problems"]

_PANEL = "Policy"


class FitOptions(NamedTuple):
    """How the policy is fitted."""

    pilots: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Samples that difficulty is estimated from. Default: 2, or 0 for learned and text.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    estimator: Annotated[
        str | None,
        typer.Option(
            help="What difficulty is estimated from: verifier (scores of the pilots), agreement (of the pilots), "
            "learned or text (of the question). Default: verifier, or agreement without one.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    bins: Annotated[int, typer.Option(min=1, help="Difficulty bins of about equal size.", rich_help_panel=_PANEL)] = (
        BINS
    )
    unit: Annotated[
        str,
        typer.Option(help="Unit of costs and budgets: flops, tokens or generated_tokens.", rich_help_panel=_PANEL),
    ] = "flops"
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Budgets per question, in --unit, e.g. `2e8,4e8`. Default: eight, from the cheapest to the most "
            "expensive config.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    budget_scope: Annotated[
        str,
        typer.Option(
            help="Where the mean cost stays within the budget: on_average (over all questions) or per_bin.",
            rich_help_panel=_PANEL,
        ),
    ] = "on_average"
    guard: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Standard errors by which a more expensive config must be better.",
            rich_help_panel=_PANEL,
        ),
    ] = GUARD

    def plan(self, grid: Sequence[GridCell], *, has_verifier: bool) -> FitPlan:
        """Return the plan of the fit.

        Args:
            grid: what is measured.
            has_verifier: whether the run has a verifier.

        Raises:
            ConfigurationError: a value is not one of the choices, or the estimator lacks pilots or a verifier.
        """
        estimator = _one_of("--estimator", self.estimator or ("verifier" if has_verifier else "agreement"), Estimator)
        return FitPlan(
            estimator,
            _pilots(estimator, self.pilots, grid, has_verifier=has_verifier),
            _one_of("--unit", self.unit, Cost),
            self.bins,
            _parse_budgets(self.budgets),
            _one_of("--budget-scope", self.budget_scope, BudgetScope),
            self.guard,
        )


def _one_of(flag: str, value: str, literal: Any) -> Any:
    if value not in get_args(literal):
        raise ConfigurationError(f"{flag} must be one of {', '.join(get_args(literal))}; got {value!r}.")
    return value


def _pilots(estimator: Estimator, samples: int | None, grid: Sequence[GridCell], *, has_verifier: bool) -> Pilots:
    """Return the pilots; they are verified if the router can choose a config with a verifier."""
    default = 0 if estimator in ("learned", "text") else 2
    count = default if samples is None else samples
    if not count and default:
        raise ConfigurationError(f"--pilots must be >= 1 with --estimator {estimator}; got {samples}.")
    if estimator == "verifier" and not has_verifier:
        raise ConfigurationError("--estimator verifier needs a verifier. Give --prm, or use --estimator agreement.")
    scored = estimator == "verifier" or any(strategy(cell.config.strategy).takes_verifier for cell in grid)
    return Pilots(count, verified=count > 0 and has_verifier and scored)


def _parse_budgets(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        budgets = tuple(float(item) for item in text.split(","))
    except ValueError:
        budgets = ()
    if not budgets or not all(0 < budget < math.inf for budget in budgets):
        raise ConfigurationError(
            f"--budgets must be a comma-separated list of numbers > 0; got {text!r}. Example: --budgets 2e8,4e8."
        )
    return budgets


def calibration_grid(strategies: str, n: str, configs: Sequence[str], context: SearchContext) -> list[GridCell]:
    """Return every strategy at every n, and the strategy configs given one by one."""
    grid = build_grid(parse_strategies(strategies), int_list("--n", n, "1,2,4,8,16"), {}, [None], context)
    return list(dict.fromkeys([*grid, *(GridCell(_parse_config(config), context) for config in configs)]))


def _parse_config(text: str) -> StrategyConfig:
    """Parse the label of a strategy config: `beam_search n=16 width=4`."""
    flag = "--strategy-config"
    if not text.strip():
        raise ConfigurationError(
            f'{flag} must start with a strategy; got {text!r}. Example: {flag} "beam_search n=16".'
        )
    name, *options = text.split()
    return StrategyConfig(strategy=name, options=parse_set_options(options, [strategy(name)], flag=flag))


def add_pilot_cells(grid: Sequence[GridCell], pilots: Pilots) -> list[GridCell]:
    """Return the grid with the cells that measure the pilots."""
    needed = (SINGLE, pilots.draw_config, pilots.answer_config)
    return list(dict.fromkeys([*grid, *(GridCell(config, grid[0].context) for config in needed)]))


def require_enough_problems(plan: FitPlan, problems: int) -> None:
    """Check that there are enough problems to split.

    Raises:
        ConfigurationError: there are not.
    """
    minimum = 2
    if plan.estimator == "learned":
        from its_graph.routing.learned_difficulty import FOLDS  # needs numpy, which no other estimator does

        minimum = FOLDS
    if problems < minimum:
        raise ConfigurationError(
            f"A policy with --estimator {plan.estimator} needs at least {minimum} problems; got {problems}. "
            "Add problems to --data, or raise --limit."
        )


def require_embeddings(plan: FitPlan, generator: Generator) -> None:
    """Check that the generator has the features that the estimator reads.

    Raises:
        ConfigurationError: it does not.
    """
    if plan.estimator == "learned" and not hasattr(generator, "embed"):
        raise ConfigurationError(
            f"--estimator learned needs embeddings of the question, and {type(generator).__name__} has no method "
            "`embed`. Use a local model, or another --estimator."
        )
