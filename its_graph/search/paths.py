"""Paths of a search tree: what adds up along the records from the first step to the last."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from its_graph.search.state import Step
from its_graph.text.steps import split_steps

__all__ = ["Paths", "pieces_of"]


class _Prefix(NamedTuple):
    text: str
    tokens: int
    depth: int
    pieces: tuple[str, ...]


# Every level below a step reads its pieces again.
@lru_cache(maxsize=2**14)
def pieces_of(text: str) -> tuple[str, ...]:
    """Return the steps in the text of one record."""
    return tuple(split_steps(text))


class Paths:
    """The paths of a log of steps; each path is named by its last step."""

    def __init__(self, steps: dict[str, Step]) -> None:
        self.steps = steps
        self._prefixes: dict[str | None, _Prefix] = {None: _Prefix("", 0, 0, ())}

    def path(self, step: str) -> list[str]:
        """Return the ids from the first step to `step`."""
        ids = []
        current: str | None = step
        while current is not None:
            ids.append(current)
            current = self.steps[current]["parent"]
        return ids[::-1]

    def _prefix(self, step: str | None) -> _Prefix:
        """Return what adds up along the path; siblings share their parent's sums."""
        if (prefix := self._prefixes.get(step)) is not None:
            return prefix
        missing: list[str] = []
        while step is not None and step not in self._prefixes:
            missing.append(step)
            step = self.steps[step]["parent"]
        prefix = self._prefixes[step]
        for key in reversed(missing):
            record = self.steps[key]
            pieces = prefix.pieces + pieces_of(record["text"])
            prefix = _Prefix(prefix.text + record["text"], prefix.tokens + record["tokens"], prefix.depth + 1, pieces)
            self._prefixes[key] = prefix
        return prefix

    def text(self, step: str | None) -> str:
        """Return the solution so far: the texts of the whole path, joined."""
        return self._prefix(step).text

    def pieces(self, step: str | None) -> tuple[str, ...]:
        """Return the solution so far as steps, as verifiers read it; one record may hold several."""
        return self._prefix(step).pieces

    def tokens(self, step: str | None) -> int:
        """Return the generated tokens on the path."""
        return self._prefix(step).tokens

    def depth(self, step: str | None) -> int:
        """Return how many records the path has; 0 for the root."""
        return self._prefix(step).depth

    def finished(self, step: str) -> bool:
        """Return whether the path is a complete solution."""
        return self.steps[step]["finish"] == "end"

    def truncated(self, step: str) -> bool:
        """Return whether a length limit cut the path off."""
        return self.steps[step]["finish"] == "length"

    def open(self, step: str) -> bool:
        """Return whether the path can be continued."""
        return self.steps[step]["finish"] == "stop_string"

    def distinct(self, steps: Iterable[str]) -> list[str]:
        """Return `steps` without those whose text equals that of an earlier one."""
        first_with: dict[str, str] = {}
        for step in steps:
            first_with.setdefault(self.text(step), step)
        return list(first_with.values())
