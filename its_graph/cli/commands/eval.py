"""`its-graph eval`: accuracy and cost of strategies on the same problems, at every n and budget, with intervals."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from its_graph.cli.display.evaluation_tables import evaluation_rows, evaluation_tables
from its_graph.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED
from its_graph.cli.options.data import DATA_PANEL, Data, Seed
from its_graph.cli.options.grid import build_grid, parse_strategies, skip_infeasible
from its_graph.cli.options.models import MODELS_PANEL
from its_graph.cli.options.number_types import int_list
from its_graph.cli.options.sampling import SamplingOptions
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.options.strategy_flags import STRATEGY_PANEL
from its_graph.cli.runs.evaluation_report import OUTPUT_PANEL, ReportOptions, provenance
from its_graph.cli.runs.evaluation_run import RunOptions, evaluation_run
from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.output_files import require_distinct_files
from its_graph.cli.runs.policy_check import note_policy_mismatch
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, EMBEDDED_PROBLEMS, load_problems

__all__ = ["eval_command"]


def eval_command(
    context: typer.Context,
    strategies: Annotated[
        str,
        typer.Option(help="Comma-separated names; rows keep their order.", rich_help_panel=STRATEGY_PANEL),
    ] = "single,self_consistency,best_of_n",
    n: Annotated[
        str,
        typer.Option(
            help="Samples (of a step search: per round); `1,2,4,8,16` measures each.", rich_help_panel=STRATEGY_PANEL
        ),
    ] = "16",
    width: Annotated[
        int | None, typer.Option(help="Paths that a step search keeps.", rich_help_panel=STRATEGY_PANEL)
    ] = None,
    set_options: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other option of the strategies. Repeatable.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None,
    budget_tokens: Annotated[
        str | None,
        typer.Option(
            help="Token limit of one search, including the verifier's; `500,1000` measures each.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option(
            help="Share equal samples between the searches of a problem; changes only times.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = True,
    data: Data = EMBEDDED_DATASET,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Maximum number of problems. Default: {EMBEDDED_PROBLEMS} embedded ones, or all.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    seed: Seed = 0,
    *,
    sampling: SamplingOptions,
    models: ModelOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of outcomes. A rerun measures only what it does not have, and retries failed searches.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="JSONL file of all candidates and their texts.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = None,
    reports: ReportOptions,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Problems in flight at the same time.", rich_help_panel=MODELS_PANEL)
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.", rich_help_panel=OUTPUT_PANEL)] = (
        False
    ),
) -> None:
    """Measure accuracy and cost of strategies on the same problems, with 95% intervals.

    Ctrl-C prints the results so far. With --out, the same command resumes where it stopped.
    """
    selected = parse_strategies(strategies)
    options = parse_set_options(set_options or [], selected)
    require_distinct_files(
        ("--data", data),
        ("--out", out),
        ("--samples", samples),
        *(("--report", path) for path in reports.report or ()),
        ("--set policy", options["policy"] if isinstance(options.get("policy"), str) else None),
    )
    grid = build_grid(
        selected,
        int_list("--n", n, "1,2,4,8,16"),
        ({} if width is None else {"width": width}) | options,
        [None] if budget_tokens is None else int_list("--budget-tokens", budget_tokens, "500,1e3"),
        sampling.context(),
    )
    cells = skip_infeasible(grid, has_verifier=models.has_verifier)
    reports.check()
    problems = load_problems(data, limit=limit, seed=seed)
    shared = {"seed": seed, **models.identity()}
    note_policy_mismatch(options.get("policy"), shared | sampling._asdict())
    run_options = RunOptions(seed, concurrency, reuse, out, samples, hide_progress=as_json)
    with evaluation_run(cells, models, problems, run_options) as run:
        run.results.print_failures()
        rows = evaluation_rows(run.results.measured, seed)
        typer.echo(json.dumps(rows, indent=2)) if as_json else Console().print(evaluation_tables(rows))
        reports.write(run.results.measured, provenance(context, data, shared))
    if run.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if run.results.all_failed:
        raise typer.Exit(EXIT_FAILED)
