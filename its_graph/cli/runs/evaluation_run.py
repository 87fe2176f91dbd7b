"""One run of an evaluation: outcomes that exist already, the searches that are missing, and their files."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from its_graph.cli.display.formatting import pluralize
from its_graph.cli.exit_codes import EXIT_INTERRUPTED, print_error
from its_graph.cli.runs.evaluation_files import OutcomeFile, SampleFile
from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.contracts import Generator, Verifier
from its_graph.errors import SearchFailedError
from its_graph.evaluation import GridCell, Outcome, Problem, measure_cells
from its_graph.jsonl import JsonLines
from its_graph.text.printable import one_line

__all__ = ["EvaluationRun", "ResultsStore", "RunOptions", "describe_run", "evaluation_run", "run_cells"]


def describe_run(cell: GridCell, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that determines the outcomes of a cell, except the problems; of a policy, its content.

    Args:
        cell: what is measured.
        shared: what all cells have in common: seed and models.
    """
    context: dict[str, Any] = {"temperature": cell.context.temperature, "budget_tokens": cell.context.budget.tokens}
    optional = {"system": cell.context.system, "max_tokens": cell.context.max_tokens}
    context |= {name: value for name, value in optional.items() if value is not None}
    policy = cell.config.options.get("policy")
    if isinstance(policy, str) and Path(policy).is_file():
        context["policy_content"] = hashlib.sha256(Path(policy).read_bytes()).hexdigest()[:16]
    return {"strategy": cell.config.strategy, **cell.config.options, **context, **shared}


class ResultsStore:
    """The outcomes so far, in memory and in files, which are locked against other writers until it is closed.

    Args:
        runs: what is measured, each cell with the description of its run.
        problems: the problems.
        out: file of outcomes; those it contains are not measured again.
        samples: file of samples.
        timed: whether times matter; a search that reused samples then has to be run again.
    """

    def __init__(
        self,
        runs: Mapping[GridCell, dict[str, Any]],
        problems: Sequence[Problem],
        out: Path | None = None,
        samples: Path | None = None,
        *,
        timed: bool = False,
    ) -> None:
        self._runs = runs
        with ExitStack() as files:
            self._outcomes = OutcomeFile(files.enter_context(closing(JsonLines.open(out)))) if out else None
            self._samples = SampleFile(files.enter_context(closing(JsonLines.open(samples)))) if samples else None
            stored = {
                cell: self._outcomes.completed(run, problems) if self._outcomes else {} for cell, run in runs.items()
            }
            self.completed = {
                cell: {index: outcome for index, outcome in outcomes.items() if not (timed and outcome.reused)}
                for cell, outcomes in stored.items()
            }
            """Outcomes of earlier runs by cell and problem, which need no search."""
            self._measured = {cell: dict(outcomes) for cell, outcomes in self.completed.items()}
            for cell, outcomes in self._measured.items():
                for outcome in outcomes.values():
                    self._write_samples(cell, outcome)
            self.close = files.pop_all().close

    @property
    def measured(self) -> dict[GridCell, list[Outcome]]:
        """The outcomes of each cell in the order of the problems, whichever search ended first."""
        return {cell: [outcomes[index] for index in sorted(outcomes)] for cell, outcomes in self._measured.items()}

    def add(self, cell: GridCell, outcome: Outcome) -> None:
        """Add one outcome. Its samples are written first: an outcome in its file is not searched again."""
        self._measured[cell][outcome.index] = outcome.without_texts()
        self._write_samples(cell, outcome)
        if self._outcomes:
            self._outcomes.append(self._runs[cell], outcome)

    def failure_lines(self) -> Iterator[str]:
        """Yield how many searches failed and the first error; cells with the same cause share a line."""
        first_errors: dict[GridCell, str] = {}
        by_cause: dict[str, list[GridCell]] = {}
        measured = self.measured
        for cell, outcomes in measured.items():
            if errors := [outcome.error for outcome in outcomes if outcome.error is not None]:
                first_errors[cell] = errors[0]
                by_cause.setdefault(_cause(errors[0]), []).append(cell)
        for cells in by_cause.values():
            outcomes = [outcome for cell in cells for outcome in measured[cell]]
            failed = sum(outcome.error is not None for outcome in outcomes)
            more = f" and {pluralize(len(cells) - 1, 'more config')}" if cells[1:] else ""
            yield one_line(
                f"{cells[0].label}{more}: {failed} of {len(outcomes)} searches failed. "
                f"First error: {first_errors[cells[0]]}"
            )

    def print_failures(self) -> None:
        """Print `failure_lines` on stderr."""
        for line in self.failure_lines():
            typer.echo(line, err=True)

    @property
    def all_failed(self) -> bool:
        """Whether there were searches, and every one of them failed."""
        outcomes = [outcome for by_index in self._measured.values() for outcome in by_index.values()]
        return bool(outcomes) and all(outcome.error is not None for outcome in outcomes)

    def _write_samples(self, cell: GridCell, outcome: Outcome) -> None:
        if self._samples:
            self._samples.append(self._runs[cell], cell.label, outcome)


