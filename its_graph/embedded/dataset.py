"""The labelled solutions that the embedded verifier learns from: sampled, judged, first errors found by rollouts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from its_graph.contracts import Candidate, Generator, SampleRequest
from its_graph.embedded.arithmetic import ArithmeticProblem, arithmetic_problems
from its_graph.prm.training.labels import FirstError, RolloutPlan, Trajectory, first_errors, trusted_labels
from its_graph.prm.training.train import LabeledSolution
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer
from its_graph.text.steps import split_steps

__all__ = ["LabelPlan", "LabelReport", "is_correct", "label_solutions", "read_labels", "user_message", "write_labels"]


@dataclass(frozen=True)
class LabelPlan:
    """How many questions are asked, how often, and how their solutions are labelled."""

    questions: int
    samples: int = 4
    """Solutions per question."""
    k: int = 8
    """Completions per examined prefix."""
    temperature: float = 0.8
    seed: int = 101
    chunk: int = 250
    """Questions labelled in one go."""


@dataclass(frozen=True)
class LabelReport:
    """What labelling saw, none of it silently dropped."""

    solutions: int
    right: int
    errors_found: int
    errors_masked: int
    """First errors not trusted, because hardly anything succeeded from the step before."""
    cut_solutions: int
    """Sampled solutions over the token limit; they are left out."""
    completions: int
    cut_completions: int


def user_message(problem: ArithmeticProblem) -> tuple[dict[str, str], ...]:
    """Return the conversation that asks a problem."""
    return ({"role": "user", "content": problem.text},)


def is_correct(text: str, answer: str) -> bool:
    """Whether a solution text ends in `answer`; answers of this world have one spelling."""
    return extract_answer(text) == answer


def label_solutions(generator: Generator, plan: LabelPlan) -> tuple[list[LabeledSolution], LabelReport]:
    """Sample solutions of training problems and label their steps.

    A right solution proves all its steps by itself. In a wrong one the first error is found by binary search.
    """
    pool = list(arithmetic_problems(plan.questions, seed=plan.seed, split="train"))
    rows: list[LabeledSolution] = []
    reports: list[LabelReport] = []
    for start in range(0, len(pool), plan.chunk):
        labelled, report = _label_chunk(generator, pool[start : start + plan.chunk], start, plan)
        rows += labelled
        reports.append(report)
    totals = (sum(column) for column in zip(*(vars(report).values() for report in reports), strict=True))
    return rows, LabelReport(*totals)


def _label_chunk(
    generator: Generator, pool: Sequence[ArithmeticProblem], start: int, plan: LabelPlan
) -> tuple[list[LabeledSolution], LabelReport]:
    replies = generator.batch(
        [
            SampleRequest(
                messages=user_message(item),
                n=plan.samples,
                temperature=plan.temperature,
                max_tokens=generator.max_tokens,
                seed=derive_seed(plan.seed, f"solution {start + place}"),
            )
            for place, item in enumerate(pool)
        ]
    )
    asked, rates, cut = [], [], 0
    for item, samples in zip(pool, replies, strict=True):
        whole = [sample.text for sample in samples if sample.finish_reason == "end"]
        cut += len(samples) - len(whole)
        right = sum(is_correct(text, item.answer) for text in whole)
        for text in dict.fromkeys(whole):
            asked.append(_trajectory(item, text))
            rates.append(right / len(whole))
    rollouts = RolloutPlan(plan.k, plan.temperature, seed=derive_seed(plan.seed, f"rollouts {start}"))
    found = first_errors(generator, asked, plan=rollouts)
    return _labelled(asked, rates, found, cut)


def _trajectory(item: ArithmeticProblem, text: str) -> Trajectory:
    answer = item.answer
    return Trajectory(user_message(item), tuple(split_steps(text)), lambda full: is_correct(full, answer))


def _labelled(
    asked: Sequence[Trajectory], rates: Sequence[float], found: Sequence[FirstError], cut: int
) -> tuple[list[LabeledSolution], LabelReport]:
    rows, masked = [], 0
    for trajectory, rate, error in zip(asked, rates, found, strict=True):
        labels = _labels(len(trajectory.steps), rate, error)
        masked += error.index is not None and labels[-1] is None
        candidate = Candidate(messages=trajectory.messages, steps=trajectory.steps, finished=True)
        rows.append(LabeledSolution(trajectory.messages[0]["content"], candidate, tuple(labels)))
    # The end of a finished solution is judged as it stands; only the other prefixes cost completions.
    open_ = [
        estimate
        for trajectory, error in zip(asked, found, strict=True)
        for kept, estimate in error.estimates.items()
        if kept < len(trajectory.steps)
    ]
    errors = sum(error.index is not None for error in found)
    cut_completions = sum(estimate.truncated for estimate in open_)
    completions = sum(estimate.complete for estimate in open_) + cut_completions
    return rows, LabelReport(len(rows), len(rows) - errors, errors - masked, masked, cut, completions, cut_completions)


def _labels(steps: int, rate: float, error: FirstError) -> list[float | None]:
    """Return 1 up to the first error, then 0, if that error is to be trusted.

    A prefix that the search passed without asking lies before one that succeeded, so its value is above 0.
    """
    if error.index is None:
        return [1.0] * steps
    known = error.estimates.get(error.index)
    before = known.value if known else None
    values = [1.0] * max(0, error.index - 1) + ([before] if error.index else []) + [0.0]
    return [None if label is None else float(label) for label in trusted_labels(values, question_value=rate)]


def write_labels(path: Path, rows: Iterable[LabeledSolution]) -> None:
    """Write labelled solutions as JSON lines."""
    lines = [
        json.dumps({"candidate": row.candidate.model_dump(), "labels": row.labels}, ensure_ascii=False) for row in rows
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_labels(path: Path) -> list[LabeledSolution]:
    """Read what `write_labels` wrote."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        candidate = Candidate.model_validate(entry["candidate"])
        rows.append(LabeledSolution(candidate.messages[0]["content"], candidate, tuple(entry["labels"])))
    return rows
