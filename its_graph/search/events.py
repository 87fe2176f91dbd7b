"""What a search reports while it runs: one typed event per record, derived from the updates of its nodes.

Events carry the records themselves, so the events of a search are enough to rebuild its tree (`rebuild`). They are
plain data, sent through LangGraph's stream writer: read them with
`stream_mode="custom", subgraphs=True, version="v2"`.
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
from its_graph.search.result import Route, SearchResult
from its_graph.search.state import Charge, Failure, HumanEdit, Judgment, Score, Step, Update

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
    """A search starts; anything earlier on this thread is not part of it."""

    type: Literal["its.search_started"]
    strategy: str
    """Name of the strategy."""
    question: list[Message]
    """The conversation that the generator answers."""
    settings: dict[str, Any]
    """The fields of `SearchContext`, seed included."""


class TokenAdded(TypedDict):
    """A sample being written has grown; sent only with `stream_tokens`, and not part of the tree."""

    type: Literal["its.token_added"]
    id: str
    """Id of the step that it will become."""
    at: int
    """Characters of the sample before this text; 0 starts it, and starts it again if the call is retried."""
    text: str
    """The new text."""


class StepAdded(TypedDict):
    """A sample arrived."""

    type: Literal["its.step_added"]
    id: str
    """Id of the step."""
    step: Step


class Scored(TypedDict):
    """A verifier's score arrived."""

    type: Literal["its.scored"]
    id: str
    """Id of the step."""
    score: Score


class Judged(TypedDict):
    """A judge compared several solutions."""

    type: Literal["its.judged"]
    id: str
    """Id of the judgment."""
    judgment: Judgment


class Failed(TypedDict):
    """A sample failed for good."""

    type: Literal["its.failed"]
    id: str
    """Id that the step would have had."""
    failure: Failure


class Selected(TypedDict):
    """The search continues with these paths; every other open path is cut."""

    type: Literal["its.selected"]
    frontier: list[str]
    """Ids of the paths to expand next, each once per continuation."""


class HumanRequested(TypedDict):
    """The search waits for a person. Sent by the server that shows the interrupt; the search itself only waits."""

    type: Literal["its.human_requested"]
    request: HumanRequest


class Steered(TypedDict):
    """A person replied. Steps that the person wrote come before it, as `its.step_added`."""

    type: Literal["its.steered"]
    id: str
    """Number of the reply."""
    edit: HumanEdit


class Routed(TypedDict):
    """A search that chooses its strategy has chosen; what follows belongs to that strategy."""

    type: Literal["its.routed"]
    route: Route


class Charged(TypedDict):
    """A node settled what it used."""

    type: Literal["its.charged"]
    id: str
    """Number of the charge."""
    charge: Charge


class Stopped(TypedDict):
    """The search stops, and why."""

    type: Literal["its.stopped"]
    reason: str
    """The `stop_reason` of the result."""


class Answered(TypedDict):
    """The search is over and has a result."""

    type: Literal["its.answered"]
    answer: str | None
    """The final answer; None if the winning text has none."""
    result: SearchResult
    """Candidates, votes, spend and why the search stopped."""


class Ended(TypedDict):
    """The run is over, whatever its outcome: the last event that a server sends for it."""

    type: Literal["its.ended"]
    status: Literal["done", "failed", "cancelled"]
    error: str | None
    """What went wrong, if anything did."""


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
    """Yield the events that describe what `update` changes, in the order in which a reader needs them."""
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
    """Return a function that sends the events of an update to the stream of this run.

    With `dispatch` in the settings they are sent as LangChain custom events too, for `astream_events` and AG-UI.
    """
    writer, dispatch = get_stream_writer(), search_context().dispatch

    def send(update: Update) -> None:
        for event in events_of(update):
            writer(event)
            if dispatch:
                dispatch_custom_event(event["type"], event)

    return send


def token_emitter() -> Callable[[str, int, str], None]:
    """Return a function that sends new text of a sample, given its id and the number of characters before it.

    It may be called from several threads at once, such as a backend's own. LangGraph's writer finds its run in the
    context, and a context can be entered by one call at a time only, so each call enters a copy.
    """
    writer, context = get_stream_writer(), copy_context()

    def send(key: str, at: int, text: str) -> None:
        context.copy().run(writer, {"type": "its.token_added", "id": key, "at": at, "text": text})

    return send


def emit(update: Update) -> None:
    """Send the events of one update to the stream of this run."""
    event_emitter()(update)


def rebuild(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Fold events into the state that they describe; other events in the stream are ignored.

    Returns:
        A mapping that `Tree` reads. Replies arrive in any order; records are sorted by id.
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
