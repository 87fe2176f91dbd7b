"""Which strategy to start with: a practical guide by kind of task, difficulty and latency.

A rule of thumb for a model that has not been measured yet. `its-graph eval` on your own problems shows what helps.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from its_graph.catalog.registry import strategy
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError

__all__ = ["DifficultyLevel", "Latency", "Recommendation", "Task", "recommend"]

Task: TypeAlias = Literal["verifiable", "free_form"]
"""`verifiable`: answers can be compared or checked (math, code). `free_form`: they cannot (essays, advice)."""
DifficultyLevel: TypeAlias = Literal["easy", "hard"]
Latency: TypeAlias = Literal["relaxed", "real_time"]


class Recommendation(NamedTuple):
    """A strategy with options, the reason for it, and what else the guide recommends for the same case."""

    strategy: str
    """A name in the registry."""
    options: Mapping[str, Any]
    """Keyword options of its factory."""
    reason: str
    """Why, in one sentence."""
    alternatives: tuple["Recommendation", ...] = ()
    """Other strategies for the same case."""

    def create(self, generator: Generator, verifier: Verifier | None = None) -> Any:
        """Return the uncompiled graph of the strategy."""
        return strategy(self.strategy).create(generator, verifier, self.options)


def _recommend(strategy: str, reason: str, *alternatives: Recommendation, **options: Any) -> Recommendation:
    return Recommendation(strategy, MappingProxyType(options), reason, alternatives)


_MAX_THINKING_TOKENS = 1024
"""Thinking that a waiting person tolerates: about 20 seconds at 50 tokens per second."""
_REAL_TIME = _recommend(
    "budget_forcing",
    f"Real time: thinking of at most {_MAX_THINKING_TOKENS} tokens plus its answer has a known worst case.",
    _recommend("best_of_n", "A light reward model over four parallel samples adds little latency.", n=4),
    n=1,
    ignores=0,
    max_thinking_tokens=_MAX_THINKING_TOKENS,
)
_GUIDE: dict[tuple[Task, DifficultyLevel], Recommendation] = {
    ("verifiable", "easy"): _recommend(
        "self_consistency", "Answers can vote, and on easy problems the most frequent answer is right.", n=16
    ),
    ("verifiable", "hard"): _recommend(
        "beam_search",
        "Hard and checkable: a process reward model that prunes early spends samples where they help most.",
        _recommend("mcts", "A tree can return to paths that a beam has dropped, for more compute."),
        n=16,
        width=4,
    ),
    ("free_form", "easy"): _recommend(
        "best_of_n",
        "Free-form answers cannot vote: an outcome reward model ranks them.",
        _recommend("extended_cot", "Without a reward model: one long chain of thought.", n=1),
        n=16,
    ),
}
_GUIDE["free_form", "hard"] = _GUIDE["free_form", "easy"]


def recommend(
    task: Task, difficulty: DifficultyLevel = "hard", latency: Latency = "relaxed", *, verifier: bool = True
) -> Recommendation:
    """Return the strategy to start with.

    Args:
        task: `verifiable` if answers can be compared or checked, otherwise `free_form`.
        difficulty: `easy` if single answers are mostly right, otherwise `hard`.
        latency: `real_time` if a person waits for the answer, otherwise `relaxed`.
        verifier: whether a reward model (or any other verifier) is available.

    Returns:
        A `Recommendation`: strategy, options, reason, alternatives. Its `create(generator, verifier)` builds the graph.

    Raises:
        ConfigurationError: for any other value.

    >>> from its_graph import recommend
    >>> first = recommend("verifiable", "hard")
    >>> first.strategy, dict(first.options)
    ('beam_search', {'n': 16, 'width': 4})
    >>> [alternative.strategy for alternative in first.alternatives]
    ['mcts']
    """
    _check("task", task, Task)
    _check("difficulty", difficulty, DifficultyLevel)
    _check("latency", latency, Latency)
    best = _REAL_TIME if latency == "real_time" else _GUIDE[task, difficulty]
    usable = [choice for choice in (best, *best.alternatives) if verifier or not _needs_verifier(choice)]
    if not usable:
        return _recommend("self_consistency", "Without a verifier, answers can only vote.", n=16)
    first, *others = usable
    return first._replace(alternatives=tuple(other._replace(alternatives=()) for other in others))


def _needs_verifier(choice: Recommendation) -> bool:
    return strategy(choice.strategy).needs_verifier


def _check(name: str, value: str, allowed: Any) -> None:
    if value not in get_args(allowed):
        raise ConfigurationError(f"{name} must be one of {', '.join(get_args(allowed))}; got {value!r}.")
