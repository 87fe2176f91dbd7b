"""Monte-Carlo step labels: a step is as good as the probability that completions from it reach the right answer.

From each prefix of a solution, k completions are sampled and c of them reach the right answer: soft label c / k,
hard label 1 if c >= 1 (Math-Shepherd, arXiv 2312.08935; Zhang et al., 2501.07301). Labels after the first error are
dropped. To find only the first error, a binary search examines O(log steps) prefixes (OmegaPRM, 2406.06592).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from its_graph.contracts import Generator, Message, Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.seeds import derive_seed

__all__ = [
    "Estimate",
    "FirstError",
    "RolloutPlan",
    "Trajectory",
    "first_errors",
    "hard_labels",
    "monte_carlo",
    "monte_carlo_batch",
    "trusted_labels",
    "until_first_error",
]


@dataclass(frozen=True)
class Trajectory:
    """One solution to label."""

    messages: tuple[Message, ...]
    steps: tuple[str, ...]
    """Step texts as generated, separators included."""
    is_correct: Callable[[str], bool]
    """Returns whether a complete solution text ends with the right answer."""
    finished: bool = True
    """Whether the last step ends the solution; its correctness is then known without completions."""


@dataclass(frozen=True)
class RolloutPlan:
    """How completions are sampled."""

    k: int = 8
    """Completions per prefix."""
    temperature: float = 0.8
    max_tokens: int | None = None
    """Maximum number of tokens of a completion; None: the generator's own limit."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigurationError(f"k, the completions per prefix, must be >= 1; got {self.k}.")


@dataclass(frozen=True)
class Estimate:
    """The result of the completions of one prefix."""

    correct: int
    complete: int
    """Completions that were not cut off; only these are checked."""
    truncated: int = 0
    """Completions cut off by the token limit, neither right nor wrong. If there are many, the limit is too low."""

    @property
    def value(self) -> float | None:
        """Share of right completions, c / k, among the complete ones; None without any."""
        return self.correct / self.complete if self.complete else None


@dataclass(frozen=True)
class FirstError:
    """The first error of a solution, and the estimates that located it."""

    index: int | None
    """Index of the first step after which no completion succeeds; None if there is no such step."""
    estimates: dict[int, Estimate] = field(default_factory=dict)
    """Estimates by the length of the prefix in steps."""


def monte_carlo(
    generator: Generator,
    messages: Sequence[Message],
    steps: Sequence[str],
    *,
    is_correct: Callable[[str], bool],
    plan: RolloutPlan | None = None,
    finished: bool = True,
) -> list[Estimate]:
    r"""Estimate every step of one solution; the values of the estimates are its soft labels.

    Args:
        generator: the model whose success probability is measured; it must be able to continue a prefix.
        messages: the conversation that the solution answers.
        steps: step texts as generated, separators included.
        is_correct: returns whether a complete solution text (steps and completion) is right.
        plan: number of completions and sampling options; default: `RolloutPlan()`.
        finished: whether the last step ends the solution; the whole solution is then checked without completions.

    Returns:
        One estimate per step.

    Raises:
        ConfigurationError: `generator` cannot continue a prefix.

    Example:
        >>> from its_graph.prm.training.labels import RolloutPlan, monte_carlo
        >>> from its_graph.testing import ToyGenerator
        >>> question = ({"role": "user", "content": "Add 3, 5, 4."},)
        >>> steps = ("3 + 5 = 8\n\n", "8 + 4 = 13\n\n", "\\boxed{13}")
        >>> estimates = monte_carlo(
        ...     ToyGenerator(error=0), question, steps, is_correct=lambda text: "{12}" in text, plan=RolloutPlan(k=4)
        ... )
        >>> [estimate.value for estimate in estimates]
        [1.0, 0.0, 0.0]
    """
    trajectory = Trajectory(tuple(messages), tuple(steps), is_correct, finished)
    return monte_carlo_batch(generator, [trajectory], plan=plan)[0]


def monte_carlo_batch(
    generator: Generator, trajectories: Sequence[Trajectory], *, plan: RolloutPlan | None = None
) -> list[list[Estimate]]:
    """Estimate every step of many solutions with one batch of requests."""
    prefixes = [
        _Prefix(index, trajectory, length)
        for index, trajectory in enumerate(trajectories)
        for length in range(1, len(trajectory.steps) + 1)
    ]
    by_trajectory: list[list[Estimate]] = [[] for _ in trajectories]
    for prefix, estimate in zip(prefixes, _estimate(generator, prefixes, plan or RolloutPlan()), strict=True):
        by_trajectory[prefix.index].append(estimate)
    return by_trajectory


