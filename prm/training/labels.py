"""Monte-Carlo step labels: a step is as good as the chance that completions from it end right.

From each prefix of a solution, k completions are sampled and c of them reach the right answer: soft label c / k,
hard label 1 if c >= 1 (Math-Shepherd, arXiv 2312.08935; Zhang et al., 2501.07301). Labels after the first error are
dropped. Where only the first error is wanted, a binary search over the prefixes asks O(log steps) of them
(OmegaPRM, 2406.06592).
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
    """One solution to be labelled."""

    messages: tuple[Message, ...]
    steps: tuple[str, ...]
    """Step texts as generated, separators included."""
    is_correct: Callable[[str], bool]
    """Whether a complete solution text ends in the right answer."""
    finished: bool = True
    """The last step ends the solution: its correctness is known and needs no completion."""


@dataclass(frozen=True)
class RolloutPlan:
    """How completions are sampled."""

    k: int = 8
    """Completions per prefix."""
    temperature: float = 0.8
    max_tokens: int | None = None
    """Longest completion; None takes the generator's own limit."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigurationError(f"k is {self.k}; expected at least 1 completion per prefix.")


@dataclass(frozen=True)
class Estimate:
    """What the completions of one prefix showed."""

    correct: int
    complete: int
    """Completions that ended by themselves; only these are judged."""
    truncated: int = 0
    """Completions cut by the token limit: neither right nor wrong. Many of them mean that the limit is too low."""

    @property
    def value(self) -> float | None:
        """Share of right ones, c / k, among the complete; None where there is none."""
        return self.correct / self.complete if self.complete else None


@dataclass(frozen=True)
class FirstError:
    """Where a solution goes wrong, and what was looked at to find it."""

    index: int | None
    """Index of the first step from whose end nothing succeeds; None where the solution never goes wrong."""
    estimates: dict[int, Estimate] = field(default_factory=dict)
    """Estimates by number of steps kept."""


def monte_carlo(
    generator: Generator,
    messages: Sequence[Message],
    steps: Sequence[str],
    *,
    is_correct: Callable[[str], bool],
    plan: RolloutPlan | None = None,
    finished: bool = True,
) -> list[Estimate]:
    """Estimate every step of one solution; `[e.value for e in ...]` are its soft labels.

    Args:
        generator: the model whose chance of success is measured; it must continue a prefix.
        messages: the conversation that the solution answers.
        steps: step texts as generated, separators included.
        is_correct: judges a complete solution text (steps and completion).
        plan: how many completions, and how they are sampled.
        finished: whether the last step ends the solution; it is then judged as it stands.
    """
    trajectory = Trajectory(tuple(messages), tuple(steps), is_correct, finished)
    return monte_carlo_batch(generator, [trajectory], plan=plan)[0]


def monte_carlo_batch(
    generator: Generator, trajectories: Sequence[Trajectory], *, plan: RolloutPlan | None = None
) -> list[list[Estimate]]:
    """Estimate every step of many solutions with one batch of requests."""
    places = [(t, kept) for t in range(len(trajectories)) for kept in range(1, len(trajectories[t].steps) + 1)]
    found = _estimate(generator, [(trajectories[t], t, kept) for t, kept in places], plan or RolloutPlan())
    by_trajectory: list[list[Estimate]] = [[] for _ in trajectories]
    for (t, _), estimate in zip(places, found, strict=True):
        by_trajectory[t].append(estimate)
    return by_trajectory


def first_errors(
    generator: Generator, trajectories: Sequence[Trajectory], *, plan: RolloutPlan | None = None
) -> list[FirstError]:
    """Find the first error of many solutions by binary search, all in step: one batch of requests per round.

    Assumes that a prefix from which nothing succeeds has no later prefix from which something does. A prefix
    whose completions were all cut off counts as not hopeless. The question itself is taken to be solvable;
    `trusted_labels` with its measured value guards against questions that are not.
    """
    plan = plan or RolloutPlan()
    searches = [_Search(len(trajectory.steps)) for trajectory in trajectories]
    while asked := [(t, search.probe) for t, search in enumerate(searches) if search.probe is not None]:
        found = _estimate(generator, [(trajectories[t], t, kept) for t, kept in asked], plan)
        for (t, kept), estimate in zip(asked, found, strict=True):
            searches[t].tell(kept, estimate)
    return [FirstError(search.answer, search.estimates) for search in searches]


