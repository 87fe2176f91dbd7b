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


# A step is looked at again at every level below it.
@lru_cache(maxsize=2**14)
def pieces_of(text: str) -> tuple[str, ...]:
    """Return the steps in the text of one record."""
    return tuple(split_steps(text))


class Paths:
    """The paths of a log of steps; each is named by its last step."""

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
        if (sums := self._prefixes.get(step)) is not None:
            return sums
        missing: list[str] = []
        while step is not None and step not in self._prefixes:
            missing.append(step)
            step = self.steps[step]["parent"]
        known = self._prefixes[step]
        for key in reversed(missing):
            record = self.steps[key]
            pieces = known.pieces + pieces_of(record["text"])
            known = _Prefix(known.text + record["text"], known.tokens + record["tokens"], known.depth + 1, pieces)
            self._prefixes[key] = known
        return known

    def text(self, step: str | None) -> str:
        """Return the solution so far: the texts of the whole path, joined."""
        return self._prefix(step).text

    def pieces(self, step: str | None) -> tuple[str, ...]:
        """Return the solution so far as steps, as verifiers read it: a record may hold several."""
        return self._prefix(step).pieces

    def tokens(self, step: str | None) -> int:
        """Return the generated tokens on the path."""
        return self._prefix(step).tokens

    def depth(self, step: str | None) -> int:
        """Return how many records the path has; 0 for the root."""
        return self._prefix(step).depth

    def finished(self, step: str) -> bool:
        """Tell whether the path is a complete solution."""
        return self.steps[step]["finish"] == "end"

    def truncated(self, step: str) -> bool:
        """Tell whether the path was cut off by a length limit."""
        return self.steps[step]["finish"] == "length"

    def open(self, step: str) -> bool:
        """Tell whether the path can be continued."""
        return self.steps[step]["finish"] == "stop_string"

    def distinct(self, steps: Iterable[str]) -> list[str]:
        """Return `steps` without those whose text equals that of an earlier one."""
        seen: dict[str, str] = {}
        for step in steps:
            seen.setdefault(self.text(step), step)
        return list(seen.values())
