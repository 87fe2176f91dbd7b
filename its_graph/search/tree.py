"""A view of a search: everything that can be derived from its logs, derived on demand.

Nothing here is stored, so nothing can drift. A node makes one `Tree` per call; rules are pure functions of it.
"""

import math
from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

from its_graph.budget import NOTHING, Spend
from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Message
from its_graph.search.folds import Fold
from its_graph.search.hints import with_hints
from its_graph.search.paths import Paths, pieces_of
from its_graph.search.state import Charge, StrategyStart, Failure, HumanEdit, Judgment, Route, Score, Step
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import group

__all__ = ["Finalist", "Tree", "as_charge"]

_Record = TypeVar("_Record")


class Finalist(NamedTuple):
    """A path that can be the answer of a search."""

    id: str
    text: str
    answer: str | None
    """Extracted final answer, not yet normalised."""
    score: float | None
    finished: bool
    truncated: bool


class Tree(Paths):
    """The search tree behind a state (or behind the events of one, which are the same records)."""

    def __init__(self, state: Mapping[str, Any], *, hidden: int = 0) -> None:
        super().__init__(state.get("steps") or {})
        self.scores: dict[str, Score] = state.get("scores") or {}
        self.judgments: dict[str, Judgment] = state.get("judgments") or {}
        self.failures: dict[str, Failure] = state.get("failures") or {}
        self.charges: dict[str, Charge] = state.get("charges") or {}
        self.human_edits: dict[str, HumanEdit] = state.get("human_edits") or {}
        self.new_steps: list[str] = state.get("new_steps") or []
        self.frontier: list[str] = state.get("frontier") or []
        self.stop_reason: str | None = state.get("stop_reason")
        self.remaining_steps: int | None = state.get("remaining_steps")
        self._asked: list[Message] = state.get("question") or []
        self.strategy: str = state.get("strategy") or ""
        self.route: Route | None = state.get("route")
        self._entry: StrategyStart = state.get("entry") or StrategyStart(record=0, charge=0)
        self._hidden = hidden
        self._settings: Mapping[str, Any] = state.get("settings") or {}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Tree":
        """Return the view of `state`."""
        return cls(state)

    @classmethod
    def for_strategy(cls, state: Mapping[str, Any]) -> "Tree":
        """Return the view that the strategy at work has of `state`: where it began behind pilots, without them.

        So it draws, keeps and stops as it does alone. What is spent is spent by all: `spend` includes the pilots.
        """
        first_record = state.get("entry")
        if not entry or not entry["record"]:
            return cls(state)
        first = entry["record"]
        logs = {name: _since(first, state.get(name) or {}) for name in ("steps", "scores", "failures")}
        return cls({**state, **logs}, hidden=first)

    def with_frontier(self, frontier: list[str]) -> "Tree":
        """Return the same view with another frontier; what does not depend on the frontier is not derived again."""
        view = copy(self)
        view.frontier = frontier
        for name in ("finalists", "answer_classes"):
            view.__dict__.pop(name, None)
        return view

    @cached_property
    def settings(self) -> SearchContext:
        """The settings of this run; its seed is never None once a search has started."""
        return SearchContext.model_validate(self._settings)

    @cached_property
    def question(self) -> list[Message]:
        """The conversation as the models see it: with what a person hinted at since it was asked."""
        return with_hints(self._asked, [said["hint"] for said in self.human_edits.values() if said["hint"] is not None])

    # --- one path -------------------------------------------------------------------------------------------------

    def root(self, step: str) -> str:
        """Return the first step of the path: the independent subtree that `step` belongs to.

        A first step that a person wrote belongs to the subtree of the one that it replaced.
        """
        first = self.path(step)[0]
        while first in self._replaced:
            first = self._replaced[first]
        return first

    def pruned(self, step: str) -> bool:
        """Tell whether a person gave the path up, at `step` or before it."""
        return bool(self._pruned_ids) and not self._pruned_ids.isdisjoint(self.path(step))

    def score(self, step: str) -> float | None:
        """Return the verifier's score of the path; None where there is none (NaN counts as none)."""
        record = self.scores.get(step)
        value = record["value"] if record else None
        return None if value is None or math.isnan(value) else value

    def sort_key(self, step: str) -> tuple[float, int]:
        """Return the sort key of best first: by score, missing ones last, ties to the lowest index."""
        score = self.score(step)
        return (math.inf if score is None else -score), int(step)

    def candidate(self, step: str) -> Candidate:
        """Return the path as a verifier sees it."""
        return Candidate(messages=tuple(self.question), steps=self.pieces(step), finished=self.finished(step))

    def candidate_of(self, record: Step) -> Candidate:
        """Return the path that ends in a record which is not in the tree yet, as a verifier will see it."""
        steps = self.pieces(record["parent"]) + pieces_of(record["text"])
        return Candidate(messages=tuple(self.question), steps=steps, finished=record["finish"] == "end")

    # --- the whole tree -------------------------------------------------------------------------------------------

    @property
    def next_id(self) -> int:
        """The number of the next record: ids are handed out in order, failed samples keep theirs."""
        return self._hidden + len(self.steps) + len(self.failures)

    @property
    def first_record(self) -> int:
        """The number of the first record that the strategy at work takes for its own; 0 where there are no others."""
        return self._entry["record"]

    @property
    def samples_drawn(self) -> int:
        """How many records the strategy at work has drawn, failed ones included."""
        return self.next_id - self.first_record

    def seed(self, key: str) -> int:
        """Return the seed of the call that writes record `key`."""
        return derive_seed(self.settings.seed or 0, key)

    @cached_property
    def children(self) -> dict[str | None, list[str]]:
        """Ids of the steps below each step, oldest first; asides are not children."""
        below: dict[str | None, list[str]] = {}
        for key, record in self.steps.items():
            if "auxiliary" not in record:
                below.setdefault(record["parent"], []).append(key)
        return below

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """For each step that a person wrote, the one whose place it took."""
        return {new: old for said in self.human_edits.values() for old, new in said["edits"].items()}

    @cached_property
    def _pruned_ids(self) -> frozenset[str]:
        pruned = (step for said in self.human_edits.values() for step in said["prune"])
        return frozenset((*pruned, *self._replaced.values()))

    @property
    def unscored_edits(self) -> list[str]:
        """Ids of the steps that a person wrote and no verifier was asked about yet, oldest first."""
        return [step for step in self._replaced if step not in self.scores]

    @cached_property
    def _rollouts(self) -> dict[str | None, str]:
        """The rollout drawn from each step; they are younger than the fresh steps, so only those are looked at."""
        young = range(int(self.new_steps[0]) if self.new_steps else self.next_id, self.next_id)
        records = {key: self.steps[key] for key in map(str, young) if key in self.steps}
        return {record["parent"]: key for key, record in records.items() if record.get("auxiliary") == "rollout"}

    def rollout_tip(self, step: str) -> str:
        """Return the last step of the rollout drawn from `step`, or `step` itself without one."""
        while step in self._rollouts:
            step = self._rollouts[step]
        return step

    @cached_property
    def complete(self) -> list[str]:
        """Ids of all complete solutions, oldest first, asides left out."""
        return [key for key, record in self.steps.items() if _complete(record)]

    @property
    def completed(self) -> int:
        """How many solutions are complete."""
        return _COMPLETED(self.steps, None)

    @cached_property
    def finalists(self) -> list[Finalist]:
        """All paths that can be the answer: complete ones, cut-off ones, and what is open at the frontier.

        Oldest first: ties go to the lowest index.
        """
        live = set(self.frontier)
        steps = self.steps.items()
        keys = [
            key
            for key, record in steps
            if "auxiliary" not in record and (record["finish"] != "stop_string" or key in live)
        ]
        return [self._finalist(key) for key in keys]

    @cached_property
    def answer_classes(self) -> list[int | None]:
        """For each finalist the class of its answer: equivalent answers share one (numbered by first appearance).

        None for what does not vote: no answer, cut off, or not finished while others are.
        """
        voters = [one.answer if one.finished else None for one in self.finalists]
        if not self.complete:
            voters = [None if one.truncated else one.answer for one in self.finalists]
        return group(voters)

    def _finalist(self, step: str) -> Finalist:
        text = self.text(step)
        return Finalist(step, text, extract_answer(text), self.score(step), self.finished(step), self.truncated(step))

    @cached_property
    def spend(self) -> Spend:
        """Everything spent so far, by generator and verifier: the sum of the charges."""
        return _SPENT(self.charges, None)

    @cached_property
    def own_spend(self) -> Spend:
        """What the strategy at work has spent: all but the pilots it began behind."""
        return _SPENT(_since(self._entry["charge"], self.charges), None)


def _since(first: int, log: dict[str, _Record]) -> dict[str, _Record]:
    """Return the records from number `first` on."""
    return {key: record for key, record in log.items() if int(key) >= first} if first else log


def _complete(record: Step) -> bool:
    return record["finish"] == "end" and "auxiliary" not in record


_COMPLETED: Fold[int, None] = Fold(lambda: 0, lambda count, key, record, view: count + _complete(record))
_SPENT: Fold[Spend, None] = Fold(lambda: NOTHING, lambda spent, key, charge, view: spent.plus(_spend(charge)))


def as_charge(node: str, spend: Spend) -> Charge:
    """Return the ledger record of what one run of `node` cost."""
    return cast(Charge, {"node": node, **spend._asdict()})


def _spend(charge: Charge) -> Spend:
    fields = cast(dict[str, Any], charge)
    return Spend(*(fields[name] for name in Spend._fields))
