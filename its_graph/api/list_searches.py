"""Summaries of stored searches: as much as checkpoints show without building any graph."""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME
from pydantic import ValidationError

from its_graph.api.errors import parse_stored_error
from its_graph.api.restore import is_search_checkpoint, stored_request
from its_graph.api.schemas import SearchStatus, Status, question_preview

__all__ = ["SearchList"]

_FIRST_CHECKPOINT = {"source": "input", "step": -1}
"""LangGraph's metadata of the first checkpoint of a graph or a subgraph."""

_CHECKPOINTS_PER_SEARCH = 4
"""Checkpoints read per listed search: subgraphs have first checkpoints too, and so have other threads."""

_UNFINISHED_TASK_CHANNELS = {ERROR, INTERRUPT, RESUME}
"""Channels that a task writes to before it has finished."""


class SearchList:
    """The newest searches of a store. Read once, at the first call: reading takes longer the more the store holds.

    Args:
        store: the checkpointer; None if searches are only in memory.
        max_listed: maximum number of searches to list.
    """

    def __init__(self, store: BaseCheckpointSaver[Any] | None, max_listed: int) -> None:
        self._store, self._max_listed = store, max_listed
        self._summaries: dict[str, SearchStatus] | None = None

    async def newest(self) -> list[SearchStatus]:
        """Return the newest searches, as of when they were read or put here."""
        if self._summaries is None:
            stored = [] if self._store is None else await _read_summaries(self._store, self._max_listed)
            self._summaries = {summary.id: summary for summary in stored}
        return list(self._summaries.values())

    def put(self, summary: SearchStatus) -> None:
        """Add or update a search of the store; the oldest is dropped if there are too many."""
        if self._summaries is None:  # it will be read with the others
            return
        self._summaries[summary.id] = summary
        if len(self._summaries) > self._max_listed:
            del self._summaries[min(self._summaries.values(), key=lambda listed: listed.created).id]


async def _read_summaries(store: BaseCheckpointSaver[Any], max_listed: int) -> list[SearchStatus]:
    limit = max_listed * _CHECKPOINTS_PER_SEARCH
    first = [checkpoint async for checkpoint in store.alist(None, filter=_FIRST_CHECKPOINT, limit=limit)]
    configs = [checkpoint.config["configurable"] for checkpoint in first if is_search_checkpoint(checkpoint)]
    ids = dict.fromkeys(config["thread_id"] for config in configs if not config.get("checkpoint_ns"))
    newest = [await store.aget_tuple({"configurable": {"thread_id": id}}) for id in list(ids)[:max_listed]]
    summaries = (_summary(checkpoint) for checkpoint in newest if checkpoint is not None)
    return [summary for summary in summaries if summary is not None]


def _summary(newest: CheckpointTuple) -> SearchStatus | None:
    """Return the status of a search, given its newest checkpoint; None if this version cannot read its request."""
    try:
        request = stored_request(newest)
    except ValidationError:
        return None
    writes = {channel: value for _, channel, value in newest.pending_writes or ()}
    result = writes.get("result") or newest.checkpoint["channel_values"].get("result")
    error = parse_stored_error(str(writes[ERROR])) if ERROR in writes and not result else None
    status: Status = "cancelled" if error is None else "failed"
    if INTERRUPT in writes and writes.keys() <= _UNFINISHED_TASK_CHANNELS:
        status, error = "waiting", None
    return SearchStatus(
        id=newest.config["configurable"]["thread_id"],
        status="done" if result else status,
        strategy=request.strategy or "",
        model=request.model or "",
        question=question_preview(request.question),
        options=request.options,
        seed=request.seed,
        error=None if error is None else error.message,
        events=0,
        spend=result["spend"] if result else None,
        created=newest.metadata["its_created"],  # type: ignore[typeddict-item]  # our key, next to LangGraph's own
    )
