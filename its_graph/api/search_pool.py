"""All searches of a server: started, restored, steered, evicted; with a limit on how many run at once."""

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
from its_graph.api.restore import load_checkpoint, restore_search
from its_graph.api.schemas import SearchRequest, SearchStatus
from its_graph.api.search import Search
from its_graph.contracts import SampleRequest
from its_graph.nodes.rules.steering import APPROVE

__all__ = ["SearchPool"]


class SearchPool:
    """The searches of a server by id, newest last.

    A search that is only in memory ends when it is evicted; one in the store can be restored.

    Args:
        catalog: available models and strategies.
        store: checkpointer for the state of searches; None uses memory.
        limit: limit on concurrent searches.
        max_retained: maximum number of searches held; over it, the oldest that does not run is evicted, preferably one
            that has ended.
        metrics: metrics of the server.
    """

    def __init__(
        self,
        catalog: ModelCatalog,
        store: BaseCheckpointSaver[Any] | None,
        limit: ConcurrencyLimit,
        max_retained: int,
        metrics: Metrics,
    ) -> None:
        self._catalog, self._limit, self._max_retained, self._metrics = catalog, limit, max_retained, metrics
        self._memory = InMemorySaver()
        self._store = self._memory if store is None else store
        self._memory_graphs = GraphCache(catalog, self._memory)
        self._store_graphs = self._memory_graphs if store is None else GraphCache(catalog, store)
        self._searches: dict[str, Search] = {}
        self._stored_list = SearchList(store, max_retained)
        self._deleted: set[str] = set()
        """Ids of deleted searches, for requests that were restoring them at the same time."""

    async def start(self, request: SearchRequest) -> Search:
        """Start a search and keep its state in the store.

        Raises:
            ApiError: the request is invalid, or a limit is reached.
            ItsGraphError: the strategy or the model rejects the request.
        """
        return await self._start(request, self._store_graphs)

    async def start_in_memory(self, request: SearchRequest) -> Search:
        """Start a search and keep its state in memory, even if there is a store.

        Raises:
            ApiError: as for `start`.
            ItsGraphError: as for `start`.
        """
        return await self._start(request, self._memory_graphs)

    async def _start(self, request: SearchRequest, graphs: GraphCache) -> Search:
        resolved = self._catalog.resolve(request.strategy, request.model)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        explicit = {"seed": seed, "strategy": resolved.strategy.name, "model": resolved.model}
        search = self._create(uuid4().hex, request.model_copy(update=explicit), graphs)
        # Counting tokens is enough for a generator to reject a question that it does not support (InputError). It runs
        # in a thread, because long questions take a while.
        sample_request = SampleRequest(messages=tuple(request.question))
        await asyncio.to_thread(resolved.served.generator.prompt_tokens, sample_request)
        all_running = all(search.status == "running" for search in self._searches.values())
        if len(self._searches) >= self._max_retained and all_running:
            raise too_many_searches(f"All {self._max_retained} retained searches are running. Retry later.")
        self._run(search, search.input)
        return self._retain(search)

    async def list_newest(self) -> list[SearchStatus]:
        """Return summaries of the retained searches, then of stored ones, up to `max_retained`, newest first."""
        stored = await self._stored_list.newest()
        retained = [search.summary() for search in reversed(self._searches.values())]
        unloaded = [
            summary for summary in stored if summary.id not in self._searches and summary.id not in self._deleted
        ]
        return _newest_first(retained + _newest_first(unloaded)[: max(self._max_retained - len(retained), 0)])

    async def get(self, id: str) -> Search:
        """Return a search, restored from the store if needed.

        Raises:
            ApiError: there is no search with this id.
        """
        if id in self._searches:
            return self._searches[id]
        search = await restore_search(
            self._store, id, lambda id, request: self._create(id, request, self._store_graphs)
        )
        if search is None or id in self._deleted:
            raise _unknown(id)
        return self._retain(search)

    def resume(self, search: Search) -> None:
        """Continue a failed or cancelled search from its last checkpoint."""
        if search.status not in ("failed", "cancelled"):
            raise ApiError(409, f"The search is {search.status}. Only failed or cancelled searches can be resumed.")
        self._run(search, None)

    async def steer(self, search: Search, reply: dict[str, Any]) -> None:
        """Reply to a search that waits for a person.

        Raises:
            ApiError: the search is not waiting, or the reply is invalid; then it still waits.
        """
        if search.status != "waiting":
            raise ApiError(409, f"The search is {search.status}. Only waiting searches accept a reply.")
        next_event = len(search.log.events)
        self._run(search, Command(resume=reply or APPROVE))
        event = await search.log.wait_for(next_event)
        if event["type"] == "its.human_requested" and event["request"].get("error"):
            raise ApiError(422, event["request"]["error"], code="invalid_reply")

    async def delete(self, id: str) -> None:
        """Cancel a search and delete it, also from the store, even if this server could not run it.

        Raises:
            ApiError: there is no search with this id.
        """
        search = self._searches.get(id)
        if search is None and await load_checkpoint(self._store, id) is None:
            raise _unknown(id)
        self._deleted.add(id)
        self._searches.pop(id, None)
        if search is not None:
            await search.cancel()
        await (self._store if search is None else search.graph.checkpointer).adelete_thread(id)

    async def close(self) -> None:
        """Reject new searches and cancel those that have not ended."""
        self._limit.close()
        await asyncio.gather(*(search.cancel() for search in self._searches.values() if not search.ended))

    def _create(self, id: str, request: SearchRequest, graphs: GraphCache) -> Search:
        resolved = self._catalog.resolve(request.strategy, request.model)
        return Search(id, request, resolved, graphs.get(resolved, request), self._metrics)

    def _run(self, search: Search, graph_input: Any) -> None:
        self._limit.acquire()
        search.start(graph_input, self._limit.release)

    def _retain(self, search: Search) -> Search:
        """Hold a search and evict another one if there are too many; of two restored concurrently the first is kept."""
        retained = self._searches.setdefault(search.id, search)
        evictable = [other for other in self._searches.values() if other.status != "running" and other is not retained]
        if len(self._searches) > self._max_retained and evictable:
            evicted = min(evictable, key=lambda other: not other.ended)  # the oldest ended one, else the oldest waiting
            del self._searches[evicted.id]
            self._release(evicted)
        return retained

    def _release(self, search: Search) -> None:
        """Release an evicted search: one that is only in memory ends here."""
        if search.graph.checkpointer is not self._memory:
            search.detach()
            self._stored_list.put(search.summary())
            return
        search.request_cancel()
        self._memory.delete_thread(search.id)


def _unknown(id: str) -> ApiError:
    return ApiError(404, f"There is no search {id!r}. GET /search lists the available ones.", param="id")


def _newest_first(summaries: list[SearchStatus]) -> list[SearchStatus]:
    return sorted(summaries, key=lambda summary: summary.created, reverse=True)
