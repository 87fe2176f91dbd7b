"""steer: ask a person how to continue, and apply the reply.

The node does nothing else: LangGraph runs it again from the start once there is a reply.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from langgraph.config import get_config
from langgraph.types import interrupt

from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rules.steering import Steering, completed_rounds, parse_steering
from its_graph.nodes.rules.types import AskRule, PathRule
from its_graph.nodes.select import next_stop_or_finish
from its_graph.search.events import emit
from its_graph.search.human_request import human_request
from its_graph.search.state import HumanEdit, PureNode, SearchState, Step, Update
from its_graph.search.tree import Tree
from its_graph.text.answers import has_final_answer

__all__ = ["apply_steering", "exit_after_steering", "steer"]

Edits = Mapping[str, str]
"""For each edited step, the id of the step that replaces it."""


def steer(ask: AskRule, *, separator: str, max_steps: int, at_end: PathRule) -> PureNode:
    """Return the node that asks a person if `ask` says so, until the reply can be used.

    Args:
        ask: when to ask.
        separator: what ends a step in the generator's style.
        max_steps: the longest path; a path of this length is not continued.
        at_end: the frontier once the search stops.
    """

    def node(state: SearchState) -> Update:
        _require_checkpointer()
        tree = Tree.for_strategy(state)
        if not ask(tree):
            return {}
        reply_error: str | None = None
        while True:
            reply = interrupt(human_request(tree, completed_rounds(tree), reply_error))
            try:
                steering = parse_steering(reply)
                update = apply_steering(state, steering, separator=separator, max_steps=max_steps, at_end=at_end)
            except InputError as error:
                reply_error = str(error)
            else:
                emit(update)
                return update

    return node


def exit_after_steering(state: SearchState) -> Literal["more", "verify", "enough", "unfinished"]:
    """Return the exit: that of a step search, except that a solution a person wrote is verified before the answer."""
    tree = Tree.for_strategy(state)
    if tree.stop_reason is not None and any(map(tree.finished, tree.unscored_edits)):
        return "verify"
    return next_stop_or_finish(state)


def apply_steering(
    state: Mapping[str, Any], steering: Steering, *, separator: str, max_steps: int, at_end: PathRule
) -> Update:
    """Return what a person's reply changes: the record of it, the steps written, the new frontier.

    Raises:
        InputError: if a path cannot be steered, or if the search could neither continue nor answer afterwards.
    """
    tree = Tree.for_strategy(state)
    if (problem := next(_problems(tree, steering, max_steps), None)) is not None:
        raise InputError(problem)
    edits = {old: str(tree.next_id + index) for index, old in enumerate(steering.edits)}
    update: Update = {"human_edits": {str(len(tree.human_edits)): _record(steering, edits)}}
    if edits:
        update["steps"] = {new: _written_step(tree, old, steering.edits[old], separator) for old, new in edits.items()}
    after = _tree_after(state, update, _frontier(tree, steering, edits))
    final = at_end(after)
    if not after.completed and not any(map(after.open, final)):
        raise InputError("That leaves no path to continue, and no solution is complete. Keep, boost or edit a path.")
    frontier = final if steering.stop else after.frontier
    if frontier != tree.frontier:
        update |= {"frontier": frontier, "new_steps": []}  # decided: no rule may choose among the round's steps again
    if steering.stop:
        update["stop_reason"] = "steered"
    return update


def _require_checkpointer() -> None:
    # LangGraph has no other indication of whether a run is saved. If it drops this key, its own errors remain.
    if get_config()["configurable"].get("__pregel_checkpointer", "unknown") is None:
        raise ConfigurationError(
            "`ask` interrupts the search to ask a person, which needs a checkpointer; this run has none. Compile the "
            "outermost graph with one, `compile(checkpointer=InMemorySaver())`, and pass a thread id when you call it: "
            '`{"configurable": {"thread_id": "1"}}`.'
        )


def _problems(tree: Tree, steering: Steering, max_steps: int) -> Iterator[str]:
    """Yield what is wrong with a reply in the current state of the search."""
    abandoned = {*steering.prune, *steering.edits}
    for step in (*steering.prune, *steering.boost, *steering.edits):
        if (reason := _not_steerable(tree, step)) is not None:
            yield f"{step!r} {reason}"
    for step in (*steering.boost, *steering.edits):
        if tree.depth(step) >= max_steps:
            yield f"{step!r} is {max_steps} steps long, the maximum length of a path: it cannot be continued."
        if above := abandoned.intersection(tree.path(step)[:-1]):
            yield f"{step!r} is below {min(above, key=int)!r}, which this reply abandons."
    for step in steering.boost:
        if step not in tree.frontier and (original := _original_of(tree, step)) is not None:
            yield f"{step!r} duplicates {original!r}: boost that one instead."


def _not_steerable(tree: Tree, step: str) -> str | None:
    """Return why a path cannot be steered, or None."""
    if step not in tree.steps or "auxiliary" in tree.steps[step]:
        return "is not the id of a path. Open paths of the frontier and all steps before them can be steered."
    if tree.finished(step):
        return "is a finished solution: it stays a candidate unchanged."
    if tree.truncated(step):
        return "was cut off by a length limit: it cannot be continued."
    return "was abandoned earlier, permanently." if tree.pruned(step) else None


def _original_of(tree: Tree, step: str) -> str | None:
    """Return the oldest sibling with the same text and finish reason, if `step` is a sampled duplicate of it."""
    record = tree.steps[step]
    if "by" in record:
        return None
    siblings = tree.children[record["parent"]]
    oldest = next(
        sibling
        for sibling in siblings
        if (tree.steps[sibling]["text"], tree.steps[sibling]["finish"]) == (record["text"], record["finish"])
    )
    return None if oldest == step else oldest


def _record(steering: Steering, edits: Edits) -> HumanEdit:
    return HumanEdit(
        prune=list(steering.prune),
        boost=list(steering.boost),
        edits=dict(edits),
        hint=steering.hint,
        stop=steering.stop,
    )


def _written_step(tree: Tree, old: str, text: str, separator: str) -> Step:
    """Return the record of a step that a person wrote; it keeps the old one's separator, so that steps can follow."""
    before = tree.steps[old]
    if before["text"].endswith(separator):
        text = text.rstrip() + separator
    finish: Literal["end", "stop_string"] = "end" if has_final_answer(text) else "stop_string"
    return Step(parent=before["parent"], text=text, tokens=0, finish=finish, confidence=None, by="person")


def _tree_after(state: Mapping[str, Any], update: Update, frontier: list[str]) -> Tree:
    """Return the search after the update."""
    logs = {log: {**(state.get(log) or {}), **records} for log, records in update.items()}
    return Tree.for_strategy({**state, **logs, "frontier": frontier})


def _frontier(tree: Tree, steering: Steering, edits: Edits) -> list[str]:
    """Return the frontier without pruned paths, with boosted ones, and with edited steps in place of the old ones.

    A path that returns gets as many continuations as an open path of the frontier has on average.
    """
    counts = Counter(filter(tree.open, tree.frontier))
    share = counts.total() // len(counts) if counts else 1
    frontier: list[str] = []
    for step in tree.frontier:
        path = set(tree.path(step)) if tree.open(step) else set()  # finished paths stay
        if path.isdisjoint(steering.prune):
            current = next((edits[ancestor] for ancestor in path if ancestor in edits), step)
            frontier += [current] * (2 if step in steering.boost else 1)
    returning = dict.fromkeys(edits.get(step, step) for step in (*steering.boost, *edits))
    return frontier + [step for step in returning if step not in frontier for _ in range(share)]
