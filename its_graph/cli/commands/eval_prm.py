"""`its-graph eval-prm`: how well a reward model finds the first wrong step, measured as in ProcessBench."""

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

from its_graph.cli.runs import models
from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError, InputError
from its_graph.jsonl import read_json_lines
from its_graph.prm.training.processbench import (
    NO_ERROR,
    ProcessBenchScore,
    best_threshold,
    first_below,
    processbench_score,
)

__all__ = ["LabeledSolution", "baselines", "eval_prm_command", "read_labeled_solutions", "split_halves"]

_BATCH = 32
_StepScores = Sequence[float | None]


class LabeledSolution(NamedTuple):
    """A solution whose first wrong step is known."""

    problem: str
    steps: tuple[str, ...]
    label: int
    """Index of the first wrong step; -1 without one."""
    answer_correct: bool | None
    """Whether the final answer is correct, if the file says so."""


class _Row(NamedTuple):
    predictor: str
    threshold: float | None
    errors: ProcessBenchScore


def eval_prm_command(
    data: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSONL file with `problem`, `steps` and `label` (first wrong step or -1)."
        ),
    ],
    prm: Annotated[Path | None, typer.Option(help="Folder of a reward model. Default: baselines only.")] = None,
    family: Annotated[str, typer.Option(help="Family of --prm; `auto` reads it from the files.")] = "auto",
    threshold: Annotated[
        float | None, typer.Option(help="Steps scored below it count as wrong. Default: tuned, see above.")
    ] = None,
    tune_on: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSONL file to tune the threshold on.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="Maximum number of solutions, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random draw and of the split.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Measure how well a reward model finds the first wrong step, by ProcessBench F1.

    Rows beside it are baselines that read no step. See ProcessBench, arXiv 2412.06559.

    Without --threshold and --tune-on the problems are split into halves, and each half is judged with the threshold
    that is best on the other one: no solution influences its own threshold.
    """
    solutions = _draw(read_labeled_solutions(data), limit, seed)
    rows = baselines(solutions)
    if prm is not None:
        verifier = models.load_reward_model(prm, family)
        scores = _score(verifier, solutions, hidden=as_json)
        if threshold is None and tune_on is not None:
            tuning = read_labeled_solutions(tune_on)
            threshold = best_threshold(
                _score(verifier, tuning, hidden=as_json), [solution.label for solution in tuning]
            )
        if threshold is not None:
            rows.append(_evaluate(str(prm), scores, solutions, threshold))
        else:
            rows.append(_cross_evaluate(str(prm), scores, solutions, seed))
        unscored = sum(all(score is None for score in row) for row in scores)
        if unscored:
            typer.echo(f"{unscored} of {len(scores)} solutions have no score; they count as judged correct.", err=True)
    typer.echo(_as_json(rows, len(solutions))) if as_json else Console().print(_table(rows, len(solutions)))


def read_labeled_solutions(path: Path) -> list[LabeledSolution]:
    """Read solutions in the format of ProcessBench.

    Raises:
        InputError: the file has no solutions, or a line is not one.
    """
    solutions = [_parse_solution(record, where) for record, where in read_json_lines(path)]
    if not solutions:
        raise InputError(f"{path} has no solutions. Each line needs `problem`, `steps` and `label`.")
    return solutions


def baselines(solutions: Sequence[LabeledSolution]) -> list[_Row]:
    """Return the rows of predictors that read no step; the last two know whether the answer is correct."""
    labels = [solution.label for solution in solutions]
    rows = [
        _Row("never a wrong step", None, processbench_score([NO_ERROR] * len(solutions), labels)),
        _Row("always the first step", None, processbench_score([0] * len(solutions), labels)),
    ]
    if all(solution.answer_correct is not None for solution in solutions):
        steps = {"first": [0] * len(solutions), "last": [len(solution.steps) - 1 for solution in solutions]}
        for name, indices in steps.items():
            predicted = [
                NO_ERROR if solution.answer_correct else index
                for solution, index in zip(solutions, indices, strict=True)
            ]
            rows.append(_Row(f"wrong answer: the {name} step", None, processbench_score(predicted, labels)))
    return rows


def split_halves(solutions: Sequence[LabeledSolution], seed: int) -> list[int]:
    """Return the half of each solution, 0 or 1. All solutions of a problem are in the same half."""
    problems = sorted({solution.problem for solution in solutions})
    random.Random(seed).shuffle(problems)
    half = {problem: index % 2 for index, problem in enumerate(problems)}
    return [half[solution.problem] for solution in solutions]


def _cross_evaluate(
    predictor: str, scores: Sequence[_StepScores], solutions: Sequence[LabeledSolution], seed: int
) -> _Row:
    """Evaluate each half with the threshold that is best on the other; the row covers all solutions."""
    halves = split_halves(solutions, seed)
    predicted = [NO_ERROR] * len(solutions)
    for half in (0, 1):
        others = [index for index, other in enumerate(halves) if other != half]
        threshold = best_threshold([scores[index] for index in others], [solutions[index].label for index in others])
        for index, other in enumerate(halves):
            if other == half:
                predicted[index] = first_below(scores[index], threshold)
    return _Row(predictor, None, processbench_score(predicted, [solution.label for solution in solutions]))


def _evaluate(
    predictor: str, scores: Sequence[_StepScores], solutions: Sequence[LabeledSolution], threshold: float
) -> _Row:
    predicted = [first_below(row, threshold) for row in scores]
    return _Row(predictor, threshold, processbench_score(predicted, [solution.label for solution in solutions]))


def _score(verifier: Verifier, solutions: Sequence[LabeledSolution], *, hidden: bool) -> list[_StepScores]:
    """Return the step scores of each solution; all None for a solution that could not be scored."""
    batches = [solutions[start : start + _BATCH] for start in range(0, len(solutions), _BATCH)]
    scores: list[_StepScores] = []
    first_error: Exception | None = None
    progress = track(batches, "scoring", console=Console(stderr=True), disable=hidden, transient=True)
    for batch in progress:
        verdicts = verifier.batch(list(_candidates(batch)), return_exceptions=True)
        for solution, verdict in zip(batch, verdicts, strict=True):
            scores.append(verdict.scores if isinstance(verdict, Verdict) else (None,) * len(solution.steps))
            first_error = first_error or (verdict if isinstance(verdict, Exception) else None)
    if first_error and all(score is None for row in scores for score in row):
        raise ConfigurationError(f"The reward model could not score any solution: {first_error}") from first_error
    return scores


def _candidates(solutions: Sequence[LabeledSolution]) -> Iterator[Candidate]:
    for solution in solutions:
        steps = tuple(step + "\n\n" for step in solution.steps[:-1]) + solution.steps[-1:]
        yield Candidate(messages=({"role": "user", "content": solution.problem},), steps=steps, finished=True)


def _draw(solutions: list[LabeledSolution], limit: int | None, seed: int) -> list[LabeledSolution]:
    if limit is None or limit >= len(solutions):
        return solutions
    return random.Random(seed).sample(solutions, limit)


def _parse_solution(record: Any, where: str) -> LabeledSolution:
    fields: dict[str, Any] = record if isinstance(record, dict) else {}
    problem, label = fields.get("problem"), fields.get("label")
    listed = fields.get("steps")
    steps = [step for step in listed if isinstance(step, str)] if isinstance(listed, list) else []
    if not isinstance(problem, str) or not steps or steps != listed or not isinstance(label, int):
        raise InputError(f"{where} needs `problem` (text), `steps` (array of text) and `label` (a step index, or -1).")
    if not NO_ERROR <= label < len(steps):
        raise InputError(f"{where}: `label` must be in [-1, {len(steps) - 1}] for {len(steps)} steps; got {label}.")
    correct = fields.get("final_answer_correct")
    return LabeledSolution(problem, tuple(steps), label, correct if isinstance(correct, bool) else None)


def _table(rows: Sequence[_Row], count: int) -> Table:
    caption = f"{count} solutions. erroneous %: first wrong step found; correct %: judged correct"
    table = Table(box=box.SIMPLE_HEAD, caption=caption, pad_edge=False)
    table.add_column("predictor")
    for title in ("threshold", "erroneous %", "correct %", "F1 %"):
        table.add_column(title, justify="right")
    for row in rows:
        shares = (row.errors.erroneous, row.errors.correct, row.errors.f1)
        threshold = "" if row.threshold is None else f"{row.threshold:.3f}"
        table.add_row(row.predictor, threshold, *(f"{100 * share:.1f}" for share in shares))
    return table


def _as_json(rows: Sequence[_Row], count: int) -> str:
    data = [
        {"predictor": row.predictor, "threshold": row.threshold, **row.errors._asdict(), "f1": row.errors.f1}
        for row in rows
    ]
    return json.dumps({"solutions": count, "rows": data}, indent=2)
