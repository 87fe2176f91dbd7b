"""The executor of every node that calls a model: plan, call, absorb.

`plan` and `absorb` are pure; calls go through the runnable's own batching. Everything that all calls need is here, once
for sync and async: the budget (reserve the worst case, settle the actual cost), retries of transient failures after a
backoff, isolation of failed samples, and events, sent as each reply arrives.

Calls are made in waves. A wave holds as many calls as the budget can cover at their worst; what they do not use is
available to the next wave. Without a budget there is one wave. Calls are admitted in plan order, never in order of
arrival, so that a run is reproducible. The logger `its_graph` reports waves, retries and refusals at level DEBUG.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
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

_LOG = logging.getLogger("its_graph")
_SHORTEST_TIMEOUT_S = 0.01
"""The deadline of a call admitted with almost no time left: some backends read 0 as no deadline."""

_FATAL = (InputError, ContinuationError, CassetteMissError, MissingExtraError)
"""Errors of the question or the setup rather than of one call: every other call would fail alike."""

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


def model_node(node: ModelNode[_Request, _Reply]) -> Runnable[SearchState, Update]:
    """Return the LangGraph node, for `invoke` and `ainvoke` alike."""
    return _NodeRunnable(node)


class _NodeRunnable(Runnable[SearchState, Update], Generic[_Request, _Reply]):
    """The two ways to run a node. LangGraph already traces it, so it opens no run of its own."""

    def __init__(self, node: ModelNode[_Request, _Reply]) -> None:
        self.node, self.name = node, node.name

    def invoke(self, input: SearchState, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        run = _NodeRun(self.node, Tree.for_strategy(input))
        for backoff, wave in run.waves():
            if backoff:
                time.sleep(backoff)
            with subscribe(run.on_token):
                for index, reply in self.node.model.batch_as_completed(
                    wave, run.call_configs(config), return_exceptions=True
                ):
                    run.absorb(index, reply)
        return run.update()

    async def ainvoke(self, input: SearchState, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        run = _NodeRun(self.node, Tree.for_strategy(input))
        for backoff, wave in run.waves():
            if backoff:
                await asyncio.sleep(backoff)
            with subscribe(run.on_token):
                async for index, reply in self.node.model.abatch_as_completed(
                    wave, run.call_configs(config), return_exceptions=True
                ):
                    run.absorb(index, reply)
        return run.update()


class _NodeRun(Generic[_Request, _Reply]):
    """One run of one node: the calls that are waiting, the wave in flight, and what has come back."""

    def __init__(self, node: ModelNode[_Request, _Reply], tree: Tree) -> None:
        self.node, self.tree = node, tree
        self.started = time.perf_counter()
        planned = node.plan(tree)
        self.order = {key: rank for rank, call in enumerate(planned) for key in (call.id, *call.duplicates)}
        self.waiting = deque((call, 0) for call in planned)
        self.in_flight: list[tuple[PlannedCall[_Request], int]] = []
        self.unanswered: set[int] = set()
        self.last_error: dict[str, Exception] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.used: list[Spend] = []
        self.deferred_costs: list[Spend] = []
        self.refused = False
        self.characters_sent: dict[str, int] = {}
        self._emit, self._emit_token = event_emitter(), token_emitter()

    def waves(self) -> Iterator[tuple[float, list[_Request]]]:
        """Yield one wave after another: seconds to wait first, and the requests.

        All replies of one wave must be absorbed before the next wave is requested.
        """
        while self.waiting and (wave := self._admit()):
            self.in_flight = wave
            self.unanswered = set(range(len(wave)))
            self.characters_sent.clear()
            self._log_calls("admitted", (planned.id for planned, _ in wave))
            backoff = self._backoff()
            yield backoff, self._requests(backoff)
            self._fail_unanswered()
            # Retries were queued in order of arrival; their ids are older than those of calls not yet made.
            self.waiting = deque(sorted(self.waiting, key=lambda waiting: self.order[waiting[0].id]))
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        """Drop the calls that the budget does not allow."""
        self.refused = bool(self.waiting)
        if self.refused:
            self._log_calls("refused", (planned.id for planned, _ in self.waiting))
        for planned, attempts in self.waiting:
            if attempts:  # its id is used up: it was tried, and there is no budget to retry it
                self._record(self.node.fail(planned, self.last_error[planned.id]))
        self.waiting.clear()

    def _fail_unanswered(self) -> None:
        """Fail the calls that a backend never answered: an id without a record would be assigned again."""
        for index in sorted(self.unanswered):
            self.absorb(index, RuntimeError("The backend returned no reply."))

    def _backoff(self) -> float:
        """Return the seconds to wait before this wave: none unless it retries calls."""
        retried = [(planned.id, attempts) for planned, attempts in self.in_flight if attempts]
        if not retried:
            return 0.0
        attempts = max(attempts for _, attempts in retried)
        seed = self.tree.seed(f"pause:{retried[0][0]}:{attempts}")
        backoff = backoff_s(attempts, [self.last_error[key] for key, _ in retried], seed)
        left = self._seconds_left()
        return backoff if left is None else min(backoff, left / 2)  # at least half of the time is for the calls

    def _requests(self, backoff: float) -> list[_Request]:
        requests = [planned.request for planned, _ in self.in_flight]
        left = self._seconds_left()
        if left is None:
            return requests
        timeout_s = max(left - backoff, _SHORTEST_TIMEOUT_S)
        return [self.node.with_timeout(request, timeout_s) for request in requests]

    def call_configs(self, config: RunnableConfig | None) -> list[RunnableConfig] | None:
        """Return the configs that name each call in flight for tracers."""
        return call_configs(config, self.node.name, self.tree.strategy, [planned.id for planned, _ in self.in_flight])

    def _seconds_left(self) -> float | None:
        limit = self.tree.settings.budget.seconds
        return None if limit is None else max(limit - self._spent().seconds, 0.0)

    def _admit(self) -> list[tuple[PlannedCall[_Request], int]]:
        """Take as many waiting calls, in order, as the budget can cover at their worst."""
        budget = self.tree.settings.budget
        wave: list[tuple[PlannedCall[_Request], int]] = []
        if not budget.limited:
            wave, self.waiting = list(self.waiting), deque()
            return wave
        reserved = total([self._spent(), *self.deferred_costs, self._reserved_for_later()])
        if budget.seconds is not None and reserved.seconds >= budget.seconds:
            return wave
        while self.waiting:
            planned, attempts = self.waiting[0]
            try:
                admitted = self._fit(planned, reserved, alone=not wave)
            except _FATAL:
                raise
            except Exception as error:  # noqa: BLE001  pricing runs a model's own code; an error there fails one call
                self.waiting.popleft()
                self._record(self.node.fail(planned, _unpriced(error)))
                continue
            if admitted is None:
                break
            self.waiting.popleft()
            call, reserved = admitted
            wave.append((call, attempts))
        return wave

    def _fit(
        self, planned: PlannedCall[_Request], reserved: Spend, *, alone: bool
    ) -> tuple[PlannedCall[_Request], Spend] | None:
        """Return a call that the budget covers, and all that is reserved with it; the first of a wave may shrink."""
        allows = self.tree.settings.budget.allows
        if allows(after := reserved.plus(self.node.price(planned.request))):
            return planned, after
        if not alone:
            return None
        smaller = self.node.fit_budget(planned, lambda request: allows(reserved.plus(self.node.price(request))))
        return None if smaller is None else (smaller, reserved.plus(self.node.price(smaller.request)))

    def _reserved_for_later(self) -> Spend:
        """Return what later nodes need; work that cannot be priced is never done, so nothing is reserved for it."""
        try:
            return self.node.reserve(self.tree)
        except _FATAL:
            raise
        except Exception:  # noqa: BLE001  as with the price of a call
            return NOTHING

    def on_token(self, key: str, text: str) -> None:
        """Emit new text of a call; a retried call starts again at 0."""
        at = self.characters_sent.get(key, 0)
        self.characters_sent[key] = at + len(text)
        self._emit_token(key, at, text)

    def absorb(self, index: int, reply: _Reply | Exception) -> None:
        """Turn one reply, or the error in its place, into records and events."""
        planned, attempts = self.in_flight[index]
        self.unanswered.discard(index)
        if not isinstance(reply, Exception):
            absorbed = self.node.absorb(self.tree, planned, reply)
            self.used.append(absorbed.spend)
            self.deferred_costs.append(absorbed.deferred_cost)
            self._record(absorbed.update)
            self.node.prefetch(self.tree, absorbed.update)
            return
        if isinstance(reply, _FATAL):
            raise reply
        self.used.append(Spend(calls=1))
        self.last_error[planned.id] = reply
        if is_transient(reply) and attempts < self.tree.settings.retries:
            self.waiting.append((planned, attempts + 1))
            _LOG.debug("%s: retrying call %s (attempt %d failed: %r)", self.node.name, planned.id, attempts + 1, reply)
        else:
            self._record(self.node.fail(planned, reply))

    def _record(self, update: Update) -> None:
        for log, records in update.items():
            self.records.setdefault(log, {}).update(records)
        self._emit(update)

    def _spent(self) -> Spend:
        return total([self.tree.spend, *self.used, Spend(seconds=time.perf_counter() - self.started)])

    def _log_calls(self, event: str, ids: Iterable[str]) -> None:
        if _LOG.isEnabledFor(logging.DEBUG):
            calls, left = list(ids), self.tree.settings.budget.left(self._spent())
            budget = ", ".join(f"{name}={amount:g}" for name, amount in left.items()) or "unlimited"
            _LOG.debug(
                "%s: %s %d calls (%s); budget left: %s", self.node.name, event, len(calls), ", ".join(calls), budget
            )

    def update(self) -> Update:
        """Return everything that happened as the node's update, records in the order of their ids."""
        logs = {
            log: dict(sorted(records.items(), key=lambda item: self.order[item[0]]))
            for log, records in self.records.items()
        }
        seconds = time.perf_counter() - self.started
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
