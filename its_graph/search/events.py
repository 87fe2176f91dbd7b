"""What a search tells while it runs: one typed event for each record, derived from the updates of its nodes.

Events carry the records themselves, so the events of a search alone rebuild its tree (`rebuild`). They are plain
data, sent through LangGraph's stream writer: read them with `stream_mode="custom", subgraphs=True, version="v2"`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from typing import Any, Literal

from langchain_core.callbacks import dispatch_custom_event
from langgraph.config import get_stream_writer
from typing_extensions import TypedDict

from its_graph.context import search_context
from its_graph.contracts import Message
from its_graph.search.human_request import HumanRequest
from its_graph.search.state import Charge, Failure, HumanEdit, Judgment, Route, Score, Step, Update

__all__ = [
    "Answered",
    "Charged",
    "Ended",
    "Event",
    "Failed",
    "HumanRequested",
    "Judged",
    "Routed",
    "Scored",
    "SearchStarted",
    "Selected",
    "Steered",
    "StepAdded",
    "Stopped",
    "TokenAdded",
    "emit",
    "event_emitter",
    "events_of",
    "rebuild",
    "token_emitter",
]


class SearchStarted(TypedDict):
    """A search begins; what came before on this thread is no part of it."""

    type: Literal["its.search_started"]
    strategy: str
    question: list[Message]
    settings: dict[str, Any]


class TokenAdded(TypedDict):
    """A sample that is being written has grown; told only with `stream_tokens`, and no part of the tree."""

    type: Literal["its.token_added"]
    id: str
    """Of the step that it will be."""
    at: int
    """Characters of the sample before this text; 0 begins it, once more where a call is repeated."""
    text: str


class StepAdded(TypedDict):
    """A sample arrived."""

    type: Literal["its.step_added"]
    id: str
    step: Step


class Scored(TypedDict):
    """A verdict arrived."""

    type: Literal["its.scored"]
    id: str
    score: Score


class Judged(TypedDict):
    """A judge compared several solutions."""

    type: Literal["its.judged"]
    id: str
    judgment: Judgment


class Failed(TypedDict):
    """A sample failed for good."""

    type: Literal["its.failed"]
    id: str
    failure: Failure


class Selected(TypedDict):
    """The search goes on with these paths; every other open one is cut."""

    type: Literal["its.selected"]
    frontier: list[str]


class HumanRequested(TypedDict):
    """The search waits for a person. Sent by a server that shows the interrupt; the search itself only waits."""

    type: Literal["its.human_requested"]
    request: HumanRequest


class Steered(TypedDict):
    """A person said how to go on; steps that were written come as `its.step_added` before it."""

    type: Literal["its.steered"]
    id: str
    edit: HumanEdit


class Routed(TypedDict):
    """A search that chooses its strategy has chosen; what follows is that strategy's."""

    type: Literal["its.routed"]
    route: Route


class Charged(TypedDict):
    """A node settled what it used."""

    type: Literal["its.charged"]
    id: str
    charge: Charge


class Stopped(TypedDict):
    """The search will not go on, and why."""

    type: Literal["its.stopped"]
    reason: str


class Answered(TypedDict):
    """The search is over."""

    type: Literal["its.answered"]
    answer: str | None
    result: dict[str, Any]


class Ended(TypedDict):
    """The run is over, whatever came of it: the last event that a server sends of it."""

    type: Literal["its.ended"]
    status: Literal["done", "failed", "cancelled"]
    error: str | None


Event = (
    SearchStarted
    | TokenAdded
    | StepAdded
    | Scored
    | Judged
    | Failed
    | Selected
    | HumanRequested
    | Steered
    | Routed
    | Charged
    | Stopped
    | Answered
    | Ended
)

_LOG_EVENTS = {
    "steps": ("its.step_added", "step"),
    "scores": ("its.scored", "score"),
    "judgments": ("its.judged", "judgment"),
    "failures": ("its.failed", "failure"),
    "charges": ("its.charged", "charge"),
    "human_edits": ("its.steered", "edit"),
}
_LOG_OF = {kind: (log, field) for log, (kind, field) in _LOG_EVENTS.items()}


def events_of(update: Update) -> Iterator[dict[str, Any]]:
    """Yield the events that say what `update` changes, in the order in which a reader needs them."""
    if "question" in update:
        yield {"type": "its.search_started"} | {key: update[key] for key in ("strategy", "question", "settings")}
        return
    for log, (kind, field) in _LOG_EVENTS.items():
        for key, record in update.get(log, {}).items():
            yield {"type": kind, "id": key, field: record}
    if "route" in update:
        yield {"type": "its.routed", "route": update["route"]}
    if "frontier" in update:
        yield {"type": "its.selected", "frontier": update["frontier"]}
    if update.get("stop_reason"):
        yield {"type": "its.stopped", "reason": update["stop_reason"]}
    if "result" in update:
        yield {"type": "its.answered", "answer": update["answer"], "result": update["result"]}


def event_emitter() -> Callable[[Update], None]:
    """Return a function that sends the events of an update to whoever streams this run.

    With `dispatch` in the settings they are LangChain's custom events as well, which `astream_events` and AG-UI read.
    """
    writer, dispatch = get_stream_writer(), search_context().dispatch

    def send(update: Update) -> None:
        for event in events_of(update):
            writer(event)
            if dispatch:
                dispatch_custom_event(event["type"], event)

    return send


def token_emitter() -> Callable[[str, int, str], None]:
    """Return a function that sends new text of a sample, given its id and the characters before it.

    It may be called from any thread, of several at once: backends tell what they write from threads of their own, and
    LangGraph's writer finds its run in the context, which only one call at a time can be in.
    """
    writer, context = get_stream_writer(), copy_context()

    def tell(key: str, at: int, text: str) -> None:
        context.copy().run(writer, {"type": "its.token_added", "id": key, "at": at, "text": text})

    return tell


def emit(update: Update) -> None:
    """Send the events of one update to whoever streams this run."""
    event_emitter()(update)


def rebuild(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Fold events into the state they describe; other events in the stream are passed over.

    Returns:
        A mapping that `Tree.of` reads. Replies arrive in any order; records are put into the order of their ids.
    """
    state: dict[str, Any] = {}
    for event in events:
        kind = event.get("type")
        if kind == "its.search_started":
            state = {key: event[key] for key in ("strategy", "question", "settings")}
        elif kind in _LOG_OF:
            log, field = _LOG_OF[kind]
            state.setdefault(log, {})[event["id"]] = event[field]
        elif kind == "its.selected":
            state["frontier"] = event["frontier"]
        elif kind == "its.routed":
            state["route"] = event["route"]
        elif kind == "its.stopped":
            state["stop_reason"] = event["reason"]
        elif kind == "its.answered":
            state |= {"answer": event["answer"], "result": event["result"]}
    for log in ("steps", "scores", "judgments", "failures", "human_edits"):
        state[log] = dict(sorted(state.get(log, {}).items(), key=lambda item: int(item[0])))
    return state
