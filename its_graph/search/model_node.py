"""The one body of every node that calls a model: plan -> call -> absorb.

`plan` and `absorb` are pure, the call goes to the runnable's own batching. Whatever every call needs stands here and
nowhere else, once for sync and async: the budget (reserve the worst case, settle with real use), repeats of calls that
failed for a passing reason, after a pause, failed samples that lose only themselves, and events, sent as each reply
arrives.

Calls are made in waves. A wave holds as many calls as the budget can bear at their worst; what they did not use is
there for the next wave. Without a budget there is one wave. Admission goes by plan order, never by arrival, so that a
run repeats exactly.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.budget import NOTHING, Spend, total
from its_graph.errors import CassetteMissError, ContinuationError, InputError, MissingExtraError
from its_graph.search.calls import ModelNode, PlannedCall
from its_graph.search.events import event_emitter, token_emitter
from its_graph.search.retries import backoff_s, is_transient
from its_graph.search.state import SearchState, Update
from its_graph.search.tracing import call_configs
from its_graph.search.tree import Tree, as_charge
from its_graph.token_stream import subscribe

__all__ = ["model_node"]

_SHORTEST_S = 0.01
"""The deadline of a call that was admitted with hardly any time left: backends may take 0 for none at all."""

_CALLERS = (InputError, ContinuationError, CassetteMissError, MissingExtraError)
"""Not one call failed, but the question or the set-up: every other would fail alike."""

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


def model_node(node: ModelNode[_Request, _Reply]) -> Runnable[SearchState, Update]:
    """Return the LangGraph node, for `invoke` and `ainvoke` alike."""
    return _Node(node)


class _Node(Runnable[SearchState, Update], Generic[_Request, _Reply]):
    """The two ways to run a node. LangGraph traces it already, so it opens no run of its own."""

    def __init__(self, node: ModelNode[_Request, _Reply]) -> None:
        self.node, self.name = node, node.name

    def invoke(self, input: SearchState, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        work = _Work(self.node, Tree.for_strategy(input))
        for pause, wave in work.waves():
            if pause:
                time.sleep(pause)
            with subscribe(work.hear):
                for index, reply in self.node.model.batch_as_completed(
                    wave, work.named(config), return_exceptions=True
                ):
                    work.absorb(index, reply)
        return work.update()

    async def ainvoke(self, input: SearchState, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        work = _Work(self.node, Tree.for_strategy(input))
        for pause, wave in work.waves():
            if pause:
                await asyncio.sleep(pause)
            with subscribe(work.hear):
                async for index, reply in self.node.model.abatch_as_completed(
                    wave, work.named(config), return_exceptions=True
                ):
                    work.absorb(index, reply)
        return work.update()


class _Work(Generic[_Request, _Reply]):
    """One run of one node: what waits, what is under way, what came back."""

    def __init__(self, node: ModelNode[_Request, _Reply], tree: Tree) -> None:
        self.node, self.tree = node, tree
        self.began = time.perf_counter()
        planned = node.plan(tree)
        self.order = {key: rank for rank, call in enumerate(planned) for key in (call.id, *call.duplicates)}
        self.waiting = deque((call, 0) for call in planned)
        self.under_way: list[tuple[PlannedCall[_Request], int]] = []
        self.last_error: dict[str, Exception] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.used: list[Spend] = []
        self.deferred_cost: list[Spend] = []
        self.refused = False
        self.open: set[int] = set()
        self.heard: dict[str, int] = {}
        self._emit, self._tell = event_emitter(), token_emitter()

    def waves(self) -> Iterator[tuple[float, list[_Request]]]:
        """Yield wave after wave: seconds to wait first, and the requests.

        All replies of one wave must be absorbed before the next is asked for.
        """
        while self.waiting and (wave := self._admit()):
            self.under_way = wave
            self.open = set(range(len(wave)))
            self.heard.clear()
            pause = self._pause()
            yield pause, self._requests(pause)
            self._missing()
            # Calls to repeat came back in any order; their ids are older than those of calls not yet made.
            self.waiting = deque(sorted(self.waiting, key=lambda entry: self.order[entry[0].id]))
        self.refused = bool(self.waiting)
        for planned, attempts in self.waiting:
            if attempts:  # its id is spent: it was tried, and there is no budget to try again
                self._record(self.node.fail(planned, self.last_error[planned.id]))
        self.waiting.clear()

    def _missing(self) -> None:
        """Fail the calls that a backend never answered: an id that stays open would be handed out again."""
        for index in sorted(self.open):
            self.absorb(index, RuntimeError("The backend gave no reply."))

    def _pause(self) -> float:
        """Return the seconds to wait before this wave: none, unless it repeats calls."""
        again = [(planned.id, attempts) for planned, attempts in self.under_way if attempts]
        if not again:
            return 0.0
        attempts = max(attempts for _, attempts in again)
        seed = self.tree.seed(f"pause:{again[0][0]}:{attempts}")
        pause = backoff_s(attempts, [self.last_error[key] for key, _ in again], seed)
        left = self._seconds_left()
        return pause if left is None else min(pause, left / 2)  # half of it at least is for the calls

    def _requests(self, pause: float) -> list[_Request]:
        requests = [planned.request for planned, _ in self.under_way]
        left = self._seconds_left()
        if left is None:
            return requests
        return [self.node.with_timeout(request, max(left - pause, _SHORTEST_S)) for request in requests]

    def named(self, config: RunnableConfig | None) -> list[RunnableConfig] | None:
        """Return what tracers are told of each call under way."""
        return call_configs(config, self.node.name, self.tree.strategy, [planned.id for planned, _ in self.under_way])

    def _seconds_left(self) -> float | None:
        limit = self.tree.settings.budget.seconds
        return None if limit is None else max(limit - self._spent().seconds, 0.0)

    def _admit(self) -> list[tuple[PlannedCall[_Request], int]]:
        """Take as many waiting calls as fit into the budget at their worst, in order."""
        budget = self.tree.settings.budget
        wave: list[tuple[PlannedCall[_Request], int]] = []
        if not budget.limited:
            wave, self.waiting = list(self.waiting), deque()
            return wave
        held = total([self._spent(), *self.deferred_cost, self._held()])
        if budget.seconds is not None and held.seconds >= budget.seconds:
            return wave
        while self.waiting:
            planned, attempts = self.waiting[0]
            try:
                fitting = self._fit(planned, held, alone=not wave)
            except _CALLERS:
                raise
            except Exception as error:  # noqa: BLE001  a price is a model's own code; what raises there fails one call
                self.waiting.popleft()
                self._record(self.node.fail(planned, _unpriced(error)))
                continue
            if fitting is None:
                break
            self.waiting.popleft()
            call, held = fitting
            wave.append((call, attempts))
        return wave

    def _fit(
        self, planned: PlannedCall[_Request], held: Spend, *, alone: bool
    ) -> tuple[PlannedCall[_Request], Spend] | None:
        """Return a call that the budget can bear, and what is held with it; the first of a wave may be made smaller."""
        allows = self.tree.settings.budget.allows
        if allows(after := held.plus(self.node.price(planned.request))):
            return planned, after
        if not alone:
            return None
        smaller = self.node.fit_budget(planned, lambda ask: allows(held.plus(self.node.price(ask))))
        return None if smaller is None else (smaller, held.plus(self.node.price(smaller.request)))

    def _held(self) -> Spend:
        """Return what is kept for later work; work whose price is unknown will not be done, so nothing is kept."""
        try:
            return self.node.hold(self.tree)
        except _CALLERS:
            raise
        except Exception:  # noqa: BLE001  as with the price of a call
            return NOTHING

    def hear(self, key: str, text: str) -> None:
        """Tell on what a call writes; one that is repeated begins anew."""
        at = self.heard.get(key, 0)
        self.heard[key] = at + len(text)
        self._tell(key, at, text)

    def absorb(self, index: int, reply: _Reply | Exception) -> None:
        """Turn one reply, or the error that came instead, into records and events."""
        planned, attempts = self.under_way[index]
        self.open.discard(index)
        if not isinstance(reply, Exception):
            absorbed = self.node.absorb(self.tree, planned, reply)
            self.used.append(absorbed.spend)
            self.deferred_cost.append(absorbed.deferred_cost)
            self._record(absorbed.update)
            self.node.ahead(self.tree, absorbed.update)
            return
        if isinstance(reply, _CALLERS):
            raise reply
        self.used.append(Spend(calls=1))
        self.last_error[planned.id] = reply
        if is_transient(reply) and attempts < self.tree.settings.retries:
            self.waiting.append((planned, attempts + 1))
        else:
            self._record(self.node.fail(planned, reply))

    def _record(self, update: Update) -> None:
        for log, records in update.items():
            self.records.setdefault(log, {}).update(records)
        self._emit(update)

    def _spent(self) -> Spend:
        return total([self.tree.spend, *self.used, Spend(seconds=time.perf_counter() - self.began)])

    def update(self) -> Update:
        """Return everything that happened as the node's update, records in the order of their ids."""
        logs = {
            log: dict(sorted(records.items(), key=lambda item: self.order[item[0]]))
            for log, records in self.records.items()
        }
        seconds = time.perf_counter() - self.began
        charge = as_charge(self.node.name, total([*self.used, Spend(seconds=seconds)]))
        last: Update = {"charges": {str(len(self.tree.charges)): charge}}
        last |= self.node.close(self.tree, list(logs.get("steps", {})))
        if self.refused and self.tree.stop_reason is None:
            last["stop_reason"] = "budget"
        self._emit(last)
        return logs | last


def _unpriced(error: Exception) -> RuntimeError:
    reason = f"{type(error).__name__}: {error}"
    return RuntimeError(f"The call has no known price, so it was not made under a budget: {reason}")
