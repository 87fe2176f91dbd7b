"""`its-graph calibrate`: measure strategy configs on problems, fit a policy for the router, and report its gain."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from its_graph.cli.display.calibration_tables import calibration_data, calibration_tables
from its_graph.cli.options.data import DATA_PANEL, Data, Seed
from its_graph.cli.options.grid import skip_infeasible
from its_graph.cli.options.models import MODELS_PANEL
from its_graph.cli.options.sampling import SamplingOptions
from its_graph.cli.options.strategy_flags import STRATEGY_PANEL
from its_graph.cli.runs.calibration_plan import (
    FitOptions,
    add_pilot_cells,
    calibration_grid,
    require_embeddings,
    require_enough_problems,
)
from its_graph.cli.runs.evaluation_run import EvaluationRun, RunOptions, evaluation_run
from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.output_files import explain_write_errors, require_distinct_files, require_writable
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, load_problems
from its_graph.evaluation.router.difficulty_estimates import estimate_difficulties
from its_graph.evaluation.router.policy_calibration import FitPlan, PolicyCalibration, calibrate_policy

__all__ = ["calibrate_command"]


def calibrate_command(
    out: Annotated[Path, typer.Option(dir_okay=False, help="Output file of the policy, as JSON.")],
    outcomes: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of outcomes. A rerun measures only what it does not have, and retries failed searches.",
        ),
    ] = None,
    strategies: Annotated[
        str,
        typer.Option(
            help="Comma-separated names. Strategies that sample whole solutions share their samples, so more of them "
            "cost little; step searches (beam_search, dvts) take longer.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = "self_consistency,best_of_n,adaptive_best_of_n",
    n: Annotated[
        str, typer.Option(help="Samples per search; every value is measured.", rich_help_panel=STRATEGY_PANEL)
    ] = "2,3,4,6,8,12,16",
    strategy_config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONFIG",
            help='One more strategy config, e.g. "beam_search n=16 width=4". Repeatable.',
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None,
    data: Data = EMBEDDED_DATASET,
    limit: Annotated[int, typer.Option(min=2, help="Maximum number of problems.", rich_help_panel=DATA_PANEL)] = 300,
    seed: Seed = 0,
    *,
    sampling: SamplingOptions,
    models: ModelOptions,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Problems in flight at the same time.", rich_help_panel=MODELS_PANEL)
    ] = 8,
    fit: FitOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print the policy as JSON.")] = False,
) -> None:
    """Fit a policy for compute_optimal: the best strategy by difficulty and budget.

    Measures strategies on problems with known answers, fits the best one for each difficulty bin and budget, and
    compares the router with every fixed config: fitted on one half of the problems, measured on the other. Use
    the policy with `its-graph solve "..." --strategy compute_optimal --set policy=policy.json`.
    """
    grid = calibration_grid(strategies, n, strategy_config or [], sampling.context())
    plan = fit.plan(grid, has_verifier=models.has_verifier)
    require_distinct_files(("--data", data), ("--out", out), ("--outcomes", outcomes))
    require_writable(out)
    cells = skip_infeasible(add_pilot_cells(grid, plan.pilots), has_verifier=models.has_verifier)
    problems = load_problems(data, limit=limit, seed=seed)
    require_enough_problems(plan, len(problems))
    run_options = RunOptions(seed, concurrency, out=outcomes, hide_progress=as_json)
    with evaluation_run(
        cells, models, problems, run_options, check=lambda generator: require_embeddings(plan, generator)
    ) as run:
        run.require_complete(" No policy was fitted.")
        fitted = _fit(run, plan, seed)
    optional = {name: value for name, value in sampling._asdict().items() if name == "temperature" or value is not None}
    source = {"seed": seed, **models.identity(), "data": data, "problems": len(problems), "version": _version()}
    fitted_on = source | optional | calibration_data(fitted)
    policy = fitted.policy.model_copy(update={"fitted_on": fitted_on})
    with explain_write_errors(out):
        policy.save(out)
    typer.echo(policy.model_dump_json(indent=2)) if as_json else Console().print(calibration_tables(fitted, out))


def _fit(run: EvaluationRun, plan: FitPlan, seed: int) -> PolicyCalibration:
    measured = {cell.config: outcomes for cell, outcomes in run.results.measured.items()}
    estimates = estimate_difficulties(
        plan.estimator,
        measured,
        plan.pilots,
        plan.unit,
        score_range=run.verifier.score_range if run.verifier else "prob",
        embed=getattr(run.generator, "embed", None),
    )
    return calibrate_policy(measured, plan, estimates, seed=seed)


def _version() -> str | None:
    try:
        return version("its-graph")
    except PackageNotFoundError:
        return None
