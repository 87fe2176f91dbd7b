"""its-graph calibrate: measure settings on problems, fit a policy for the router, and say what it is worth."""

import math
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from its_graph.cli.display.calibration_tables import as_data, calibration_tables
from its_graph.cli.exit_codes import INTERRUPTED, exit_code, tell
from its_graph.cli.options.data import PANEL, Data, Seed
from its_graph.cli.options.grid import possible_arms
from its_graph.cli.options.models import BaseUrl, FamilyOption, ModelOption, Prm, PrmUrl
from its_graph.cli.options.sampling import MaxTokens, System, Temperature
from its_graph.cli.runs import models as model_choice
from its_graph.cli.runs.calibration_plan import grid_of, pilots_of, require_features, require_problems, with_pilots
from its_graph.cli.runs.evaluation_run import ResultsStore, described, run_evaluation
from its_graph.cli.runs.output_files import require_apart, require_writable, writing
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.context import SearchContext
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, ItsGraphError
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, load_problems
from its_graph.evaluation.router.difficulty_estimates import estimate_difficulties
from its_graph.evaluation.router.policy_calibration import PolicyCalibration, FitPlan, calibrate_policy
from its_graph.routing.fitting import BINS
from its_graph.routing.pareto_front import GUARD
from its_graph.routing.policy import BudgetScope, Cost, Estimator

__all__ = ["calibrate_command"]

_GRID, _MODELS, _FIT = "What is measured", "Models", "What is fitted"


