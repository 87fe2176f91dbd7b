"""Restores searches of an earlier server: requests are stored with checkpoints; events are derived from the state."""

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

__all__ = ["is_search_checkpoint", "load_checkpoint", "restore_search", "stored_request"]


async def restore_search(
    checkpointer: BaseCheckpointSaver[Any], id: str, create: Callable[[str, SearchRequest], Search]
) -> Search | None:
    """Return the search with the thread `id` as of its last checkpoint; None if it does not exist.

    Its events are in the order of the logs. A search that was running when its server ended counts as cancelled; one
    that was cancelled while it waited for a person waits again.

    Raises:
        ApiError: this server cannot read or cannot run the stored request.
    """
    if (checkpoint := await load_checkpoint(checkpointer, id)) is None:
        return None
    metadata: Mapping[str, Any] = checkpoint.metadata
    try:
        search = create(id, stored_request(checkpoint))
    except ValidationError as error:
        raise ApiError(
            409, f"Search {id!r} was stored by an incompatible version. DELETE /search/{id} removes it."
        ) from error
    state = await search.graph.aget_state(search.config, subgraphs=True)
    search.restore(metadata["its_created"], _events(_innermost_values(state)), state)
    return search


async def load_checkpoint(checkpointer: BaseCheckpointSaver[Any], id: str) -> CheckpointTuple | None:
    """Return the newest checkpoint of the search with the thread `id`; None if it does not exist."""
    checkpoint = await checkpointer.aget_tuple({"configurable": {"thread_id": id}})
    return checkpoint if checkpoint is not None and is_search_checkpoint(checkpoint) else None


def is_search_checkpoint(checkpoint: CheckpointTuple) -> bool:
    """Return whether a checkpoint belongs to a search of this API, not to another graph in the same store."""
    return "its_request" in checkpoint.metadata


def stored_request(checkpoint: CheckpointTuple) -> SearchRequest:
    """Return the request of a search, given any of its checkpoints."""
    metadata: Mapping[str, Any] = checkpoint.metadata
    question = _question(checkpoint.checkpoint["channel_values"])
    return SearchRequest.model_validate({**json.loads(metadata["its_request"]), "messages": question})


def _question(values: Mapping[str, Any]) -> list[Message]:
    """Return the conversation that a search answers: its input, or the state's messages without the answer."""
    messages = values.get("__start__", values)["messages"]
    question: list[Message] = convert_to_openai_messages(messages[:-1] if values.get("result") else messages)
    return question


def _innermost_values(state: StateSnapshot) -> Mapping[str, Any]:
    """Return the state of the search, or of the strategy that runs it as a subgraph: its logs hold all records."""
    for task in state.tasks:
        if isinstance(task.state, StateSnapshot) and "question" in (inner := _innermost_values(task.state)):
            return inner
    return state.values


def _events(values: Mapping[str, Any]) -> Iterator[LoggedEvent]:
    """Yield the events of a search with this state."""
    start_keys = ("strategy", "question", "settings")
    if "question" in values:
        yield from events_of({key: values[key] for key in start_keys})
    changes = {key: value for key, value in values.items() if value and key not in start_keys}
    yield from events_of({"answer": None, **changes})
