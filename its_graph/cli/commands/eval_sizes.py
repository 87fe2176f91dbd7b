"""`its-graph eval-sizes`: a small model that searches against a larger one that answers once, at equal FLOPs."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group
from rich.table import Table

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.options.data import DATA_PANEL, Data, Seed
from its_graph.cli.options.grid import build_grid, parse_strategies, skip_infeasible
from its_graph.cli.options.models import MODELS_PANEL, Family, PrmPath
from its_graph.cli.options.number_types import int_list
from its_graph.cli.options.sampling import SamplingOptions
from its_graph.cli.options.strategy_flags import STRATEGY_PANEL
from its_graph.cli.runs.evaluation_run import RunOptions, evaluation_run
from its_graph.cli.runs.models import LARGER_MODEL, ModelOptions
from its_graph.cli.runs.output_files import explain_write_errors, require_distinct_files, require_folder
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell, Outcome, Problem
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, load_problems
from its_graph.evaluation.reports.flops_matched_plot import flops_matched_plot
from its_graph.evaluation.reports.plots import require_matplotlib, save_plots
from its_graph.evaluation.router.flops_matched import (
    RATIOS,
    FlopsMatch,
    flops_matched,
    inference_multiplier,
    unseen_difficulty,
)
from its_graph.evaluation.router.pilot_accounting import SINGLE

__all__ = ["eval_sizes_command"]

_RATIOS = ",".join(f"{ratio:g}" for ratio in RATIOS)
_NOTE = (
    "R: inference tokens per training token. k: single answers of the small model for the FLOPs of one answer of the "
    "larger model plus the training FLOPs saved per answer. spent: how many of the k the search used, including the "
    "verifier. Configs are chosen on one half of the problems and measured on the other. Bins go from easiest to "
    "hardest; they come from samples that no search reads or pays for."
)


def eval_sizes_command(
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of the small model. Default: the embedded one.", rich_help_panel=MODELS_PANEL),
    ] = None,
    prm: PrmPath = None,
    family: Family = "auto",
    larger: Annotated[
        Path,
        typer.Option(help="Folder of the larger model; `larger` is the embedded one.", rich_help_panel=MODELS_PANEL),
    ] = LARGER_MODEL,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Problems in flight at the same time.", rich_help_panel=MODELS_PANEL)
    ] = 8,
    strategies: Annotated[
        str, typer.Option(help="Comma-separated strategies of the small model.", rich_help_panel=STRATEGY_PANEL)
    ] = "single,self_consistency,best_of_n,adaptive_best_of_n",
    n: Annotated[
        str, typer.Option(help="Samples per search; every value is measured.", rich_help_panel=STRATEGY_PANEL)
    ] = "2,3,4,8,16,32",
    ratios: Annotated[str, typer.Option(help="Values of R, inference tokens per training token.")] = _RATIOS,
    data: Data = EMBEDDED_DATASET,
    limit: Annotated[int, typer.Option(min=2, help="Maximum number of problems.", rich_help_panel=DATA_PANEL)] = 300,
    seed: Seed = 0,
    *,
    sampling: SamplingOptions,
    outcomes: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of outcomes. A rerun measures only what it does not have, and retries failed searches.",
        ),
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for the plot, as PNG and SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Compare a small model that searches with a larger one that answers once, at equal FLOPs including training.

    The comparison of Snell et al. (arXiv 2408.03314, section 7), on your own models and problems.
    """
    require_distinct_files(("--data", data), ("--outcomes", outcomes))
    if plots is not None:
        require_folder("--plots", plots)
        require_matplotlib()
    ratio_values = _parse_ratios(ratios)
    small_models, larger_models = ModelOptions(model, prm, family), ModelOptions(larger)
    context = sampling.context()
    grid = build_grid(parse_strategies(strategies), int_list("--n", n, "1,2,4,8,16"), {}, [None], context)
    cells = skip_infeasible([GridCell(SINGLE, context), *grid], has_verifier=small_models.has_verifier)
    greedy = GridCell(SINGLE, context.model_copy(update={"temperature": 0.0}))  # the larger model's likeliest answer
    seen = max(cell.n for cell in cells)
    unseen = GridCell(StrategyConfig(strategy="self_consistency", options={"n": 2 * seen}), context)
    problems = load_problems(data, limit=limit, seed=seed)
    options = RunOptions(seed, concurrency, out=outcomes, hide_progress=as_json)
    larger_outcomes, larger_size = _measure([greedy], larger_models, problems, options)
    small_outcomes, small_size = _measure([*cells, unseen], small_models, problems, options, below=larger_size)
    rows = flops_matched(
        {cell.config: small_outcomes[cell] for cell in cells},
        larger_outcomes[greedy],
        larger_size / small_size,
        [unseen_difficulty(outcome, seen) for outcome in small_outcomes[unseen]],
        ratios=ratio_values,
        seed=seed,
    )
    if as_json:
        data_rows = [{**row._asdict(), "gain": row.gain._asdict()} for row in rows]
        typer.echo(json.dumps({"size": larger_size / small_size, "rows": data_rows}, indent=2))
    else:
        Console().print(Group(_heading(small_size, larger_size), _table(rows), _NOTE))
    if plots is not None:
        with explain_write_errors(plots, "Give another folder."):
            save_plots([flops_matched_plot(rows, larger_size / small_size)], plots)


def _measure(
    cells: Sequence[GridCell],
    models: ModelOptions,
    problems: Sequence[Problem],
    options: RunOptions,
    *,
    below: int | None = None,
) -> tuple[dict[GridCell, list[Outcome]], int]:
    """Return the outcomes of one model, in the order of the problems, and its number of parameters.

    Raises:
        ConfigurationError: it does not have fewer than `below` parameters; nothing is measured then.
    """
    check = partial(_require_smaller, below=below)
    with evaluation_run(cells, models, problems, options, check=check) as run:
        run.require_complete()
        return run.results.measured, run.generator.parameters


def _require_smaller(generator: Generator, below: int | None) -> None:
    if below is not None and not 0 < generator.parameters < below:
        raise ConfigurationError(
            f"--larger must have more parameters than --model; got {below:,} and {generator.parameters:,}."
        )


def _parse_ratios(text: str) -> list[float]:
    try:
        ratios = [float(item) for item in text.split(",")]
    except ValueError as error:
        raise ConfigurationError(
            f"--ratios must be a comma-separated list of numbers; got {text!r}. Example: --ratios {_RATIOS}."
        ) from error
    for ratio in ratios:
        inference_multiplier(1.0, ratio)  # raises for an invalid ratio
    return ratios


def _heading(small: int, larger: int) -> str:
    return f"Small model with search: {small:,} parameters. Larger model: {larger:,} ({larger / small:.1f}x)."


def _table(rows: Sequence[FlopsMatch]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("R", "k", "spent", "bin", "problems", "single", "search", "larger", "gain", "95% CI"):
        table.add_column(title, justify="right")
    for row in rows:
        if row.bin is None and row is not rows[0]:
            table.add_section()
        low, high = (f"{100 * end:+.0f}" for end in row.gain.ci95)
        table.add_row(
            f"{row.ratio:g}",
            f"{row.multiplier:.1f}",
            f"{row.spent:.1f}",
            "all" if row.bin is None else str(row.bin + 1),
            str(row.problems),
            *(f"{100 * share:.1f}" for share in (row.single, row.search, row.larger)),
            f"{100 * row.gain.mean:+.1f}",
            rf"\[{low}, {high}]",
        )
    return table