def calibrate_command(
    out: Annotated[Path, typer.Option(dir_okay=False, help="File of the policy, as JSON.")],
    work: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of all outcomes; what it holds is not run again, but for searches that failed.",
        ),
    ] = None,
    strategies: Annotated[
        str,
        typer.Option(
            help="Names, separated by commas. Those that sample whole solutions share their samples and come nearly "
            "free; step searches (beam_search, dvts) take their time.",
            rich_help_panel=_GRID,
        ),
    ] = "self_consistency,best_of_n,adaptive_best_of_n",
    n: Annotated[str, typer.Option(help="Samples of a search; each is measured.", rich_help_panel=_GRID)] = (
        "2,3,4,6,8,12,16"
    ),
    setting: Annotated[
        list[str] | None,
        typer.Option(help='One setting more, for example "beam_search n=16 width=4".', rich_help_panel=_GRID),
    ] = None,
    pilots: Annotated[
        int | None,
        typer.Option(
            min=0, help="Samples that tell the difficulty. (2; none for learned and text.)", rich_help_panel=_GRID
        ),
    ] = None,
    data: Data = EMBEDDED_DATASET,
    limit: Annotated[int, typer.Option(min=2, help="Problems to take at most.", rich_help_panel=PANEL)] = 300,
    seed: Seed = 0,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    model: ModelOption = None,
    prm: Prm = None,
    family: FamilyOption = "auto",
    base_url: BaseUrl = None,
    prm_url: PrmUrl = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Problems under way at the same time.", rich_help_panel=_MODELS)
    ] = 8,
    estimator: Annotated[
        str | None,
        typer.Option(
            help="What difficulty is read from: verifier (scores of the pilots), agreement (of the pilots), learned, "
            "text. (verifier, or agreement where there is none.)",
            rich_help_panel=_FIT,
        ),
    ] = None,
    bins: Annotated[int, typer.Option(min=1, help="Bins of about equal size.", rich_help_panel=_FIT)] = BINS,
    unit: Annotated[
        str, typer.Option(help="Of costs and budgets: flops, tokens or generated_tokens.", rich_help_panel=_FIT)
    ] = "flops",
    budgets: Annotated[
        str | None,
        typer.Option(
            help="For a question, in the unit: `2e8,4e8`. (Eight, from the cheapest to the dearest setting.)",
            rich_help_panel=_FIT,
        ),
    ] = None,
    budget_scope: Annotated[
        str,
        typer.Option(
            help="Where the mean cost is within the budget: on_average, over all questions, or per_bin.",
            rich_help_panel=_FIT,
        ),
    ] = "on_average",
    guard: Annotated[
        float,
        typer.Option(min=0.0, help="Standard errors by which a dearer setting must be better.", rich_help_panel=_FIT),
    ] = GUARD,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Fit a policy for the strategy compute_optimal: which setting pays, by difficulty and budget.

    Measures settings on problems with known answers, fits the best one for each difficulty bin and budget, and compares
    the router, fitted on one half of the problems and measured on the other, with every fixed setting. Use it with
    `its-graph solve "..." --strategy compute_optimal --set policy=policy.json`.
    """
    judged = model_choice.has_verifier(model, prm, base_url, prm_url)
    shared = {"seed": seed, **model_choice.identity(model, prm, base_url, prm_url, family)}
    try:
        grid = grid_of(
            strategies, n, setting or [], SearchContext(temperature=temperature, max_tokens=max_tokens, system=system)
        )
        chosen = _one_of("--estimator", estimator or ("verifier" if judged else "agreement"), Estimator)
        plan = FitPlan(
            chosen,
            pilots_of(chosen, pilots, grid, judged=judged),
            _one_of("--unit", unit, Cost),
            bins,
            _numbers(budgets),
            _one_of("--budget-scope", budget_scope, BudgetScope),
            guard,
        )
        require_apart(("--data", data), ("--out", out), ("--work", work))
        require_writable(out)
        arms, left_out = possible_arms(with_pilots(grid, plan.pilots), judged=judged)
        for reason in left_out:
            typer.echo(reason, err=True)
        problems = load_problems(data, limit=limit, seed=seed)
        require_problems(plan, len(problems))
        notebook = ResultsStore({arm: described(arm, shared) for arm in arms}, problems, work)
        with closing(notebook), model_choice.loaded(model, prm, base_url, prm_url, family) as (generator, verifier):
            require_features(plan, generator)
            require_supported_problem(generator, (one.problem for one in problems), system)
            stopped = run_evaluation(
                notebook,
                generator,
                verifier,
                problems,
                seed=seed,
                concurrency=concurrency,
                reuse=True,
                hide_bar=as_json,
            )
            if stopped:
                tell("Stopped before all was measured: there is no policy. With --work the same command goes on here.")
                raise typer.Exit(INTERRUPTED)
            notebook.tell_failures()
            fitted = _fitted(notebook, plan, generator, verifier, seed)
    except ItsGraphError as error:
        tell(str(error))
        raise typer.Exit(exit_code(error)) from error
    origin = {**shared, "data": data, "problems": len(problems), "temperature": temperature, "version": _version()}
    origin |= {name: one for name, one in (("system", system), ("max_tokens", max_tokens)) if one is not None}
    policy = fitted.policy.model_copy(update={"fitted_on": origin | as_data(fitted)})
    with writing(out):
        policy.save(out)
    typer.echo(policy.model_dump_json(indent=2)) if as_json else Console().print(calibration_tables(fitted, out))


def _fitted(
    notebook: ResultsStore, plan: FitPlan, generator: Generator, verifier: Verifier | None, seed: int
) -> PolicyCalibration:
    measured = {arm.config: outcomes for arm, outcomes in notebook.measured.items()}
    estimates = estimate_difficulties(
        plan.estimator,
        measured,
        plan.pilots,
        plan.unit,
        score_range=verifier.score_range if verifier else "prob",
        embed=getattr(generator, "embed", None),
    )
    return calibrate_policy(measured, plan, estimates, seed=seed)


def _one_of(flag: str, given: str, kind: Any) -> Any:
    """Return a value of a Literal."""
    if given not in get_args(kind):
        raise ConfigurationError(f"{flag} {given!r} is unknown. Expected one of: {', '.join(get_args(kind))}.")
    return given


def _numbers(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        numbers = tuple(float(one) for one in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < one < math.inf for one in numbers):
        raise ConfigurationError(f"--budgets {text!r} is no list of numbers above 0. Expected for example 2e8,4e8.")
    return numbers


def _version() -> str | None:
    try:
        return version("its-graph")
    except PackageNotFoundError:
        return None
