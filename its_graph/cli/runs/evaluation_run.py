"""The run of `eval`: what is known already, what comes out, and where it is written as it comes."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from its_graph.cli.display.formatting import counted, one_line
from its_graph.cli.runs.evaluation_files import OutcomeFile, SampleFile
from its_graph.contracts import Generator, Verifier
from its_graph.errors import SearchFailedError
from its_graph.evaluation import GridCell, Outcome, Problem, measure_cells
from its_graph.jsonl import JsonLines

__all__ = ["ResultsStore", "described", "run_evaluation"]


def described(arm: GridCell, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that decides about the outcomes of an arm, but for the problems; of a policy its content.

    Args:
        arm: what is measured.
        shared: seed and models, which all arms have in common.
    """
    context: dict[str, Any] = {"temperature": arm.context.temperature, "budget_tokens": arm.context.budget.tokens}
    further = {"system": arm.context.system, "max_tokens": arm.context.max_tokens}
    context |= {name: value for name, value in further.items() if value is not None}
    policy = arm.config.options.get("policy")
    if isinstance(policy, str) and Path(policy).is_file():
        context["policy_content"] = hashlib.sha256(Path(policy).read_bytes()).hexdigest()[:16]
    return {"strategy": arm.config.strategy, **arm.config.options, **context, **shared}


class ResultsStore:
    """The outcomes so far, in memory and in files, which nobody else can write until it is closed.

    Args:
        arms: what is measured, each with its description.
        problems: on what.
        out: file of outcomes, whose contents are known from the start.
        samples: file of samples.
        timed: whether times matter, so that a search which reused samples is not known.
    """

    def __init__(
        self,
        arms: Mapping[GridCell, dict[str, Any]],
        problems: Sequence[Problem],
        out: Path | None = None,
        samples: Path | None = None,
        *,
        timed: bool = False,
    ) -> None:
        self._described = arms
        with ExitStack() as files:
            self._file = OutcomeFile(files.enter_context(closing(JsonLines.open(out)))) if out else None
            self._samples = SampleFile(files.enter_context(closing(JsonLines.open(samples)))) if samples else None
            held = {
                arm: self._file.known(run_evaluation, problems) if self._file else {}
                for arm, run_evaluation in arms.items()
            }
            self.known = {
                arm: {index: one for index, one in outcomes.items() if not (timed and one.reused)}
                for arm, outcomes in held.items()
            }
            self._found = {arm: dict(outcomes) for arm, outcomes in self.known.items()}
            for arm, outcomes in self._found.items():
                for outcome in outcomes.values():
                    self._keep_samples(arm, outcome)
            self.close = files.pop_all().close

    @property
    def measured(self) -> dict[GridCell, list[Outcome]]:
        """The outcomes of each arm in the order of the problems, whichever search ended first."""
        return {arm: [outcomes[index] for index in sorted(outcomes)] for arm, outcomes in self._found.items()}

    def add(self, arm: GridCell, outcome: Outcome) -> None:
        """Take down one outcome. Its samples come first: an outcome that is in its file is not searched again."""
        self._found[arm][outcome.index] = outcome.without_texts()
        self._keep_samples(arm, outcome)
        if self._file:
            self._file.append(self._described[arm], outcome)

    def failures(self) -> Iterator[str]:
        """Say how many searches failed, and why the first of them did; arms with the same reason are told together."""
        reasons: dict[GridCell, str] = {}
        alike: dict[str, list[GridCell]] = {}
        measured = self.measured
        for arm, outcomes in measured.items():
            if errors := [one.error for one in outcomes if one.error is not None]:
                reasons[arm] = errors[0]
                alike.setdefault(_cause(errors[0]), []).append(arm)
        for arms in alike.values():
            outcomes = [one for arm in arms for one in measured[arm]]
            failed = sum(one.error is not None for one in outcomes)
            others = f" and {counted(len(arms) - 1, 'setting')} more" if arms[1:] else ""
            yield one_line(
                f"{arms[0].label}{others}: {failed} of {len(outcomes)} searches failed. The first: {reasons[arms[0]]}"
            )

    @property
    def lost(self) -> bool:
        """Whether there were searches, and every one of them failed."""
        outcomes = [one for found in self._found.values() for one in found.values()]
        return bool(outcomes) and all(one.error is not None for one in outcomes)

    def tell_failures(self) -> None:
        """Print the failures on stderr, where something is to be concluded from the other searches.

        Raises:
            SearchFailedError: there are no others.
        """
        if self.lost:
            raise SearchFailedError("; ".join(self.failures()))
        for failure in self.failures():
            typer.echo(failure, err=True)

    def _keep_samples(self, arm: GridCell, outcome: Outcome) -> None:
        if self._samples:
            self._samples.append(self._described[arm], arm.label, outcome)


def _cause(error: str) -> str:
    """Return an error without how many samples it met: a search says that first, and the first of them last."""
    return error.rpartition("The first: ")[2]


def run_evaluation(
    notebook: ResultsStore,
    generator: Generator,
    verifier: Verifier | None,
    problems: Sequence[Problem],
    *,
    seed: int,
    concurrency: int,
    reuse: bool,
    hide_bar: bool,
) -> bool:
    """Search what the notebook does not know yet; tell whether Ctrl-C ended it early."""
    arms = list(notebook.measured)
    done = sum(map(len, notebook.known.values()))
    try:
        with _progress(len(arms) * len(problems), done, hidden=hide_bar) as advance:

            def keep(arm: GridCell, outcome: Outcome) -> None:
                notebook.add(arm, outcome)
                advance(arm.label)

            measuring = measure_cells(
                arms,
                generator,
                verifier,
                problems,
                seed=seed,
                concurrency=concurrency,
                on_result=keep,
                completed=notebook.known,
                reuse=reuse,
            )
            asyncio.run(measuring)
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _progress(total: int, done: int, *, hidden: bool) -> Iterator[Callable[[str], None]]:
    """Show on stderr how many searches are done and how long the others will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        yield lambda name: progress.update(task, description=name, advance=1)
