"""What a calibration measures, out of what was written on the command line; what it cannot measure it refuses first."""

from collections.abc import Sequence

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.options.grid import arms_of, chosen_strategies
from its_graph.cli.options.number_types import whole_numbers
from its_graph.cli.options.set_option import parse_set_options
from its_graph.context import SearchContext
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell
from its_graph.evaluation.router.pilot_accounting import SINGLE, Pilots
from its_graph.evaluation.router.policy_calibration import FitPlan
from its_graph.routing.policy import Estimator

__all__ = ["grid_of", "pilots_of", "require_features", "require_problems", "with_pilots"]


def grid_of(strategies: str, n: str, settings: Sequence[str], context: SearchContext) -> list[GridCell]:
    """Return what was asked for: every strategy at every n, and the settings named one by one."""
    grid = arms_of(chosen_strategies(strategies), whole_numbers("--n", n, "1,2,4,8,16"), {}, [None], context)
    return list(dict.fromkeys([*grid, *(GridCell(_setting(one), context) for one in settings)]))


def _setting(text: str) -> StrategyConfig:
    """Return a setting from how people read it: `beam_search n=16 width=4`."""
    if not text.strip():
        raise ConfigurationError(f'--setting {text!r} names no strategy. Expected for example "beam_search n=16".')
    name, *options = text.split()
    return StrategyConfig(strategy=name, options=parse_set_options(options, [strategy(name)], flag="--setting"))


def pilots_of(estimator: Estimator, samples: int | None, grid: Sequence[GridCell], *, judged: bool) -> Pilots:
    """Return the pilots; the router verifies them where any of its settings goes by scores."""
    usual = 0 if estimator in ("learned", "text") else 2
    count = usual if samples is None else samples
    if not count and usual:
        raise ConfigurationError(f"Difficulty by {estimator} is read from pilots. Give --pilots of at least 1.")
    if estimator == "verifier" and not judged:
        raise ConfigurationError("Difficulty by verifier needs one. Give --prm, or another --estimator: agreement.")
    scored = estimator == "verifier" or any(strategy(arm.config.strategy).takes_verifier for arm in grid)
    return Pilots(count, verified=count > 0 and judged and scored)


def with_pilots(grid: Sequence[GridCell], pilots: Pilots) -> list[GridCell]:
    """Return the grid with the searches that the pilots are measured by."""
    needed = (SINGLE, pilots.draw_config, pilots.answer_config)
    return list(dict.fromkeys([*grid, *(GridCell(setting, grid[0].context) for setting in needed)]))


def require_problems(plan: FitPlan, problems: int) -> None:
    """Refuse before anything is measured fewer problems than can be divided."""
    least = 2
    if plan.estimator == "learned":
        from its_graph.routing.learned_difficulty import FOLDS  # numpy: no other estimator needs it

        least = FOLDS
    if problems < least:
        raise ConfigurationError(
            f"A policy by {plan.estimator} difficulty is fitted and measured on at least {least} problems. "
            f"Given: {problems}. Give more in --data, or a larger --limit."
        )


def require_features(plan: FitPlan, generator: Generator) -> None:
    """Refuse before anything is measured what could not be estimated after."""
    if plan.estimator == "learned" and not hasattr(generator, "embed"):
        raise ConfigurationError(
            f"Learned difficulty reads features of the question, and {type(generator).__name__} has no method `embed`. "
            "Use a local model, or another --estimator."
        )
