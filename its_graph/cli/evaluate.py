"""its-graph eval: accuracy of several strategies on the same problems, with intervals and what each costs."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from its_graph.budget import Budget
from its_graph.cli import models as model_choice
from its_graph.cli.evaluation_files import OutcomeFile, read_problems
from its_graph.cli.failures import INTERRUPTED, exit_code, tell
from its_graph.cli.shape import check_known, further_options
from its_graph.cli.wording import compute, count
from its_graph.context import SearchContext
from its_graph.errors import ItsGraphError
from its_graph.evaluation import Outcome, compare, summarise
from its_graph.evaluation import evaluate as search_all
from its_graph.registry import strategy

__all__ = ["evaluate"]

EMBEDDED_PROBLEMS = 200
NOTE = (
    "95% intervals. random: a random finished candidate; pass@n: any candidate (oracle); lost: searches that failed, "
    "counted as wrong. Costs are means per problem; tokens: prompt + generated + read by the verifier."
)


def evaluate(
    strategies: Annotated[
        str, typer.Option(help="Names of strategies, separated by commas; the table keeps their order.")
    ] = "single,self_consistency,best_of_n",
    n: Annotated[int, typer.Option(help="Samples of a search, or of each round of a step search.")] = 16,
    width: Annotated[int | None, typer.Option(help="Paths that a step search keeps.")] = None,
    further: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other option of the strategies, as name=value."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="JSONL file with `problem` and `answer`. (Without it: embedded problems.)"
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"Problems to take. ({EMBEDDED_PROBLEMS} embedded ones; of a file, all.)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the searches, and of the embedded problems.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="Of sampling; 0 is greedy. Default: what suits the model.")
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option(min=0, help="Tokens that one search may use, the verifier's included.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a causal language model, or `thinker`. (Without it: the embedded one.)"),
    ] = None,
    prm: Annotated[Path | None, typer.Option(help="Folder of a reward model. (Without it: the embedded one.)")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="A chat server (.../v1) in place of a folder; --model is a name on it.")
    ] = None,
    prm_url: Annotated[
        str | None, typer.Option(help="A reward model's server; --prm is the model's folder there and here.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="JSONL file of all outcomes; what it holds is not run again."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems under way at the same time.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Measure the accuracy of strategies on the same problems, with 95% intervals and costs.

    Ctrl-C prints what is known so far. With --out, the same command goes on where it was stopped.
    """
    settings = SearchContext(temperature=temperature, budget=Budget(tokens=budget_tokens))
    shared = {
        "seed": seed,
        "temperature": temperature,
        "budget_tokens": budget_tokens,
        "model": str(model) if model else None,
        "prm": str(prm) if prm else None,
        **({"base_url": base_url} if base_url else {}),
        **({"prm_url": prm_url} if prm_url else {}),
        **({} if base_url else model_choice.fingerprint(model, prm)),
    }
    try:
        problems = _problems(data, limit, seed)
        generator, verifier = model_choice.models(model, prm, base_url, prm_url)
        try:
            given = [
                ("n", n),
                *([("width", width)] if width is not None else []),
                *further_options(further or []).items(),
            ]
            names = list(dict.fromkeys(name.strip() for name in strategies.split(",")))
            check_known(further_options(further or []), [strategy(name) for name in names])
            runs = []
            for chosen in map(strategy, names):
                options = {key: value for key, value in given if key in chosen.options}
                graph = chosen.create(generator, verifier, options).compile()
                runs.append(
                    _Run(chosen.name, options.get("n", 1), graph, {"strategy": chosen.name, **options, **shared})
                )
            stopped = _search(
                runs, problems, settings, concurrency, OutcomeFile(out) if out else None, hide_bar=as_json
            )
        finally:
            model_choice.release(generator, verifier)
    except ItsGraphError as error:
        tell(str(error))
        raise typer.Exit(exit_code(error)) from error
    rows = _rows(runs, seed)
    typer.echo(json.dumps(rows, indent=2)) if as_json else Console().print(_tables(rows))
    if stopped:
        raise typer.Exit(INTERRUPTED)


