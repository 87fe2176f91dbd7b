"""All searches of a server: begun, found again, answered, ended; and how many may run at once."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from its_graph.api.errors import ApiError
from its_graph.api.graphs import Graphs
from its_graph.api.menu import Menu
from its_graph.api.metrics import Metrics
from its_graph.api.recall import recall
from its_graph.api.search import Search
from its_graph.api.slots import Slots, busy
from its_graph.api.wire import SearchRequest
from its_graph.contracts import SampleRequest
from its_graph.nodes.steering import APPROVE

__all__ = ["Searches"]


class Searches:
    """The searches of a server by their ids, newest last.

    Args:
        menu: what can be asked for.
        checkpointer: keeps what a search needs to go on.
        forget: called with a search that is dropped.
        slots: how many may run at once.
        keep: how many are remembered; the oldest that does not run makes room, best one that is over.
        metrics: what is counted.
    """

    def __init__(
        self,
        menu: Menu,
        checkpointer: BaseCheckpointSaver[Any],
        forget: Callable[[Search], None],
        slots: Slots,
        keep: int,
        metrics: Metrics,
    ) -> None:
        self._menu, self._checkpointer, self._forget = menu, checkpointer, forget
        self._slots, self._keep, self._metrics = slots, keep, metrics
        self._graphs = Graphs(menu, checkpointer)
        self._known: dict[str, Search] = {}

    async def begin(self, request: SearchRequest) -> Search:
        """Start a search.

        Raises:
            ApiError: it cannot be carried out as asked for, or there is no room.
            ItsGraphError: its strategy or its model refuses it.
        """
        choice = self._menu.choose(request.strategy, request.model)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        known = {"seed": seed, "strategy": choice.strategy.name, "model": choice.model}
        search = self._search(uuid4().hex, request.model_copy(update=known))
        # Counting is enough for a generator to refuse a question that it was not made for (InputError); as a long one
        # takes it a while, it does so beside the loop.
        asked = SampleRequest(messages=tuple(request.question))
        await asyncio.to_thread(choice.served.generator.prompt_tokens, asked)
        if len(self._known) >= self._keep and all(one.status == "running" for one in self._known.values()):
            raise busy(f"{self._keep} searches run, and no more are remembered.")
        self._run(search, search.input)
        return self._remember(search)

    def newest_first(self) -> list[Search]:
        """Return all that are remembered."""
        return list(self._known.values())[::-1]

    async def find(self, id: str) -> Search:
        """Return a search.

        Raises:
            ApiError: there is none of that id.
        """
        if id in self._known:
            return self._known[id]
        if (search := await recall(self._checkpointer, id, self._search)) is None:
            raise ApiError(404, f"There is no search {id!r}. GET /search lists those that are remembered.", param="id")
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
        if told["type"] == "its.asked" and told["ask"].get("problem"):
            raise ApiError(422, told["ask"]["problem"], code="unusable_reply")

    async def close(self) -> None:
        """Take no more searches and end those that run."""
        self._slots.close()
        await asyncio.gather(*(search.cancel() for search in self._known.values() if not search.over))

    def _search(self, id: str, request: SearchRequest) -> Search:
        choice = self._menu.choose(request.strategy, request.model)
        return Search(id, request, choice, self._graphs.of(choice, request), self._metrics)

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
