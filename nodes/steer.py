"""steer: ask a person how to go on, and go on as told.

The node does nothing but ask: LangGraph runs it from its beginning again once there is a reply.
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

__all__ = ["exit_after_steering", "steer", "apply_steering"]

Edits = Mapping[str, str]


def steer(ask: AskRule, *, separator: str, max_steps: int, at_end: PathRule) -> PureNode:
    """Return the node that asks a person where `ask` says so, until the reply can be used.

    Args:
        ask: when.
        separator: what ends a step in the generator's style.
        max_steps: the longest path; one that has it is not gone on with.
        at_end: the paths to be left with when the search stops.
    """

    def node(state: SearchState) -> Update:
        _require_saving()
        tree = Tree.for_strategy(state)
        if not ask(tree):
            return {}
        problem: str | None = None
        while True:
            reply = interrupt(human_request(tree, completed_rounds(tree), problem))
            try:
                update = apply_steering(state, parse_steering(reply), separator=separator, max_steps=max_steps, at_end=at_end)
            except InputError as error:
                problem = str(error)
            else:
                emit(update)
                return update

    return node


def exit_after_steering(state: SearchState) -> Literal["more", "judge", "enough", "unfinished"]:
    """Name the exit: as of a step search, but a solution that a person wrote is judged before the search answers."""
    tree = Tree.for_strategy(state)
    if tree.stop_reason is not None and any(map(tree.finished, tree.unscored_edits)):
        return "judge"
    return next_stop_or_finish(state)


def apply_steering(state: Mapping[str, Any], said: Steering, *, separator: str, max_steps: int, at_end: PathRule) -> Update:
    """Return what changes when a person says this: the record of it, the steps that were written, the new frontier.

    Raises:
        InputError: it names what cannot be steered, or would leave nothing to go on with and nothing to answer with.
    """
    tree = Tree.for_strategy(state)
    if (problem := next(_problems(tree, said, max_steps), None)) is not None:
        raise InputError(problem)
    edits = {old: str(tree.next_id + place) for place, old in enumerate(said.edits)}
    update: Update = {"human_edits": {str(len(tree.human_edits)): _record(said, edits)}}
    if edits:
        update["steps"] = {new: _written(tree, old, said.edits[old], separator) for old, new in edits.items()}
    after = _after(state, update, _frontier(tree, said, edits))
    ends = at_end(after)
    if not after.completed and not any(map(after.open, ends)):
        raise InputError("That leaves no path to go on with, and no solution is complete. Keep, boost or edit a path.")
    frontier = ends if said.stop else after.frontier
    if frontier != tree.frontier:
        update |= {"frontier": frontier, "new_steps": []}  # decided: no rule shall choose among the round's steps again
    if said.stop:
        update["stop_reason"] = "steered"
    return update


def _require_saving() -> None:
    # LangGraph says nowhere else whether a run is saved. Should it cease to say so there, its own errors remain.
    if get_config()["configurable"].get("__pregel_checkpointer", "unknown") is None:
        raise ConfigurationError(
            "A search that asks a person waits in a checkpoint, and this run has no checkpointer. Compile the outermost"
            " graph with one, `compile(checkpointer=InMemorySaver())`, and name a thread when you call it: "
            '`{"configurable": {"thread_id": "1"}}`.'
        )


def _problems(tree: Tree, said: Steering, max_steps: int) -> Iterator[str]:
    """Yield what is wrong with a reply, given the search as it stands."""
    gone = {*said.prune, *said.edits}
    for step in (*said.prune, *said.boost, *said.edits):
        if (reason := _closed(tree, step)) is not None:
            yield f"{step!r} {reason}"
    for step in (*said.boost, *said.edits):
        if tree.depth(step) >= max_steps:
            yield f"{step!r} is {max_steps} steps long, the longest that a path may be: it is not gone on with."
        if above := gone.intersection(tree.path(step)[:-1]):
            yield f"{step!r} hangs below {min(above, key=int)!r}, which this reply gives up."
    for step in said.boost:
        if step not in tree.frontier and (elder := _elder_twin(tree, step)) is not None:
            yield f"{step!r} says what {elder!r} says: that one counts."


def _closed(tree: Tree, step: str) -> str | None:
    """Say why a path cannot be steered, or None."""
    if step not in tree.steps or "auxiliary" in tree.steps[step]:
        return "is the id of no path. The open paths of the frontier and all steps before them can be steered."
    if tree.finished(step):
        return "is a finished solution: it stays a candidate as it is."
    if tree.truncated(step):
        return "was cut off by a length limit: it cannot be continued."
    return "was given up before, for good." if tree.pruned(step) else None


def _elder_twin(tree: Tree, step: str) -> str | None:
    """Return the eldest sibling of a sampled step with the same text and end; None for the eldest itself."""
    record = tree.steps[step]
    if "by" in record:
        return None
    said = (record["text"], record["finish"])
    siblings = tree.children[record["parent"]]
    eldest = next(one for one in siblings if (tree.steps[one]["text"], tree.steps[one]["finish"]) == said)
    return None if eldest == step else eldest


def _record(said: Steering, edits: Edits) -> HumanEdit:
    return HumanEdit(prune=list(said.prune), boost=list(said.boost), edits=dict(edits), hint=said.hint, stop=said.stop)


def _written(tree: Tree, old: str, text: str, separator: str) -> Step:
    """Return the record of a step that a person wrote; it ends as the old one did, so that the next one can follow."""
    before = tree.steps[old]
    if before["text"].endswith(separator):
        text = text.rstrip() + separator
    finish: Literal["end", "stop_string"] = "end" if has_final_answer(text) else "stop_string"
    return Step(parent=before["parent"], text=text, tokens=0, finish=finish, confidence=None, by="person")


def _after(state: Mapping[str, Any], update: Update, frontier: list[str]) -> Tree:
    """Return the search as it will be."""
    logs = {log: {**(state.get(log) or {}), **records} for log, records in update.items()}
    return Tree.for_strategy({**state, **logs, "frontier": frontier})


def _frontier(tree: Tree, said: Steering, edits: Edits) -> list[str]:
    """Return the frontier without what was pruned, with what was boosted, and with new steps in the place of old ones.

    A path that comes back gets the share of one: as many continuations as an open path of the frontier has on average.
    """
    counts = Counter(filter(tree.open, tree.frontier))
    share = counts.total() // len(counts) if counts else 1
    frontier: list[str] = []
    for step in tree.frontier:
        path = set(tree.path(step)) if tree.open(step) else set()  # what is finished stays
        if path.isdisjoint(said.prune):
            place = next((edits[one] for one in path if one in edits), step)
            frontier += [place] * (2 if step in said.boost else 1)
    back = dict.fromkeys(edits.get(step, step) for step in (*said.boost, *edits))
    return frontier + [step for step in back if step not in frontier for _ in range(share)]
