"""`eval-prm`: how well a reward model finds the first wrong step, measured as ProcessBench does."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from its_graph.cli.runs import models as model_choice
from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError, InputError
from its_graph.evaluation.data.json_lines import json_lines
from its_graph.prm.training.processbench import NO_ERROR, ProcessBenchScore, best_threshold, first_below, processbench_score

__all__ = ["Case", "baselines", "eval_prm_command", "halves", "read_cases"]

_BATCH = 32


class Case(NamedTuple):
    """A solution whose first wrong step is known."""

    problem: str
    steps: tuple[str, ...]
    label: int
    """Index of the first wrong step, -1 for none."""
    answer_correct: bool | None
    """Whether its final answer is right, where the file says so."""


class _Report(NamedTuple):
    name: str
    threshold: float | None
    errors: ProcessBenchScore


def eval_prm_command(
    data: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSONL: `problem`, `steps`, `label` (first wrong step or -1)."
        ),
    ],
    prm: Annotated[
        Path | None, typer.Option(help="Folder of a reward model. (Without it: the baselines alone.)")
    ] = None,
    family: Annotated[str, typer.Option(help="Its family; `auto` asks the files.")] = "auto",
    threshold: Annotated[
        float | None, typer.Option(help="A step below it is wrong. (Without it: tuned, see below.)")
    ] = None,
    tune_on: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSONL file to tune the threshold on.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Solutions to take, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw and of the halves.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Measure F1 of naming the first wrong step (ProcessBench, arXiv 2412.06559), beside predictors that read nothing.

    Without --threshold and --tune-on the problems are split in halves: each half is judged with the threshold that was
    best on the other one, so no solution has a say in its own threshold.
    """
    cases = _drawn(read_cases(data), limit, seed)
    reports = baselines(cases)
    if prm is not None:
        verifier = model_choice.reward_model(prm, family)
        rows = _scores(verifier, cases, hidden=as_json)
        tuned = None if tune_on is None else (read_cases(tune_on),)
        if threshold is not None:
            reports.append(_at(str(prm), rows, cases, threshold))
        elif tuned is not None:
            found = best_threshold(_scores(verifier, tuned[0], hidden=as_json), [one.label for one in tuned[0]])
            reports.append(_at(str(prm), rows, cases, found))
        else:
            reports.append(_crosswise(str(prm), rows, cases, seed))
        unscored = sum(all(score is None for score in row) for row in rows)
        if unscored:
            typer.echo(f"{unscored} of {len(rows)} solutions got no score: they count as called right.", err=True)
    typer.echo(_as_json(reports, len(cases))) if as_json else Console().print(_table(reports, len(cases)))


def read_cases(path: Path) -> list[Case]:
    """Return the solutions of a JSONL file.

    Raises:
        InputError: for a line that is none; the message names file and line.
    """
    cases = [_case(record, where) for record, where in json_lines(path)]
    if not cases:
        raise InputError(f"{path} holds no solution. Each line needs `problem`, `steps` and `label`.")
    return cases


def baselines(cases: Sequence[Case]) -> list[_Report]:
    """Return what predictors reach that read no step; the last two know whether the answer is right."""
    labels = [case.label for case in cases]
    reports = [
        _Report("never a wrong step", None, processbench_score([NO_ERROR] * len(cases), labels)),
        _Report("always the first step", None, processbench_score([0] * len(cases), labels)),
    ]
    if all(case.answer_correct is not None for case in cases):
        places = {"first": [0] * len(cases), "last": [len(case.steps) - 1 for case in cases]}
        for name, place in places.items():
            guesses = [NO_ERROR if case.answer_correct else at for case, at in zip(cases, place, strict=True)]
            reports.append(_Report(f"wrong answer: the {name} step", None, processbench_score(guesses, labels)))
    return reports


def halves(cases: Sequence[Case], seed: int) -> list[int]:
    """Return 0 or 1 for each case: the half of its problem. All solutions of one problem are in the same half."""
    problems = sorted({case.problem for case in cases})
    random.Random(seed).shuffle(problems)
    half = {problem: place % 2 for place, problem in enumerate(problems)}
    return [half[case.problem] for case in cases]