def first_errors(
    generator: Generator, trajectories: Sequence[Trajectory], *, plan: RolloutPlan | None = None
) -> list[FirstError]:
    """Find the first error of many solutions by binary search, in lockstep: one batch of requests per round.

    Assumes that if no completion succeeds from a prefix, none succeeds from a longer one. A prefix whose completions
    were all cut off counts as recoverable. The question is assumed to be solvable; `trusted_labels` with its measured
    value masks questions that are not.
    """
    plan = plan or RolloutPlan()
    searches = [_Search(len(trajectory.steps)) for trajectory in trajectories]
    while prefixes := [
        _Prefix(index, trajectories[index], search.probe)
        for index, search in enumerate(searches)
        if search.probe is not None
    ]:
        for prefix, estimate in zip(prefixes, _estimate(generator, prefixes, plan), strict=True):
            searches[prefix.index].add(prefix.length, estimate)
    return [FirstError(search.first_error, search.estimates) for search in searches]


class _Search:
    """The interval of a binary search over prefix lengths: `good` is recoverable, `bad` is not (None: unknown)."""

    def __init__(self, steps: int) -> None:
        self.steps, self.good = steps, 0
        self.bad: int | None = None
        self.estimates: dict[int, Estimate] = {}

    @property
    def probe(self) -> int | None:
        if self.good == self.steps or (self.bad is not None and self.bad - self.good <= 1):
            return None
        return self.steps if self.bad is None else (self.good + self.bad) // 2

    def add(self, length: int, estimate: Estimate) -> None:
        self.estimates[length] = estimate
        if estimate.value == 0:
            self.bad = length
        else:
            self.good = length

    @property
    def first_error(self) -> int | None:
        return None if self.bad is None else self.bad - 1


def hard_labels(values: Sequence[float | None]) -> list[int | None]:
    """Return 1 if any completion succeeded (value > 0), else 0; None stays None: [.125, 0.0] -> [1, 0]."""
    return [None if value is None else int(value > 0) for value in values]


def until_first_error(labels: Sequence[int | None]) -> list[int | None]:
    """Return the labels up to the first error: [1, 1, 0, 1] -> [1, 1, 0]."""
    return list(labels[: labels.index(0) + 1]) if 0 in labels else list(labels)


def trusted_labels(
    values: Sequence[float | None], *, question_value: float | None = None, floor: float = 2 / 8
) -> list[int | None]:
    """Return hard labels up to the first error; the error counts only if success was likely enough before it.

    If hardly any completion succeeds from the previous step, 0 of k is no evidence about the step itself: half of such
    negatives are on right steps. They become None.

    Args:
        values: soft labels of the steps.
        question_value: success probability from the question alone, the value before the first step.
        floor: minimum value before the step for its error to count.

    Example:
        >>> from its_graph.prm.training.labels import trusted_labels
        >>> trusted_labels([0.5, 0.25, 0.0]), trusted_labels([0.5, 0.125, 0.0])
        ([1, 1, 0], [1, 1, None])
    """
    labels = until_first_error(hard_labels(values))
    if labels and labels[-1] == 0:
        before = values[len(labels) - 2] if len(labels) > 1 else question_value
        if before is None or before < floor:
            labels[-1] = None
    return labels


@dataclass(frozen=True)
class _Prefix:
    """The first `length` steps of the trajectory at `index`."""

    index: int
    trajectory: Trajectory
    length: int

    @property
    def text(self) -> str:
        return "".join(self.trajectory.steps[: self.length])

    @property
    def is_solution(self) -> bool:
        """Whether the prefix is a whole finished solution, which needs no completions."""
        return self.trajectory.finished and self.length == len(self.trajectory.steps)


def _estimate(generator: Generator, prefixes: Sequence[_Prefix], plan: RolloutPlan) -> list[Estimate]:
    requests = [_request(generator, prefix, plan) for prefix in prefixes if not prefix.is_solution]
    replies = iter(generator.batch(requests) if requests else [])
    estimates = []
    for prefix in prefixes:
        if prefix.is_solution:
            correct = plan.k if prefix.trajectory.is_correct(prefix.text) else 0
            estimates.append(Estimate(correct=correct, complete=plan.k))
        else:
            estimates.append(_count_correct(prefix, next(replies)))
    return estimates


def _request(generator: Generator, prefix: _Prefix, plan: RolloutPlan) -> SampleRequest:
    if not generator.can_continue:
        raise ConfigurationError(
            "The generator for Monte-Carlo labels must be able to continue a prefix; got one that cannot. "
            "Use a local model or a server that continues the last assistant message."
        )
    return SampleRequest(
        messages=prefix.trajectory.messages,
        prefix=prefix.text,
        n=plan.k,
        temperature=plan.temperature,
        max_tokens=plan.max_tokens or generator.max_tokens,
        seed=derive_seed(plan.seed, f"trajectory {prefix.index} prefix {prefix.length}"),
    )


def _count_correct(prefix: _Prefix, samples: Sequence[Sample]) -> Estimate:
    complete = [sample for sample in samples if sample.finish_reason != "length"]
    correct = sum(prefix.trajectory.is_correct(prefix.text + sample.text) for sample in complete)
    return Estimate(correct, len(complete), truncated=len(samples) - len(complete))
