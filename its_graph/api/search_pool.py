"""All searches of a server: begun, found again, answered, ended; and how many may run at once."""

import asyncio
import secrets
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from its_graph.api.concurrency_limit import ConcurrencyLimit, too_many_searches
from its_graph.api.errors import ApiError
from its_graph.api.graph_cache import GraphCache
from its_graph.api.list_searches import SearchList
from its_graph.api.metrics import Metrics
from its_graph.api.model_catalog import ModelCatalog
from its_graph.api.restore import restore_search, load_checkpoint
from its_graph.api.schemas import SearchRequest, SearchStatus
from its_graph.api.search import Search
from its_graph.contracts import SampleRequest
from its_graph.nodes.rules.steering import APPROVE

__all__ = ["SearchPool"]


class SearchPool:
    """The searches of a server by their ids, newest last.

    What is kept in memory is there for as long as it is remembered; what is kept in a store is found there again.

    Args:
        menu: what can be asked for.
        store: keeps what a search needs to go on; memory unless given.
        slots: how many may run at once.
        keep: how many are remembered; the oldest that does not run makes room, best one that is over.
        metrics: what is counted.
    """

    def __init__(
        self,
        menu: ModelCatalog,
        store: BaseCheckpointSaver[Any] | None,
        slots: ConcurrencyLimit,
        keep: int,
        metrics: Metrics,
    ) -> None:
        self._menu, self._slots, self._keep, self._metrics = menu, slots, keep, metrics
        self._memory = InMemorySaver()
        self._store = self._memory if store is None else store
        self._passing = GraphCache(menu, self._memory)
        self._lasting = self._passing if store is None else GraphCache(menu, store)
        self._known: dict[str, Search] = {}
        self._listing = SearchList(store, keep)
        self._deleted: set[str] = set()
        """Ids of what was deleted, for those who were looking for it at the same time."""

    async def begin(self, request: SearchRequest) -> Search:
        """Start a search that is kept.

        Raises:
            ApiError: it cannot be carried out as asked for, or there is no room.
            ItsGraphError: its strategy or its model refuses it.
        """
        return await self._begin(request, self._lasting)

    async def answer(self, request: SearchRequest) -> Search:
        """Start a search for the sake of its answer: it is kept in memory, whatever store there is.

        Raises:
            ApiError: as with `begin`.
            ItsGraphError: as with `begin`.
        """
        return await self._begin(request, self._passing)

    async def _begin(self, request: SearchRequest, graphs: GraphCache) -> Search:
        choice = self._menu.choose(request.strategy, request.model)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        known = {"seed": seed, "strategy": choice.strategy.name, "model": choice.model}
        search = self._search(uuid4().hex, request.model_copy(update=known), graphs)
        # Counting is enough for a generator to refuse a question that it was not made for (InputError); as a long one
        # takes it a while, it does so beside the loop.
        asked = SampleRequest(messages=tuple(request.question))
        await asyncio.to_thread(choice.served.generator.prompt_tokens, asked)
        if len(self._known) >= self._keep and all(one.status == "running" for one in self._known.values()):
            raise too_many_searches(f"{self._keep} searches run, and no more are remembered.")
        self._run(search, search.input)
        return self._remember(search)

    async def newest_first(self) -> list[SearchStatus]:
        """Return at a glance all that are remembered, and of those in the store as many as there is room for."""
        stored = await self._listing.newest()
        known = [search.brief() for search in reversed(self._known.values())]
        unknown = [one for one in stored if one.id not in self._known and one.id not in self._deleted]
        told = known + _newest_first(unknown)[: max(self._keep - len(known), 0)]
        return _newest_first(told)

    async def find(self, id: str) -> Search:
        """Return a search.

        Raises:
            ApiError: there is none of that id.
        """
        if id in self._known:
            return self._known[id]
        search = await restore_search(self._store, id, lambda id, request: self._search(id, request, self._lasting))
        if search is None or id in self._deleted:
            raise _unknown(id)
        return self._remember(search)

    def resume(self, search: Search) -> None:
        """Go on from the last checkpoint of a search that failed or was cancelled."""
        if search.status not in ("failed", "cancelled"):
            raise ApiError(409, f"The search is {search.status}: only one that failed or was cancelled can be resumed.")
        self._run(search, None)

    async def steer(self, search: Search, reply: dict[str, Any]) -> None:
        """Answer the search that waits.

        Raises:
            ApiError: it does not wait, or cannot use the reply; it then still waits.
        """
        if search.status != "waiting":
            raise ApiError(409, f"The search is {search.status}: it waits for nobody's answer.")
        place = len(search.log.events)
        self._run(search, Command(resume=reply or APPROVE))
        told = await search.log.event(place)
        if told["type"] == "its.human_requested" and told["request"].get("problem"):
            raise ApiError(422, told["request"]["problem"], code="unusable_reply")

    async def delete(self, id: str) -> None:
        """End a search, forget it, and take it out of the store, be it one that this server could not run.

        Raises:
            ApiError: there is none of that id.
        """
        search = self._known.get(id)
        if search is None and await load_checkpoint(self._store, id) is None:
            raise _unknown(id)
        self._deleted.add(id)
        self._known.pop(id, None)
        if search is not None:
            await search.cancel()
        await (self._store if search is None else search.graph.checkpointer).adelete_thread(id)

    async def close(self) -> None:
        """Take no more searches and end those that run."""
        self._slots.close()
        await asyncio.gather(*(search.cancel() for search in self._known.values() if not search.over))

    def _search(self, id: str, request: SearchRequest, graphs: GraphCache) -> Search:
        choice = self._menu.choose(request.strategy, request.model)
        return Search(id, request, choice, graphs.of(choice, request), self._metrics)

    def _run(self, search: Search, given: Any) -> None:
        self._slots.take()
        search.run(given, self._slots.give)

    def _remember(self, search: Search) -> Search:
        """Keep a search, and drop another if there is one too many; of two found at the same time the first stays."""
        kept = self._known.setdefault(search.id, search)
        idle = [one for one in self._known.values() if one.status != "running" and one is not kept]
        if len(self._known) > self._keep and idle:
            dropped = min(idle, key=lambda one: not one.over)  # the oldest that is over, else the oldest that waits
            del self._known[dropped.id]
            self._forget(dropped)
        return kept

    def _forget(self, search: Search) -> None:
        """Let go of a search: one that nothing but memory holds ends here."""
        if search.graph.checkpointer is not self._memory:
            search.leave()
            self._listing.put(search.brief())
            return
        search.abandon()
        self._memory.delete_thread(search.id)


def _unknown(id: str) -> ApiError:
    return ApiError(404, f"There is no search {id!r}. GET /search lists those that are remembered.", param="id")


def _newest_first(searches: list[SearchStatus]) -> list[SearchStatus]:
    return sorted(searches, key=lambda one: one.created, reverse=True)
