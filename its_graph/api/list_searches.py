"""The searches that a store holds, at a glance: as much as can be read without building any of them again."""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME
from pydantic import ValidationError

from its_graph.api.errors import parse_stored_error
from its_graph.api.restore import is_search_checkpoint, stored_request
from its_graph.api.schemas import SearchStatus, Status, question_preview

__all__ = ["SearchList"]

_FIRST = {"source": "input", "step": -1}
"""What LangGraph says of the first checkpoint of a graph, be it a search or a part of one."""

_SPARE = 4
"""As many times more checkpoints are looked at as searches are wanted: parts have them too, and threads of others."""

_CONTROL = {ERROR, INTERRUPT, RESUME}
"""What is written of a task that has not finished."""


class SearchList:
    """The newest searches of a store. It is read once, when it is first asked for: that takes longer the more it holds.

    Args:
        store: where they are kept; None where nothing outlives its server.
        most: how many are listed.
    """

    def __init__(self, store: BaseCheckpointSaver[Any] | None, most: int) -> None:
        self._store, self._most = store, most
        self._told: dict[str, SearchStatus] | None = None

    async def newest(self) -> list[SearchStatus]:
        """Return them, as they stood when they were read or put here."""
        if self._told is None:
            self._told = {} if self._store is None else {one.id: one for one in await _stored(self._store, self._most)}
        return list(self._told.values())

    def put(self, search: SearchStatus) -> None:
        """Take note of how a search of the store stands; the oldest makes room for it."""
        if self._told is None:  # it will be read with the others
            return
        self._told[search.id] = search
        if len(self._told) > self._most:
            del self._told[min(self._told.values(), key=lambda one: one.created).id]


async def _stored(checkpointer: BaseCheckpointSaver[Any], most: int) -> list[SearchStatus]:
    found = [one async for one in checkpointer.alist(None, filter=_FIRST, limit=most * _SPARE)]
    begun = [one.config["configurable"] for one in found if is_search_checkpoint(one)]
    ids = dict.fromkeys(one["thread_id"] for one in begun if not one.get("checkpoint_ns"))
    newest = [await checkpointer.aget_tuple({"configurable": {"thread_id": id}}) for id in list(ids)[:most]]
    return [told for one in newest if one is not None and (told := _glance(one)) is not None]


def _glance(newest: CheckpointTuple) -> SearchStatus | None:
    """Return where a search stands, given its newest checkpoint; None where no version of today can read it."""
    try:
        request = stored_request(newest)
    except ValidationError:
        return None
    written = {channel: value for _, channel, value in newest.pending_writes or ()}
    result = written.get("result") or newest.checkpoint["channel_values"].get("result")
    error = parse_stored_error(str(written[ERROR])) if ERROR in written and not result else None
    status: Status = "cancelled" if error is None else "failed"
    if INTERRUPT in written and written.keys() <= _CONTROL:
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
        created=newest.metadata["its_created"],  # type: ignore[typeddict-item]  # ours, beside LangGraph's own
    )
