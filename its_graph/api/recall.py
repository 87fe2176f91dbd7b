"""Finds a search of an earlier server: what was asked stands beside its checkpoints, what was told follows of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.log import Event
from its_graph.api.search import Search
from its_graph.api.wire import SearchRequest
from its_graph.events import events_of

__all__ = ["recall"]


async def recall(
    checkpointer: BaseCheckpointSaver[Any], id: str, make: Callable[[str, SearchRequest], Search]
) -> Search | None:
    """Return the search whose thread is `id`, as it stood at its last checkpoint; None if there is none.

    Its events are in the order of the logs. One that was under way when its server ended counts as cancelled.
    """
    stored = await checkpointer.aget_tuple({"configurable": {"thread_id": id}})
    told: Mapping[str, Any] = {} if stored is None else stored.metadata
    if "its_request" not in told:
        return None
    search = make(id, SearchRequest.model_validate_json(told["its_request"]))
    state = await search.graph.aget_state(search.config)
    search.restore(told["its_created"], _events(state.values), state)
    return search


def _events(values: Mapping[str, Any]) -> Iterator[Event]:
    """Yield what a search with this state has told."""
    start = ("strategy", "question", "settings")
    if "question" in values:
        yield from events_of({key: values[key] for key in start})
    changed = {key: value for key, value in values.items() if value and key not in start}
    yield from events_of({"answer": None, **changed})
