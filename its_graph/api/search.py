"""The life of one search on a server: the task that runs its graph, its status and its events."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from langgraph.types import StateSnapshot

from its_graph.api.errors import log_unexpected, parse_stored_error, to_api_error
from its_graph.api.event_log import EventLog, LoggedEvent
from its_graph.api.metrics import Metrics
from its_graph.api.model_catalog import ResolvedModel
from its_graph.api.schemas import SearchRequest, SearchStatus, Status, question_preview
from its_graph.budget import Spend, total
from its_graph.search.events import events_of
from its_graph.search.human_request import HumanRequest
from its_graph.search.result import Ledger, SearchResult, ledger

__all__ = ["Search"]

_RECURSION_LIMIT = 1_000_000
"""A search ends by its own rules and its budget, never by LangGraph's guard against endless loops."""


class Search:
    """One search.

    Args:
        id: id of the search, and of its thread in the checkpointer.
        request: the request, seed included.
        resolved: strategy and model.
        graph: the graph, compiled with a checkpointer.
        metrics: metrics of the server.
    """

    def __init__(self, id: str, request: SearchRequest, resolved: ResolvedModel, graph: Any, metrics: Metrics) -> None:
        self.id, self.request, self.resolved, self.graph = id, request, resolved, graph
        self.created = time.time()
        self.log = EventLog()
        self.status: Status = "running"
        self.human_request: HumanRequest | None = None
        self.failure: BaseException | None = None
        self.result: SearchResult | None = None
        self._charges: dict[str, Spend] = {}
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self._started_at = 0.0

    @property
    def ended(self) -> bool:
        """Whether the search has ended: done, failed or cancelled."""
        return self.status not in ("running", "waiting")

    @property
    def spend(self) -> Ledger:
        """What the search has spent so far."""
        return self.result["spend"] if self.result else ledger(total(self._charges.values()))

    @property
    def _error_message(self) -> str | None:
        return None if self.failure is None else to_api_error(self.failure).message

    def summary(self) -> SearchStatus:
        """Return the status without result and human request, and with only a preview of the question."""
        return SearchStatus(
            id=self.id,
            status=self.status,
            strategy=self.resolved.strategy.name,
            model=self.resolved.model,
            question=question_preview(self.request.question),
            options=self.request.options,
            seed=self.request.seed,
            error=self._error_message,
            events=len(self.log.events),
            spend=self.spend,
            created=self.created,
        )

    def details(self) -> SearchStatus:
        """Return the full status."""
        full = {"question": self.request.question, "result": self.result, "human_request": self.human_request}
        return self.summary().model_copy(update=full)

    @property
    def input(self) -> dict[str, Any]:
        """Input of the graph."""
        return {"messages": self.request.question}

    @property
    def config(self) -> dict[str, Any]:
        """LangGraph's configuration of every run; the request is stored with each checkpoint, to be restored from it.

        The question is left out: it may be long, and the state already holds it, once.
        """
        request = self.request.model_dump_json(exclude_defaults=True, exclude={"problem", "messages"})
        metadata = {"its_request": request, "its_created": self.created}
        return {"configurable": {"thread_id": self.id}, "recursion_limit": _RECURSION_LIMIT, "metadata": metadata}

    def start(self, graph_input: Any, on_end: Callable[[], None]) -> None:
        """Run the graph from an input, from a command, or from the last checkpoint (None).

        `on_end` is called when the run has ended in any way.
        """
        self.status, self.human_request, self.failure = "running", None, None
        self.log.reopen()
        self._started_at = time.perf_counter()
        self._metrics.record_start(self.resolved.strategy.name)
        self._task = asyncio.create_task(self._run(graph_input), name=f"search {self.id}")
        self._task.add_done_callback(lambda task: self._finish_run(task, on_end))

    async def _run(self, graph_input: Any) -> None:
        if graph_input is None:
            state = await self.graph.aget_state(self.config)
            if state.values.get("result"):  # it was cancelled after its answer
                for event in events_of({key: state.values[key] for key in ("answer", "result")}):
                    self.record_event(event)
                return
            graph_input = None if state.values else self.input  # it was cancelled before its first checkpoint
        parts = self.graph.astream(
            graph_input,
            self.config,
            context=self.request.settings,
            stream_mode="custom",
            subgraphs=True,
            version="v2",
        )
        async for part in parts:
            event = part["data"]
            if not _is_search_event(event):
                continue
            self.record_event(event)
            if event["type"] == "its.charged":
                self._metrics.record_spend(_spend(event["charge"]))
        self.human_request = _pending_request(await self.graph.aget_state(self.config))

    def _finish_run(self, task: asyncio.Task[None], on_end: Callable[[], None]) -> None:
        """Record how a run ended. A callback of the task, so it also runs for a task cancelled before it started.

        A cancellation after the answer has no effect.
        """
        on_end()
        if task.cancelled():
            status: Status = "cancelled" if self.result is None else "done"
        elif (failure := task.exception()) is not None:
            status, self.failure = "failed", failure
            log_unexpected(failure)
        else:
            status = "done" if self.human_request is None else "waiting"
        self._metrics.record_end(self.resolved.strategy.name, status, time.perf_counter() - self._started_at)
        self._set_status(status)

    def _set_status(self, status: Status) -> None:
        """Set the status of a search that no longer runs, and record the event: it waits for a person or has ended."""
        self.status = status
        if status == "waiting":
            self.record_event({"type": "its.human_requested", "request": self.human_request})
            return
        self.human_request = None
        self.record_event({"type": "its.ended", "status": status, "error": self._error_message})

    def restore(self, created: float, events: Iterable[LoggedEvent], state: StateSnapshot) -> None:
        """Take over a search from an earlier server: it is done if its answer is among its events.

        A graph without a next node proves nothing: its last node may have finished before the next step started.
        """
        self.created, self.human_request = created, _pending_request(state)
        for event in events:
            self.record_event(event)
        stored = next((str(task.error) for task in state.tasks if task.error), None)
        if self.human_request is None and self.result is None and stored is not None:
            self.failure = parse_stored_error(stored)
        ended: Status = "done" if self.result else "cancelled" if self.failure is None else "failed"
        self._set_status(ended if self.human_request is None else "waiting")

    def request_cancel(self) -> None:
        """Cancel the search, unless it has ended, without waiting for its end."""
        if self.status == "waiting":
            self._set_status("cancelled")
        elif self._task is not None:
            self._task.cancel()

    async def cancel(self) -> None:
        """Cancel the search and its model calls, and wait for its end."""
        self.request_cancel()
        await self.wait()

    def detach(self) -> None:
        """Disconnect all subscribers; the search stays in its checkpoints and can be restored from there."""
        self.log.release_subscribers()

    async def wait(self) -> None:
        """Wait for the end of the run; callbacks run in order, so the status is final by then."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def record_event(self, event: LoggedEvent) -> None:
        """Update the search from an event, and log it for subscribers."""
        if event["type"] == "its.charged":
            self._charges[event["id"]] = _spend(event["charge"])
        elif event["type"] == "its.answered":
            self.result = event["result"]
        self.log.add(event)


def _is_search_event(data: Any) -> bool:
    """Return whether an item of LangGraph's custom stream is a search event; models may write to that stream too."""
    return isinstance(data, Mapping) and str(data.get("type")).startswith("its.")


def _pending_request(state: StateSnapshot) -> HumanRequest | None:
    """Return the request that the graph waits on, if any."""
    return cast(HumanRequest, dict(state.interrupts[0].value)) if state.interrupts else None


def _spend(charge: Mapping[str, Any]) -> Spend:
    return Spend(*(charge[name] for name in Spend._fields))
