"""The training data of the embedded verifier: sampled solutions, with first errors located by rollouts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from its_graph.contracts import Candidate, Generator, SampleRequest
from its_graph.embedded.arithmetic import ArithmeticProblem, arithmetic_problems
from its_graph.prm.training.labels import FirstError, RolloutPlan, Trajectory, first_errors, trusted_labels
from its_graph.prm.training.train import TrainingExample
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer
from its_graph.text.steps import split_steps

__all__ = ["LabelPlan", "LabelReport", "is_correct", "label_solutions", "read_labels", "user_message", "write_labels"]


@dataclass(frozen=True)
class LabelPlan:
    """How many solutions of how many questions are sampled, and how they are labeled."""

    questions: int
    samples: int = 4
    """Solutions per question."""
    k: int = 8
    """Completions per prefix."""
    temperature: float = 0.8
    seed: int = 101
    chunk: int = 250
    """Questions per batch."""


@dataclass(frozen=True)
class LabelReport:
    """Counts of a labeling run; nothing is dropped without being counted."""

    solutions: int
    right: int
    errors_found: int
    errors_masked: int
    """First errors that are not trusted, because hardly any completion succeeded from the previous step."""
    cut_solutions: int
    """Sampled solutions that reached the token limit; they are left out."""
    completions: int
    cut_completions: int


def user_message(problem: ArithmeticProblem) -> tuple[dict[str, str], ...]:
    """Return the conversation that poses a problem."""
    return ({"role": "user", "content": problem.text},)


def is_correct(text: str, answer: str) -> bool:
    """Return whether a solution text ends with `answer`; every answer of this domain has one spelling."""
    return extract_answer(text) == answer


def label_solutions(generator: Generator, plan: LabelPlan) -> tuple[list[TrainingExample], LabelReport]:
    """Sample solutions of training problems and label their steps.

    In a right solution all steps are labeled right. In a wrong one the first error is located by binary search.
    """
    problems = list(arithmetic_problems(plan.questions, seed=plan.seed, split="train"))
    rows: list[TrainingExample] = []
    reports: list[LabelReport] = []
    for start in range(0, len(problems), plan.chunk):
        labeled, report = _label_chunk(generator, problems[start : start + plan.chunk], start, plan)
        rows += labeled
        reports.append(report)
    totals = (sum(column) for column in zip(*(vars(report).values() for report in reports), strict=True))
    return rows, LabelReport(*totals)


def _label_chunk(
    generator: Generator, problems: Sequence[ArithmeticProblem], start: int, plan: LabelPlan
) -> tuple[list[TrainingExample], LabelReport]:
    replies = generator.batch(
        [
            SampleRequest(
                messages=user_message(problem),
                n=plan.samples,
                temperature=plan.temperature,
                max_tokens=generator.max_tokens,
                seed=derive_seed(plan.seed, f"solution {start + index}"),
            )
            for index, problem in enumerate(problems)
        ]
    )
    trajectories, rates, cut = [], [], 0
    for problem, samples in zip(problems, replies, strict=True):
        whole = [sample.text for sample in samples if sample.finish_reason == "end"]
        cut += len(samples) - len(whole)
        right = sum(is_correct(text, problem.answer) for text in whole)
        for text in dict.fromkeys(whole):
            trajectories.append(_trajectory(problem, text))
            rates.append(right / len(whole))
    rollouts = RolloutPlan(plan.k, plan.temperature, seed=derive_seed(plan.seed, f"rollouts {start}"))
    errors = first_errors(generator, trajectories, plan=rollouts)
    return _label_trajectories(trajectories, rates, errors, cut)


def _trajectory(problem: ArithmeticProblem, text: str) -> Trajectory:
    answer = problem.answer
    return Trajectory(user_message(problem), tuple(split_steps(text)), lambda full: is_correct(full, answer))


def _label_trajectories(
    trajectories: Sequence[Trajectory], rates: Sequence[float], errors: Sequence[FirstError], cut: int
) -> tuple[list[TrainingExample], LabelReport]:
    rows, masked = [], 0
    for trajectory, rate, error in zip(trajectories, rates, errors, strict=True):
        labels = _labels(len(trajectory.steps), rate, error)
        masked += error.index is not None and labels[-1] is None
        candidate = Candidate(messages=trajectory.messages, steps=trajectory.steps, finished=True)
        rows.append(TrainingExample(trajectory.messages[0]["content"], candidate, tuple(labels)))
    # A whole finished solution is checked directly; only the other prefixes need completions.
    completed = [
        estimate
        for trajectory, error in zip(trajectories, errors, strict=True)
        for length, estimate in error.estimates.items()
        if length < len(trajectory.steps)
    ]
    wrong = sum(error.index is not None for error in errors)
    cut_completions = sum(estimate.truncated for estimate in completed)
    completions = sum(estimate.complete for estimate in completed) + cut_completions
    return rows, LabelReport(len(rows), len(rows) - wrong, wrong - masked, masked, cut, completions, cut_completions)


def _labels(steps: int, rate: float, error: FirstError) -> list[float | None]:
    """Return 1 up to the first error, then 0 if that error is trusted, otherwise None.

    A prefix that the binary search skipped is shorter than one that succeeded, so its value is above 0.
    """
    if error.index is None:
        return [1.0] * steps
    estimate = error.estimates.get(error.index)
    before = estimate.value if estimate else None
    values = [1.0] * max(0, error.index - 1) + ([before] if error.index else []) + [0.0]
    return [None if label is None else float(label) for label in trusted_labels(values, question_value=rate)]


def write_labels(path: Path, rows: Iterable[TrainingExample]) -> None:
    """Write labeled solutions as JSON lines."""
    lines = [
        json.dumps({"candidate": row.candidate.model_dump(), "labels": row.labels}, ensure_ascii=False) for row in rows
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_labels(path: Path) -> list[TrainingExample]:
    """Read labeled solutions that `write_labels` wrote."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        candidate = Candidate.model_validate(entry["candidate"])
        rows.append(TrainingExample(candidate.messages[0]["content"], candidate, tuple(entry["labels"])))
    return rows
