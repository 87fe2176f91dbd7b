"""Steps, their scores and the frontier: the part of a search tree that can be drawn."""

import math
from functools import cached_property

from its_graph.search.paths import Paths
from its_graph.search.state import Score, Step

__all__ = ["StepTree", "is_complete"]


class StepTree(Paths):
    """The steps of a search with their scores, and the paths to expand next."""

    def __init__(self, steps: dict[str, Step], scores: dict[str, Score], frontier: list[str]) -> None:
        super().__init__(steps)
        self.scores = scores
        self.frontier = frontier

    def score(self, step: str) -> float | None:
        """Return the verifier's score of the path; None if it is missing (NaN counts as missing)."""
        record = self.scores.get(step)
        value = record["value"] if record else None
        return None if value is None or math.isnan(value) else value

    def sort_key(self, step: str) -> tuple[float, int]:
        """Return the key that sorts best first: by score, missing scores last, ties to the lowest index."""
        score = self.score(step)
        return (math.inf if score is None else -score), int(step)

    @cached_property
    def children(self) -> dict[str | None, list[str]]:
        """Ids of the steps below each step, oldest first, without auxiliary text."""
        below: dict[str | None, list[str]] = {}
        for key, record in self.steps.items():
            if "auxiliary" not in record:
                below.setdefault(record["parent"], []).append(key)
        return below

    @cached_property
    def complete(self) -> list[str]:
        """Ids of all complete solutions, oldest first, without auxiliary text."""
        return [key for key, record in self.steps.items() if is_complete(record)]


def is_complete(record: Step) -> bool:
    """Return whether `record` ends a solution."""
    return record["finish"] == "end" and "auxiliary" not in record