def _crosswise(name: str, rows: Sequence[Sequence[float | None]], cases: Sequence[Case], seed: int) -> _Report:
    """Judge each half with the threshold of the other; report over all solutions."""
    sides = halves(cases, seed)
    predicted = [NO_ERROR] * len(cases)
    for side in (0, 1):
        other = [place for place, half in enumerate(sides) if half != side]
        found = best_threshold([rows[place] for place in other], [cases[place].label for place in other])
        for place, half in enumerate(sides):
            if half == side:
                predicted[place] = first_below(rows[place], found)
    return _Report(name, None, processbench_score(predicted, [case.label for case in cases]))


def _at(name: str, rows: Sequence[Sequence[float | None]], cases: Sequence[Case], threshold: float) -> _Report:
    predicted = [first_below(row, threshold) for row in rows]
    return _Report(name, threshold, processbench_score(predicted, [case.label for case in cases]))


def _scores(verifier: Verifier, cases: Sequence[Case], *, hidden: bool) -> list[tuple[float | None, ...]]:
    """Return the step scores of each solution; nothing but None for one that could not be judged."""
    groups = [cases[at : at + _BATCH] for at in range(0, len(cases), _BATCH)]
    rows: list[tuple[float | None, ...]] = []
    first_failure: Exception | None = None
    bar = track(groups, "judging", console=Console(stderr=True), disable=hidden, transient=True)
    for group in bar:
        for case, reply in zip(group, verifier.batch(list(_candidates(group)), return_exceptions=True), strict=True):
            rows.append(reply.scores if isinstance(reply, Verdict) else (None,) * len(case.steps))
            first_failure = first_failure or (reply if isinstance(reply, Exception) else None)
    if first_failure and all(score is None for row in rows for score in row):
        raise ConfigurationError(f"The reward model judged none of the solutions: {first_failure}") from first_failure
    return rows


def _candidates(cases: Sequence[Case]) -> Iterator[Candidate]:
    for case in cases:
        steps = tuple(step + "\n\n" for step in case.steps[:-1]) + case.steps[-1:]
        yield Candidate(messages=({"role": "user", "content": case.problem},), steps=steps, finished=True)


def _drawn(cases: list[Case], limit: int | None, seed: int) -> list[Case]:
    return cases if limit is None or limit >= len(cases) else random.Random(seed).sample(cases, limit)


def _case(record: Any, where: str) -> Case:
    fields: dict[str, Any] = record if isinstance(record, dict) else {}
    problem, label = fields.get("problem"), fields.get("label")
    listed = fields.get("steps")
    steps = [step for step in listed if isinstance(step, str)] if isinstance(listed, list) else []
    if not isinstance(problem, str) or not steps or steps != listed or not isinstance(label, int):
        raise InputError(f"{where} needs `problem` (text), `steps` (texts) and `label` (a step's index, or -1).")
    if not NO_ERROR <= label < len(steps):
        raise InputError(f"{where} has the label {label} and {len(steps)} steps; expected -1 to {len(steps) - 1}.")
    correct = fields.get("final_answer_correct")
    return Case(problem, tuple(steps), label, correct if isinstance(correct, bool) else None)


def _table(reports: Sequence[_Report], count: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, caption=f"{count} solutions; erroneous: first wrong step named", pad_edge=False)
    table.add_column("predictor")
    for title in ("threshold", "erroneous %", "correct %", "F1 %"):
        table.add_column(title, justify="right")
    for one in reports:
        shares = (one.errors.erroneous, one.errors.correct, one.errors.f1)
        threshold = "" if one.threshold is None else f"{one.threshold:.3f}"
        table.add_row(one.name, threshold, *(f"{100 * share:.1f}" for share in shares))
    return table


def _as_json(reports: Sequence[_Report], count: int) -> str:
    rows = [
        {"predictor": one.name, "threshold": one.threshold, **one.errors._asdict(), "f1": one.errors.f1}
        for one in reports
    ]
    return json.dumps({"solutions": count, "rows": rows}, indent=2)
