"""its-graph eval: accuracy of strategies on the same problems, at every width and budget, with intervals and costs."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from its_graph.cli.display.evaluation_tables import evaluation_tables, rows_of
from its_graph.cli.exit_codes import EXIT_FAILED, INTERRUPTED, exit_code, tell
from its_graph.cli.options.data import PANEL, Data, Seed
from its_graph.cli.options.grid import arms_of, chosen_strategies, possible_arms
from its_graph.cli.options.models import BaseUrl, FamilyOption, ModelOption, Prm, PrmUrl
from its_graph.cli.options.number_types import whole_numbers
from its_graph.cli.options.sampling import MaxTokens, System, Temperature
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.runs import models as model_choice
from its_graph.cli.runs.evaluation_report import Prints, origin_of
from its_graph.cli.runs.evaluation_run import ResultsStore, described, run_evaluation
from its_graph.cli.runs.output_files import require_apart
from its_graph.cli.runs.policy_check import note_other_fit
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.context import SearchContext
from its_graph.errors import ItsGraphError
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, EMBEDDED_PROBLEMS, load_problems

__all__ = ["eval_command"]

_GRID, _RESULTS = "What is measured", "What comes out"


def eval_command(
    context: typer.Context,
    strategies: Annotated[
        str,
        typer.Option(help="Names, separated by commas; the table keeps their order.", rich_help_panel=_GRID),
    ] = "single,self_consistency,best_of_n",
    n: Annotated[
        str,
        typer.Option(
            help="Samples of a search, or of each round of a step search; `1,2,4,8,16` measures each.",
            rich_help_panel=_GRID,
        ),
    ] = "16",
    width: Annotated[int | None, typer.Option(help="Paths that a step search keeps.", rich_help_panel=_GRID)] = None,
    further: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other option of the strategies, as name=value.", rich_help_panel=_GRID),
    ] = None,
    budget_tokens: Annotated[
        str | None,
        typer.Option(
            help="Tokens that one search may use, the verifier's included; `500,1000` measures each.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option(
            help="Let the searches of a problem share equal samples: exact, but for times.", rich_help_panel=_GRID
        ),
    ] = True,
    data: Data = EMBEDDED_DATASET,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Problems to take. ({EMBEDDED_PROBLEMS} embedded ones; of others, all.)",
            rich_help_panel=PANEL,
        ),
    ] = None,
    seed: Seed = 0,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    model: ModelOption = None,
    prm: Prm = None,
    family: FamilyOption = "auto",
    base_url: BaseUrl = None,
    prm_url: PrmUrl = None,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of all outcomes; what it holds is not run again, but for searches that failed.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="JSONL file of all candidates, with their texts.", rich_help_panel=_RESULTS),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            dir_okay=False,
            help="A page with tables and plots, .html or .md, and how to repeat it.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(help="Folder for the plots, as PNG and SVG.", rich_help_panel=_RESULTS),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Problems under way at the same time.", rich_help_panel=_RESULTS)
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.", rich_help_panel=_RESULTS)] = False,
) -> None:
    """Measure the accuracy of strategies on the same problems, with 95% intervals and costs.

    Ctrl-C prints what is known so far. With --out, the same command goes on where it was stopped.
    """
    shared = {"seed": seed, **model_choice.identity(model, prm, base_url, prm_url, family)}
    try:
        chosen = chosen_strategies(strategies)
        others = parse_set_options(further or [], chosen)
        require_apart(
            ("--data", data),
            ("--out", out),
            ("--samples", samples),
            *(("--report", page) for page in report or ()),
            ("--set policy", others["policy"] if isinstance(others.get("policy"), str) else None),
        )
        grid = arms_of(
            chosen,
            whole_numbers("--n", n, "1,2,4,8,16"),
            ({} if width is None else {"width": width}) | others,
            [None] if budget_tokens is None else whole_numbers("--budget-tokens", budget_tokens, "500,1e3"),
            SearchContext(temperature=temperature, max_tokens=max_tokens, system=system),
        )
        arms, left_out = possible_arms(grid, judged=model_choice.has_verifier(model, prm, base_url, prm_url))
        prints = Prints(report or [], plots)
        prints.check()
        problems = load_problems(data, limit=limit, seed=seed)
        for reason in left_out:
            typer.echo(reason, err=True)
        asked_with = {"temperature": temperature, "max_tokens": max_tokens, "system": system}
        note_other_fit(others.get("policy"), shared | asked_with)
        notebook = ResultsStore({arm: described(arm, shared) for arm in arms}, problems, out, samples, timed=not reuse)
        with closing(notebook), model_choice.loaded(model, prm, base_url, prm_url, family) as (generator, verifier):
            require_supported_problem(generator, (one.problem for one in problems), system)
            stopped = run_evaluation(
                notebook,
                generator,
                verifier,
                problems,
                seed=seed,
                concurrency=concurrency,
                reuse=reuse,
                hide_bar=as_json,
            )
    except ItsGraphError as error:
        tell(str(error))
        raise typer.Exit(exit_code(error)) from error
    for failure in notebook.failures():
        typer.echo(failure, err=True)
    rows = rows_of(notebook.measured, seed)
    typer.echo(json.dumps(rows, indent=2)) if as_json else Console().print(evaluation_tables(rows))
    prints.write(notebook.measured, origin_of(context, data, shared))
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if notebook.lost:
        raise typer.Exit(EXIT_FAILED)