class _Search:
    """The interval of one binary search: `good` steps can be kept, keeping `bad` is hopeless (None: not known)."""

    def __init__(self, steps: int) -> None:
        self.steps, self.good = steps, 0
        self.bad: int | None = None
        self.estimates: dict[int, Estimate] = {}

    @property
    def probe(self) -> int | None:
        if self.good == self.steps or (self.bad is not None and self.bad - self.good <= 1):
            return None
        return self.steps if self.bad is None else (self.good + self.bad) // 2

    def tell(self, kept: int, estimate: Estimate) -> None:
        self.estimates[kept] = estimate
        if estimate.value == 0:
            self.bad = kept
        else:
            self.good = kept

    @property
    def answer(self) -> int | None:
        return None if self.bad is None else self.bad - 1


def hard_labels(values: Sequence[float | None]) -> list[int | None]:
    """Return 1 where any completion succeeded (value > 0), else 0; None stays None: [.125, 0.0] -> [1, 0]."""
    return [None if value is None else int(value > 0) for value in values]


def until_first_error(labels: Sequence[int | None]) -> list[int | None]:
    """Drop what follows the first error: [1, 1, 0, 1] -> [1, 1, 0]."""
    return list(labels[: labels.index(0) + 1]) if 0 in labels else list(labels)


def trusted_labels(
    values: Sequence[float | None], *, question_value: float | None = None, floor: float = 2 / 8
) -> list[int | None]:
    """Return hard labels up to the first error; an error counts only if success was in reach before it.

    Where hardly any completion succeeds from the step before, 0 of k says nothing about the step itself: half of
    such negatives sit on right steps. They become None.

    Args:
        values: soft labels of the steps.
        question_value: chance of success from the question alone, the value before the first step.
        floor: least value before the step for its error to count.
    """
    labels = until_first_error(hard_labels(values))
    if labels and labels[-1] == 0:
        before = values[len(labels) - 2] if len(labels) > 1 else question_value
        if before is None or before < floor:
            labels[-1] = None
    return labels


def _estimate(
    generator: Generator, prefixes: Sequence[tuple[Trajectory, int, int]], plan: RolloutPlan
) -> list[Estimate]:
    """Estimate prefixes (trajectory, its index, steps kept); whole finished solutions are judged, not completed."""
    open_ = [item for item in prefixes if not (item[0].finished and item[2] == len(item[0].steps))]
    replies = iter(generator.batch([_request(generator, *item, plan) for item in open_]) if open_ else [])
    estimates = []
    for trajectory, _, kept in prefixes:
        text = "".join(trajectory.steps[:kept])
        if trajectory.finished and kept == len(trajectory.steps):
            right = trajectory.is_correct(text)
            estimates.append(Estimate(correct=plan.k if right else 0, complete=plan.k))
        else:
            estimates.append(_judge(trajectory, text, next(replies)))
    return estimates


def _request(generator: Generator, trajectory: Trajectory, index: int, kept: int, plan: RolloutPlan) -> SampleRequest:
    if not generator.can_continue:
        raise ConfigurationError(
            "Monte-Carlo labels need a generator that continues a given prefix; this one cannot. "
            "Use a local model or a server that continues the last assistant message."
        )
    return SampleRequest(
        messages=trajectory.messages,
        prefix="".join(trajectory.steps[:kept]),
        n=plan.k,
        temperature=plan.temperature,
        max_tokens=plan.max_tokens or generator.max_tokens,
        seed=derive_seed(plan.seed, f"trajectory {index} prefix {kept}"),
    )


def _judge(trajectory: Trajectory, text: str, samples: Sequence[Sample]) -> Estimate:
    complete = [sample for sample in samples if sample.finish_reason != "length"]
    correct = sum(trajectory.is_correct(text + sample.text) for sample in complete)
    return Estimate(correct, len(complete), truncated=len(samples) - len(complete))