@dataclass
class _Run:
    """One strategy over all problems: what is to be run, and what came out so far."""

    strategy: str
    n: int
    graph: Any
    described: dict[str, Any]
    """Everything that decides about the outcomes, but for the problems."""
    outcomes: list[Outcome] = field(default_factory=list)


def _search(
    runs: Sequence[_Run],
    problems: list[tuple[str, str]],
    settings: SearchContext,
    concurrency: int,
    file: OutcomeFile | None,
    *,
    hide_bar: bool,
) -> bool:
    """Fill the outcomes of all runs, one run after the other; tell whether Ctrl-C ended it early."""

    async def search_runs(advance: Callable[[str, int], None]) -> None:
        for run in runs:
            known = file.known(run.described, problems) if file else {}
            run.outcomes.extend(known.values())
            advance(run.strategy, len(known))

            def keep(outcome: Outcome, run: _Run = run) -> None:
                run.outcomes.append(outcome)
                advance(run.strategy, 1)
                if file:
                    file.append(run.described, outcome)

            seed = run.described["seed"]
            await search_all(
                run.graph,
                problems,
                seed=seed,
                context=settings,
                concurrency=concurrency,
                on_result=keep,
                known=known,
            )

    try:
        with _progress(len(runs) * len(problems), hidden=hide_bar) as advance:
            asyncio.run(search_runs(advance))
    except KeyboardInterrupt:
        return True
    return False


def _problems(data: Path | None, limit: int | None, seed: int) -> list[tuple[str, str]]:
    if data is not None:
        return read_problems(data)[:limit]
    from its_graph.embedded import problems

    return [(problem, answer) for problem, answer in problems(limit or EMBEDDED_PROBLEMS, seed=seed, split="test")]


@contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Callable[[str, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda name, searches: progress.update(task, description=name, advance=searches)


def _rows(runs: Sequence[_Run], seed: int) -> list[dict[str, Any]]:
    """Return a row for each run that has outcomes, with its difference to the row before on the same problems."""
    rows: list[dict[str, Any]] = []
    begun = [run for run in runs if run.outcomes]
    for before, run in zip([None, *begun], begun, strict=False):
        row = {"strategy": run.strategy, "n": run.n, **summarise(run.outcomes)._asdict()}
        difference = compare(run.outcomes, before.outcomes, seed=seed) if before else None
        if before and difference:
            row["difference"] = {"to": before.strategy, **difference._asdict()}
        rows.append(row)
    return rows


def _tables(rows: Sequence[dict[str, Any]]) -> Group:
    """Return what came out and what it cost, each narrow enough for a terminal of 80 columns."""
    quality = _table("accuracy %", "gain on row above", "random", "pass@n")
    cost = _table("n", "tokens", "compute", "calls", "seconds", "lost")
    for row in rows:
        quality.add_row(row["strategy"], *_quality(row))
        cost.add_row(row["strategy"], *_cost(row))
    return Group(quality, cost, NOTE)


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("strategy")
    for title in titles:
        table.add_column(title, justify="right")
    return table


def _quality(row: dict[str, Any]) -> list[str]:
    difference = row.get("difference")
    return [
        _percent(row["accuracy"]) + _interval(row["ci95"]),
        _percent(difference["mean"], "+") + _interval(difference["ci95"], "+") if difference else "",
        _percent(row["random"]),
        _percent(row["pass_at_n"]),
    ]


def _cost(row: dict[str, Any]) -> list[str]:
    return [
        str(row["n"]),
        " + ".join(count(row[f"mean_{kind}_tokens"]) for kind in ("prompt", "generated", "verifier")),
        compute(row["mean_flops"]) if row["mean_flops"] else "unknown",
        f"{row['mean_calls']:.1f}",
        f"{row['seconds']:.2f}",
        str(row["failed"]),
    ]


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    # A backslash keeps rich from reading the bracket as markup.
    return rf" \[{_percent(ends[0], sign)}, {_percent(ends[1], sign)}]"
