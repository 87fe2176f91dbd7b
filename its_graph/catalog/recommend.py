"""Which strategy to begin with: a practical guide by kind of task, difficulty and latency.

A rule of thumb for a model that nobody has measured yet. `its-graph eval` on your own problems says what really pays.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from its_graph.catalog.registry import strategy
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError

__all__ = ["DifficultyLevel", "Latency", "Recommendation", "Task", "recommend"]

Task: TypeAlias = Literal["verifiable", "free_form"]
"""`verifiable`: answers can be compared or checked (mathematics, code). `free_form`: they cannot (essays, advice)."""
DifficultyLevel: TypeAlias = Literal["easy", "hard"]
Latency: TypeAlias = Literal["relaxed", "real_time"]


class Recommendation(NamedTuple):
    """A configured strategy, why it was named, and what else the guide names for the same case."""

    strategy: str
    options: Mapping[str, Any]
    reason: str
    alternatives: tuple["Recommendation", ...] = ()

    def create(self, generator: Generator, verifier: Verifier | None = None) -> Any:
        """Return the uncompiled graph of the strategy."""
        return strategy(self.strategy).create(generator, verifier, self.options)


def _named(strategy: str, reason: str, *alternatives: Recommendation, **options: Any) -> Recommendation:
    return Recommendation(strategy, MappingProxyType(options), reason, alternatives)


_CEILING = 1024
"""Tokens of thinking for which a person may be kept waiting: some twenty seconds at 50 tokens a second."""
_REAL_TIME = _named(
    "budget_forcing",
    f"Real time: one thought of at most {_CEILING} tokens, and its answer, have a known worst case.",
    _named("best_of_n", "A light reward model over four samples drawn together adds little latency.", n=4),
    n=1,
    ignores=0,
    max_thinking_tokens=_CEILING,
)
_GUIDE: dict[tuple[Task, DifficultyLevel], Recommendation] = {
    ("verifiable", "easy"): _named(
        "self_consistency", "Answers can vote, and on easy problems the most frequent one is right.", n=16
    ),
    ("verifiable", "hard"): _named(
        "beam_search",
        "Hard and checkable: a process reward model that prunes early spends samples where they help.",
        _named("mcts", "A tree goes back to paths that a beam has dropped, for more compute."),
        n=16,
        width=4,
    ),
    ("free_form", "easy"): _named(
        "best_of_n",
        "Free texts cannot vote: an outcome reward model ranks whole answers.",
        _named("extended_cot", "Without a reward model: one long thought.", n=1),
        n=16,
    ),
}
_GUIDE["free_form", "hard"] = _GUIDE["free_form", "easy"]


def recommend(
    task: Task, difficulty: DifficultyLevel = "hard", latency: Latency = "relaxed", *, verifier: bool = True
) -> Recommendation:
    """Return the strategy to begin with.

    Args:
        task: whether answers can be compared.
        difficulty: `easy` where single answers are mostly right.
        latency: `real_time` where a person waits for the answer.
        verifier: whether a reward model (or any other verifier) is at hand.

    Raises:
        ConfigurationError: for a value that is none of these.

    Example:
        >>> recommend("verifiable", "hard").strategy
        'beam_search'
    """
    _check("task", task, Task)
    _check("difficulty", difficulty, DifficultyLevel)
    _check("latency", latency, Latency)
    found = _REAL_TIME if latency == "real_time" else _GUIDE[task, difficulty]
    usable = [one for one in (found, *found.alternatives) if verifier or not strategy(one.strategy).needs_verifier]
    if not usable:
        return _named("self_consistency", "Without a verifier answers can only vote.", n=16)
    first, *others = usable
    return first._replace(alternatives=tuple(one._replace(alternatives=()) for one in others))


def _check(name: str, given: str, kind: Any) -> None:
    if given not in get_args(kind):
        raise ConfigurationError(f"{name} is {given!r}; expected one of: {', '.join(get_args(kind))}.")
