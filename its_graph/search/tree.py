"""A view of a search: everything that can be derived from its logs, derived on demand.

Nothing here is stored, so nothing can drift. A node makes one `Tree` per call; rules are pure functions of it.
"""

from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

from its_graph.budget import NOTHING, Spend
from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Message
from its_graph.search.folds import Fold
from its_graph.search.hints import with_hints
from its_graph.search.paths import pieces_of
from its_graph.search.result import Route, SearchResult
from its_graph.search.state import Charge, Failure, HumanEdit, Judgment, Step, StrategyStart
from its_graph.search.step_tree import StepTree, is_complete
from its_graph.search.tree_rows import TreeRows
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import group

__all__ = ["Finalist", "Tree", "as_charge"]

_Record = TypeVar("_Record")


class Finalist(NamedTuple):
    """A path that can be the answer of a search."""

    id: str
    """Id of its last step."""
    text: str
    """The whole solution."""
    answer: str | None
    """Extracted final answer, as written."""
    score: float | None
    """Score of the path; None if it is missing."""
    finished: bool
    """Whether it is a complete solution."""
    truncated: bool
    """Whether a length limit cut it off."""


class Tree(StepTree):
    r"""The search tree in a state, or in the events of a search, which carry the same records.

    A view never changes: it is derived from one state, and a node that needs another frontier makes another view.

    Args:
        state: a `SearchState`: what `stream_mode="values"` streams, `get_state(...).values` holds, and
            `its_graph.search.events.rebuild` returns. Missing keys count as empty.
        hidden: how many older records `state` leaves out; see `Tree.for_strategy`.

    >>> from its_graph import SearchContext, Tree, create
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create("beam_search", ToyGenerator(), ToyVerifier(), n=4, width=2).compile()
    >>> *_, state = graph.stream({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7), stream_mode="values")
    >>> tree = Tree(state)
    >>> tree
    Tree(strategy='beam_search', steps=12, complete=4, calls=17, tokens=219)
    >>> print(tree.pretty())
    ├─ ★ 0.90 3 + 5 = 8
    │  ├─ ● 0.10 8 + 4 = 16
    │  │  └─ ✓ 0.10 → 16 ×2 \boxed{16}
    │  ├─ ★ 0.90 8 + 4 = 12
    │  │  ├─ ★ 0.90 → 12 \boxed{12}
    │  │  └─ ✓ 0.90 → 12 \boxed{12}
    │  └─ ✗ 0.90 ×2 8 + 4 = 12
    └─ ✗ 0.90 ×3 3 + 5 = 8
    """  # noqa: RUF002

    def __init__(self, state: Mapping[str, Any], *, hidden: int = 0) -> None:
        super().__init__(state.get("steps") or {}, state.get("scores") or {}, state.get("frontier") or [])
        self.judgments: dict[str, Judgment] = state.get("judgments") or {}
        self.failures: dict[str, Failure] = state.get("failures") or {}
        self.charges: dict[str, Charge] = state.get("charges") or {}
        self.human_edits: dict[str, HumanEdit] = state.get("human_edits") or {}
        self.new_steps: list[str] = state.get("new_steps") or []
        self.stop_reason: str | None = state.get("stop_reason")
        self.remaining_steps: int | None = state.get("remaining_steps")
        self.strategy: str = state.get("strategy") or ""
        self.route: Route | None = state.get("route")
        self.result: SearchResult | None = state.get("result") or None
        self._original_question: list[Message] = state.get("question") or []
        self._start: StrategyStart = state.get("strategy_start") or StrategyStart(record=0, charge=0)
        self._hidden = hidden
        self._settings: Mapping[str, Any] = state.get("settings") or {}

    def __repr__(self) -> str:
        spend = self.spend
        return (
            f"Tree(strategy={self.strategy!r}, steps={len(self.steps)}, complete={self.completed}, "
            f"calls={spend.calls}, tokens={spend.tokens})"
        )

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Tree":
        """Return the view of `state`."""
        return cls(state)

    @classmethod
    def for_strategy(cls, state: Mapping[str, Any]) -> "Tree":
        """Return the current strategy's view of `state`: if it started after pilots, without their records.

        So it samples, selects and stops as it would alone. Compute is shared: `spend` includes the pilots.
        """
        start = state.get("strategy_start")
        if not start or not start["record"]:
            return cls(state)
        first = start["record"]
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
        """The conversation as models see it, including the hints that people have added."""
        hints = [edit["hint"] for edit in self.human_edits.values() if edit["hint"] is not None]
        return with_hints(self._original_question, hints)

    # --- one path -------------------------------------------------------------------------------------------------

    def root(self, step: str) -> str:
        """Return the first step of the path: the independent subtree that `step` belongs to.

        A first step written by a person belongs to the subtree of the step that it replaced.
        """
        first = self.path(step)[0]
        while first in self._replaced:
            first = self._replaced[first]
        return first

    def pruned(self, step: str) -> bool:
        """Return whether a person gave the path up, at `step` or before it."""
        return bool(self._pruned_ids) and not self._pruned_ids.isdisjoint(self.path(step))

    def candidate(self, step: str) -> Candidate:
        """Return the path as a verifier sees it."""
        return Candidate(messages=tuple(self.question), steps=self.pieces(step), finished=self.finished(step))

    def candidate_of(self, record: Step) -> Candidate:
        """Return the path that ends in a record not yet in the tree, as a verifier will see it."""
        steps = self.pieces(record["parent"]) + pieces_of(record["text"])
        return Candidate(messages=tuple(self.question), steps=steps, finished=record["finish"] == "end")

    # --- the whole tree -------------------------------------------------------------------------------------------

    def pretty(self, width: int = 100, height: int | None = None) -> str:
        """Return the tree as text, one step per row, as the command line draws it.

        Args:
            width: most columns per row; longer rows end in `…`.
            height: most rows (at least 1): cut branches and unforked runs are folded to fit; None shows every step.
        """
        rows = TreeRows(self, winner=self.winner, over=self.result is not None)
        lines = map(str, rows.all() if height is None else rows.fit(width, height))
        return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in lines)

    @property
    def winner(self) -> str | None:
        """Id of the last step of the answer; None until the search has answered."""
        text = self.result["text"] if self.result else None
        return next((finalist.id for finalist in self.finalists if finalist.text == text), None)

    @property
    def next_id(self) -> int:
        """The number of the next record: ids are assigned in order, and failed samples keep theirs."""
        return self._hidden + len(self.steps) + len(self.failures)

    @property
    def first_record(self) -> int:
        """The number of the current strategy's first record; 0 unless it started after pilots."""
        return self._start["record"]

    @property
    def samples_drawn(self) -> int:
        """How many records the current strategy has drawn, failed ones included."""
        return self.next_id - self.first_record

    def seed(self, key: str) -> int:
        """Return the seed of the call that writes record `key`."""
        return derive_seed(self.settings.seed or 0, key)

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """For each step written by a person, the step that it replaced."""
        return {new: old for edit in self.human_edits.values() for old, new in edit["edits"].items()}

    @cached_property
    def _pruned_ids(self) -> frozenset[str]:
        pruned = (step for edit in self.human_edits.values() for step in edit["prune"])
        return frozenset((*pruned, *self._replaced.values()))

    @property
    def unscored_edits(self) -> list[str]:
        """Ids of the steps written by people that no verifier has scored yet, oldest first."""
        return [step for step in self._replaced if step not in self.scores]

    @cached_property
    def _rollouts(self) -> dict[str | None, str]:
        """The rollout drawn from each step. Rollouts are newer than the new steps, so only newer records are read."""
        newer = range(int(self.new_steps[0]) if self.new_steps else self.next_id, self.next_id)
        records = {key: self.steps[key] for key in map(str, newer) if key in self.steps}
        return {record["parent"]: key for key, record in records.items() if record.get("auxiliary") == "rollout"}

    def rollout_tip(self, step: str) -> str:
        """Return the last step of the rollout drawn from `step`, or `step` itself without one."""
        while step in self._rollouts:
            step = self._rollouts[step]
        return step

    @property
    def completed(self) -> int:
        """How many solutions are complete."""
        return _COMPLETED(self.steps, None)

    @cached_property
    def finalists(self) -> list[Finalist]:
        """All paths that can be the answer: complete, truncated, and those open at the frontier.

        Oldest first, so that ties go to the lowest index.
        """
        frontier = set(self.frontier)
        keys = [
            key
            for key, record in self.steps.items()
            if "auxiliary" not in record and (record["finish"] != "stop_string" or key in frontier)
        ]
        return [self._finalist(key) for key in keys]

    @cached_property
    def answer_classes(self) -> list[int | None]:
        """For each finalist the class of its answer: equivalent answers share one, numbered by first appearance.

        None for a finalist that does not vote: without an answer, truncated, or unfinished while others are finished.
        """
        voters = [finalist.answer if finalist.finished else None for finalist in self.finalists]
        if not self.complete:
            voters = [None if finalist.truncated else finalist.answer for finalist in self.finalists]
        return group(voters)

    def _finalist(self, step: str) -> Finalist:
        text = self.text(step)
        return Finalist(step, text, extract_answer(text), self.score(step), self.finished(step), self.truncated(step))

    def runs(self, node: str) -> int:
        """Return how often `node` has run to completion, according to the ledger."""
        return sum(charge["node"] == node for charge in self.charges.values())

    @cached_property
    def spend(self) -> Spend:
        """Everything spent so far by generator and verifier: the sum of the charges."""
        return _SPENT(self.charges, None)

    @cached_property
    def own_spend(self) -> Spend:
        """What the current strategy has spent: everything except the pilots before it."""
        return _SPENT(_since(self._start["charge"], self.charges), None)


def _since(first: int, log: dict[str, _Record]) -> dict[str, _Record]:
    """Return the records from number `first` on."""
    return {key: record for key, record in log.items() if int(key) >= first} if first else log


_COMPLETED: Fold[int, None] = Fold(lambda: 0, lambda count, key, record, view: count + is_complete(record))
_SPENT: Fold[Spend, None] = Fold(lambda: NOTHING, lambda spent, key, charge, view: spent.plus(_spend(charge)))


def as_charge(node: str, spend: Spend) -> Charge:
    """Return the ledger record of what one run of `node` cost."""
    return cast(Charge, {"node": node, **spend._asdict()})


def _spend(charge: Charge) -> Spend:
    fields = cast(dict[str, Any], charge)
    return Spend(*(fields[name] for name in Spend._fields))
