"""Finds a search of an earlier server: what was asked stands beside its checkpoints, what was told follows of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.messages import convert_to_openai_messages
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import StateSnapshot
from pydantic import ValidationError

from its_graph.api.errors import ApiError
from its_graph.api.event_log import LoggedEvent
from its_graph.api.schemas import SearchRequest
from its_graph.api.search import Search
from its_graph.contracts import Message
from its_graph.search.events import events_of

__all__ = ["is_search_checkpoint", "stored_request", "restore_search", "load_checkpoint"]


async def restore_search(
    checkpointer: BaseCheckpointSaver[Any], id: str, make: Callable[[str, SearchRequest], Search]
) -> Search | None:
    """Return the search whose thread is `id`, as it stood at its last checkpoint; None if there is none.

    Its events are in the order of the logs. One that was under way when its server ended counts as cancelled; one that
    was cancelled while it waited for a person waits again.

    Raises:
        ApiError: this server cannot read, or not serve, what was asked for.
    """
    if (stored := await load_checkpoint(checkpointer, id)) is None:
        return None
    told: Mapping[str, Any] = stored.metadata
    try:
        search = make(id, stored_request(stored))
    except ValidationError as error:
        raise ApiError(409, f"Search {id!r} was stored by another version. DELETE /search/{id} removes it.") from error
    state = await search.graph.aget_state(search.config, subgraphs=True)
    search.restore(told["its_created"], _events(_innermost(state)), state)
    return search


async def load_checkpoint(checkpointer: BaseCheckpointSaver[Any], id: str) -> CheckpointTuple | None:
    """Return the newest checkpoint of the search whose thread is `id`."""
    stored = await checkpointer.aget_tuple({"configurable": {"thread_id": id}})
    return stored if stored is not None and is_search_checkpoint(stored) else None


def is_search_checkpoint(stored: CheckpointTuple) -> bool:
    """Tell whether a checkpoint is one of a search of this API, and not of somebody else's graph."""
    return "its_request" in stored.metadata


def stored_request(stored: CheckpointTuple) -> SearchRequest:
    """Return what was asked for, given any checkpoint of a search."""
    told: Mapping[str, Any] = stored.metadata
    question = _question(stored.checkpoint["channel_values"])
    return SearchRequest.model_validate({**json.loads(told["its_request"]), "messages": question})


def _question(values: Mapping[str, Any]) -> list[Message]:
    """Return the conversation that a search began with: its input, or what the state holds before the answer."""
    messages = values.get("__start__", values)["messages"]
    asked: list[Message] = convert_to_openai_messages(messages[:-1] if values.get("result") else messages)
    return asked


def _innermost(state: StateSnapshot) -> Mapping[str, Any]:
    """Return the values of the search, or of the strategy that goes on with it as a part: that one's logs hold all."""
    for task in state.tasks:
        if isinstance(task.state, StateSnapshot) and "question" in (inner := _innermost(task.state)):
            return inner
    return state.values


def _events(values: Mapping[str, Any]) -> Iterator[LoggedEvent]:
    """Yield what a search with this state has told."""
    start = ("strategy", "question", "settings")
    if "question" in values:
        yield from events_of({key: values[key] for key in start})
    changed = {key: value for key, value in values.items() if value and key not in start}
    yield from events_of({"answer": None, **changed})
