"""`its-graph solve-batch`: many problems under one budget; answers are written as they are found, and runs resume."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from its_graph.budget import Budget
from its_graph.cli.display.batch_summary import summarize_batch, summary_lines
from its_graph.cli.display.formatting import format_count, pluralize
from its_graph.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED
from its_graph.cli.options.budget import BudgetOptions
from its_graph.cli.options.sampling import SamplingOptions
from its_graph.cli.runs.batch_plan import BatchStrategy, PlanOptions, select_verifier
from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.output_files import require_distinct_files
from its_graph.cli.runs.policy_check import note_policy_mismatch
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError
from its_graph.jsonl import JsonLines
from its_graph.text.equivalence import equivalent
from its_graph.text.printable import one_line

if TYPE_CHECKING:  # its_graph.batch needs numpy, which the other commands do not
    from its_graph.batch.journal import Journal
    from its_graph.cli.runs.batch_files import AnswerFile, BatchProblem

__all__ = ["solve_batch_command"]


class _BatchFiles(NamedTuple):
    """Everything that a batch reads and writes."""

    problems: "list[BatchProblem]"
    answers: "AnswerFile"
    journal: "Journal"


def solve_batch_command(
    problems: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSONL file with `problem`, and optionally `id` and `answer`."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="JSONL file of the answers; problems that it answers are not solved again. The last line of an id "
            "counts."
        ),
    ],
    *,
    strategy_name: Annotated[
        BatchStrategy | None,
        typer.Option(
            "--strategy",
            "-s",
            metavar="NAME",
            help="How answers are chosen. Default: best_of_n with a verifier, self_consistency without.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the batch; the same seed gives the same answers.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems in flight at the same time.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    allocation: PlanOptions,
    sampling: SamplingOptions,
    models: ModelOptions,
    limits: BudgetOptions,
) -> None:
    """Answer many problems under one hard budget.

    Every problem gets one sample first; the plan allocates the rest. Samples are recorded in a journal beside --out:
    after Ctrl-C or a crash, the same command resumes, repeats nothing, and counts what was already spent. Failed
    problems are tried again (wrong API key, server down), unless the generator rejected the question itself.
    """
    budget = Budget(**limits._asdict())
    if not budget.limited:
        raise ConfigurationError("A batch needs a budget. Set --budget-tokens 2e6 or another limit.")
    run = {"seed": seed, "strategy": strategy_name, **sampling._asdict(), **models.identity()}
    require_distinct_files(
        ("PROBLEMS", problems), ("--out", out), ("the journal", _journal_path(out)), ("--policy", allocation.policy)
    )
    build_plan = allocation.build()
    note_policy_mismatch(allocation.policy, run)
    with _open_files(problems, out, run) as files, models.loaded() as (generator, verifier):
        selected = select_verifier(verifier, strategy_name, allocation.plan)
        require_supported_problem(generator, (problem.problem for problem in files.problems), sampling.system)
        options = {
            "verifier": selected,
            "budget": budget,
            "plan": build_plan(selected),
            "seed": seed,
            "context": sampling.context(),
            "concurrency": concurrency,
        }
        interrupted = _solve_missing(files, generator, options, hide_progress=as_json)
    _report(files, out, as_json=as_json)
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if not files.answers.totals.answered:
        raise typer.Exit(EXIT_FAILED)


def _journal_path(out: Path) -> Path:
    return out.with_name(out.name + ".journal")


@contextmanager
def _open_files(problems: Path, out: Path, run: dict[str, Any]) -> Iterator[_BatchFiles]:
    """Open all files of a batch, and reject those that do not belong together, before any model is loaded."""
    from its_graph.batch.journal import Journal
    from its_graph.cli.runs.batch_files import AnswerFile, read_batch_problems

    batch_problems = read_batch_problems(problems)
    with closing(JsonLines.open(out)) as answer_lines, closing(JsonLines.open(_journal_path(out))) as samples:
        answers, journal = AnswerFile(answer_lines, batch_problems), Journal(samples)
        if answers.completed and journal.run is None:
            raise ConfigurationError(
                f"{out} has answers, but {samples.name}, which records what they cost, is missing. "
                "Restore it, or use another --out."
            )
        journal.bind_run(run)
        yield _BatchFiles(batch_problems, answers, journal)


def _solve_missing(
    files: _BatchFiles, generator: Generator, options: Mapping[str, Any], *, hide_progress: bool
) -> bool:
    """Solve the problems without an answer, and write their answers; return whether Ctrl-C ended this early."""
    from its_graph.batch import ProblemResult, stream_solutions

    async def solve(show: Callable[[int, float], None]) -> None:
        results = stream_solutions(
            [problem.problem for problem in files.problems],
            generator,
            skip=files.answers.completed,
            journal=files.journal,
            on_spend=lambda used: show(files.answers.totals.problems, used),
            **options,
        )
        async with aclosing(results):
            async for result in results:
                files.answers.append(result, correct=await grade(result))

    async def grade(result: ProblemResult) -> bool | None:
        expected = files.problems[result.problem_index].expected
        # math-verify may take seconds to compare two answers; the searches continue meanwhile.
        return None if expected is None else await asyncio.to_thread(equivalent, result.answer, expected)

    try:
        with _progress(len(files.problems), hidden=hide_progress) as show:
            asyncio.run(solve(show))
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Callable[[int, float], None]]:
    """Show on stderr how many problems are answered, the remaining time, and the share of the budget that is spent."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("budget {task.fields[used]:.0%}"))
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=total, used=0.0)
        yield lambda answered, used: progress.update(task, completed=answered, used=used)


def _report(files: _BatchFiles, out: Path, *, as_json: bool) -> None:
    """Print the summary, and on stderr how many problems failed."""
    totals, problems = files.answers.totals, len(files.problems)
    summary = summarize_batch(totals, problems, out, spent=files.journal.settled, lost=files.journal.lost)
    typer.echo(json.dumps(summary) if as_json else "\n".join(summary_lines(summary)))
    if files.answers.first_error is not None:
        failed = f"{format_count(totals.failed)} of {pluralize(problems, 'problem')} failed."
        typer.echo(one_line(f"{failed} First error: {files.answers.first_error}"), err=True)