def _cause(error: str) -> str:
    """Return an error without the number of samples that it affected, which comes before the first of them."""
    return error.rpartition("First error: ")[2]


class RunOptions(NamedTuple):
    """How an evaluation runs.

    Args:
        seed: of the run.
        concurrency: problems in flight at the same time.
        reuse: whether searches of the same problem share equal samples.
        out: file of outcomes.
        samples: file of samples.
        hide_progress: whether to print no progress bar.
    """

    seed: int
    concurrency: int
    reuse: bool = True
    out: Path | None = None
    samples: Path | None = None
    hide_progress: bool = False


class EvaluationRun(NamedTuple):
    """A run of an evaluation that has ended, with the models still open."""

    results: ResultsStore
    generator: Generator
    verifier: Verifier | None
    interrupted: bool
    """Whether Ctrl-C ended it early."""

    def require_complete(self, consequence: str = "") -> None:
        """Print the failures, if conclusions can still be drawn from the other searches.

        Args:
            consequence: what an interrupted run means.

        Raises:
            SearchFailedError: every search failed.
            typer.Exit: the run was interrupted.
        """
        if self.interrupted:
            print_error(f"Interrupted before everything was measured.{consequence} With --outcomes, a rerun resumes.")
            raise typer.Exit(EXIT_INTERRUPTED)
        if self.results.all_failed:
            raise SearchFailedError("; ".join(self.results.failure_lines()))
        self.results.print_failures()


@contextmanager
def evaluation_run(
    cells: Sequence[GridCell],
    models: ModelOptions,
    problems: Sequence[Problem],
    options: RunOptions,
    *,
    check: Callable[[Generator], None] = lambda generator: None,
) -> Iterator[EvaluationRun]:
    """Measure every cell on every problem; the models and files stay open until the end of the block.

    Args:
        cells: what is measured; all have the same system prompt.
        models: what is searched with.
        problems: the problems.
        options: see `RunOptions`.
        check: called with the generator before anything is measured; raises if it does not suit.

    Raises:
        InputError: the generator supports none of the problems.
    """
    shared = {"seed": options.seed, **models.identity()}
    runs = {cell: describe_run(cell, shared) for cell in dict.fromkeys(cells)}
    store = ResultsStore(runs, problems, options.out, options.samples, timed=not options.reuse)
    with closing(store) as results, models.loaded() as (generator, verifier):
        check(generator)
        require_supported_problem(generator, (problem.problem for problem in problems), cells[0].context.system)
        interrupted = run_cells(results, generator, verifier, problems, options)
        yield EvaluationRun(results, generator, verifier, interrupted)


def run_cells(
    results: ResultsStore,
    generator: Generator,
    verifier: Verifier | None,
    problems: Sequence[Problem],
    options: RunOptions,
) -> bool:
    """Run the searches that are missing in `results`; return whether Ctrl-C ended them early."""
    cells = list(results.measured)
    done = sum(map(len, results.completed.values()))
    try:
        with _progress(len(cells) * len(problems), done, hidden=options.hide_progress) as advance:

            def store(cell: GridCell, outcome: Outcome) -> None:
                results.add(cell, outcome)
                advance(cell.label)

            measuring = measure_cells(
                cells,
                generator,
                verifier,
                problems,
                seed=options.seed,
                concurrency=options.concurrency,
                on_result=store,
                completed=results.completed,
                reuse=options.reuse,
            )
            asyncio.run(measuring)
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _progress(total: int, done: int, *, hidden: bool) -> Iterator[Callable[[str], None]]:
    """Show on stderr how many searches are done, and the remaining time."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        yield lambda label: progress.update(task, description=label, advance=1)
