"""Finds a search of an earlier server: what was asked stands beside its checkpoints, what was told follows of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_core.messages import convert_to_openai_messages
from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.log import Event
from its_graph.api.search import Search
from its_graph.api.wire import SearchRequest
from its_graph.contracts import Message
from its_graph.events import events_of

__all__ = ["recall"]


async def recall(
    checkpointer: BaseCheckpointSaver[Any], id: str, make: Callable[[str, SearchRequest], Search]
) -> Search | None:
    """Return the search whose thread is `id`, as it stood at its last checkpoint; None if there is none.

    Its events are in the order of the logs. How a search ended is not stored, but for its answer: one that failed or
    was under way when its server ended counts as cancelled, without its error; one that was cancelled while it waited
    for a person waits again.
    """
    stored = await checkpointer.aget_tuple({"configurable": {"thread_id": id}})
    if stored is None or "its_request" not in stored.metadata:
        return None
    told: Mapping[str, Any] = stored.metadata
    request = {**json.loads(told["its_request"]), "messages": _question(stored.checkpoint["channel_values"])}
    search = make(id, SearchRequest.model_validate(request))
    state = await search.graph.aget_state(search.config)
    search.restore(told["its_created"], _events(state.values), state)
    return search


def _question(values: Mapping[str, Any]) -> list[Message]:
    """Return the conversation that a search began with: its input, or what the state holds before the answer."""
    messages = values.get("__start__", values)["messages"]
    asked: list[Message] = convert_to_openai_messages(messages[:-1] if values.get("result") else messages)
    return asked


def _events(values: Mapping[str, Any]) -> Iterator[Event]:
    """Yield what a search with this state has told."""
    start = ("strategy", "question", "settings")
    if "question" in values:
        yield from events_of({key: values[key] for key in start})
    changed = {key: value for key, value in values.items() if value and key not in start}
    yield from events_of({"answer": None, **changed})
