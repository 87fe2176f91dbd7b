"""its-graph eval-sizes: a small model that searches, and a larger one that answers at once, at equal FLOPs."""

import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group
from rich.table import Table

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.exit_codes import INTERRUPTED, exit_code, tell
from its_graph.cli.options.grid import arms_of, chosen_strategies, possible_arms
from its_graph.cli.options.models import FamilyOption
from its_graph.cli.options.number_types import whole_numbers
from its_graph.cli.options.sampling import MaxTokens, System, Temperature
from its_graph.cli.runs import models as model_choice
from its_graph.cli.runs.evaluation_run import ResultsStore, described, run_evaluation
from its_graph.cli.runs.output_files import require_apart, require_folder, writing
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.context import SearchContext
from its_graph.errors import ConfigurationError, ItsGraphError
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
    "R: tokens of inference over tokens of training. k: single answers of the small model whose FLOPs match the larger "
    "one's answer and its share of the training that is saved; spent: what the search used of it, verifier included. "
    "Settings are chosen on one half of the problems and measured on the other; bins, from the easiest to the hardest, "
    "come from samples that no search reads, or pays for."
)


def eval_sizes_command(
    model: Annotated[Path | None, typer.Option(help="Folder of the small model. (The embedded one.)")] = None,
    prm: Annotated[Path | None, typer.Option(help="Folder of a reward model. (The embedded one.)")] = None,
    family: FamilyOption = "auto",
    larger: Annotated[
        Path, typer.Option(help="Folder of the larger model. (The embedded one of several times the size.)")
    ] = model_choice.LARGER_MODEL,
    strategies: Annotated[
        str, typer.Option(help="How the small model may search, separated by commas.")
    ] = "single,self_consistency,best_of_n,adaptive_best_of_n",
    n: Annotated[str, typer.Option(help="Samples of a search; each is measured.")] = "2,3,4,8,16,32",
    ratios: Annotated[str, typer.Option(help="Values of R, tokens of inference over tokens of training.")] = _RATIOS,
    data: Annotated[str, typer.Option(help="Problems, as for eval.")] = EMBEDDED_DATASET,
    limit: Annotated[int, typer.Option(min=2, help="Problems to take at most.")] = 300,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    seed: Annotated[int, typer.Option(help="Seed of the searches, and of the embedded problems.")] = 0,
    work: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="JSONL file of all outcomes; what it holds is not run again, but for searches that failed.",
        ),
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for the picture, as PNG and SVG.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems under way at the same time.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Compare a small model that searches with a larger one that answers at once, at equal FLOPs, training included.

    The comparison of Snell et al. (2408.03314, section 7), on your own models and problems.
    """
    try:
        require_apart(("--data", data), ("--work", work))
        if plots is not None:
            require_folder("--plots", plots)
            require_matplotlib()
        values = _ratios(ratios)
        context = SearchContext(temperature=temperature, max_tokens=max_tokens, system=system)
        greedy = GridCell(
            SINGLE, context.model_copy(update={"temperature": 0.0})
        )  # the larger model's most likely answer
        grid = arms_of(chosen_strategies(strategies), whole_numbers("--n", n, "1,2,4,8,16"), {}, [None], context)
        arms, left_out = possible_arms([GridCell(SINGLE, context), *grid], judged=model_choice.has_verifier(model, prm))
        for reason in left_out:
            typer.echo(reason, err=True)
        seen = max(arm.n for arm in arms)
        drawn = GridCell(StrategyConfig(strategy="self_consistency", options={"n": 2 * seen}), context)
        problems = load_problems(data, limit=limit, seed=seed)
        measure = partial(_measured, problems=problems, seed=seed, work=work, concurrency=concurrency, hide_bar=as_json)
        large, large_size = measure([greedy], larger, None)
        small, small_size = measure([*arms, drawn], model, prm, family, below=large_size)
        rows = flops_matched(
            {arm.config: small[arm] for arm in arms},
            large[greedy],
            large_size / small_size,
            [unseen_difficulty(one, seen) for one in small[drawn]],
            ratios=values,
            seed=seed,
        )
    except ItsGraphError as error:
        tell(str(error))
        raise typer.Exit(exit_code(error)) from error
    if as_json:
        typer.echo(json.dumps({"size": large_size / small_size, "rows": [_data(row) for row in rows]}, indent=2))
    else:
        Console().print(Group(_head(small_size, large_size), _table(rows), _NOTE))
    if plots is not None:
        with writing(plots, "Give another folder."):
            save_plots([flops_matched_plot(rows, large_size / small_size)], plots)


OutcomesByCell = dict[GridCell, list[Outcome]]


def _measured(
    arms: Sequence[GridCell],
    model: Path | None,
    prm: Path | None,
    family: str = "auto",
    *,
    problems: Sequence[Problem],
    seed: int,
    work: Path | None,
    concurrency: int,
    hide_bar: bool,
    below: int | None = None,
) -> tuple[OutcomesByCell, int]:
    """Return the outcomes of one model, in the order of the problems, and its parameters.

    With `below` it is refused, before anything is measured, unless it has fewer parameters than that.
    """
    shared = {"seed": seed, **model_choice.identity(model, prm, family=family)}
    notebook = ResultsStore({arm: described(arm, shared) for arm in dict.fromkeys(arms)}, problems, work)
    with closing(notebook), model_choice.loaded(model, prm, family=family) as (generator, verifier):
        if below is not None and not 0 < generator.parameters < below:
            raise ConfigurationError(
                f"The larger model must be the larger one. Given: {generator.parameters:,} and {below:,} parameters."
            )
        require_supported_problem(generator, (one.problem for one in problems), arms[0].context.system)
        stopped = run_evaluation(
            notebook,
            generator,
            verifier,
            problems,
            seed=seed,
            concurrency=concurrency,
            reuse=True,
            hide_bar=hide_bar,
        )
        if stopped:
            tell("Stopped before all was measured. With --work the same command goes on here.")
            raise typer.Exit(INTERRUPTED)
        notebook.tell_failures()
        return notebook.measured, generator.parameters


def _ratios(text: str) -> list[float]:
    try:
        ratios = [float(one) for one in text.split(",")]
    except ValueError as error:
        raise ConfigurationError(f"--ratios {text!r} is no list of numbers, such as {_RATIOS}.") from error
    for ratio in ratios:
        inference_multiplier(1.0, ratio)  # refuses what is no ratio
    return ratios


def _head(small: int, large: int) -> str:
    return f"{small:,} parameters that search, against {large:,} that answer once: {large / small:.1f} times"


def _table(rows: Sequence[FlopsMatch]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("R", "k", "spent", "bin", "problems", "single", "search", "larger", "lead", "95 %"):
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


def _data(row: FlopsMatch) -> dict[str, object]:
    return {**row._asdict(), "gain": row.gain._asdict()}
