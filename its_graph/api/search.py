"""The life of one search on a server: a task that runs its graph, and where it stands."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from langgraph.types import StateSnapshot

from its_graph.api.errors import to_api_error, log_unexpected, parse_stored_error
from its_graph.api.event_log import EventLog, LoggedEvent
from its_graph.api.metrics import Metrics
from its_graph.api.model_catalog import ResolvedModel
from its_graph.api.schemas import SearchRequest, SearchStatus, Status, question_preview
from its_graph.budget import Spend, total
from its_graph.search.events import events_of

__all__ = ["Search"]

_SUPERSTEPS = 1_000_000
"""A search ends by its own rules and its budget, never by LangGraph's guard against endless loops."""


class Search:
    """One search.

    Args:
        id: its name, and that of its thread in the checkpointer.
        request: what was asked for, seed included.
        choice: strategy and model.
        graph: compiled with a checkpointer.
        metrics: what is counted.
    """

    def __init__(self, id: str, request: SearchRequest, choice: ResolvedModel, graph: Any, metrics: Metrics) -> None:
        self.id, self.request, self.choice, self.graph = id, request, choice, graph
        self.created = time.time()
        self.log = EventLog()
        self.status: Status = "running"
        self.human_request: dict[str, Any] | None = None
        self.failure: BaseException | None = None
        self.result: dict[str, Any] | None = None
        self._charges: dict[str, Spend] = {}
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status not in ("running", "waiting")

    @property
    def spend(self) -> dict[str, Any]:
        """What it has spent so far."""
        return self.result["spend"] if self.result else total(self._charges.values())._asdict()

    def brief(self) -> SearchStatus:
        """Return where it stands at a glance: the beginning of the question, neither result nor ask."""
        return SearchStatus(
            id=self.id,
            status=self.status,
            strategy=self.choice.strategy.name,
            model=self.choice.model,
            question=question_preview(self.request.question),
            options=self.request.options,
            seed=self.request.seed,
            error=None if self.failure is None else to_api_error(self.failure).message,
            events=len(self.log.events),
            spend=self.spend,
            created=self.created,
        )

    def full(self) -> SearchStatus:
        """Return where it stands."""
        whole = {"question": self.request.question, "result": self.result, "human_request": self.human_request}
        return self.brief().model_copy(update=whole)

    @property
    def input(self) -> dict[str, Any]:
        """What the graph begins with."""
        return {"messages": self.request.question}

    @property
    def config(self) -> dict[str, Any]:
        """LangGraph's configuration of every run; the request stands beside each checkpoint, to be found with it.

        The question is no part of that: it may be long, and stands in the state, once.
        """
        request = self.request.model_dump_json(exclude_defaults=True, exclude={"problem", "messages"})
        metadata = {"its_request": request, "its_created": self.created}
        return {"configurable": {"thread_id": self.id}, "recursion_limit": _SUPERSTEPS, "metadata": metadata}

    def run(self, given: Any, when_over: Callable[[], None]) -> None:
        """Begin with an input, or go on with a command, or from the last checkpoint with None.

        `when_over` is called when the run has ended in any way.
        """
        self.status, self.human_request, self.failure = "running", None, None
        self.log.reopen()
        self._began = time.perf_counter()
        self._metrics.started(self.choice.strategy.name)
        self._task = asyncio.create_task(self._run(given), name=f"search {self.id}")
        self._task.add_done_callback(lambda task: self._settle(task, when_over))

    async def _run(self, given: Any) -> None:
        if given is None:
            state = await self.graph.aget_state(self.config)
            if state.values.get("result"):  # it was cancelled behind its answer
                for event in events_of({key: state.values[key] for key in ("answer", "result")}):
                    self.tell(event)
                return
            given = None if state.values else self.input  # it was cancelled before its first checkpoint
        parts = self.graph.astream(
            given,
            self.config,
            context=self.request.settings,
            stream_mode="custom",
            subgraphs=True,
            version="v2",
        )
        async for part in parts:
            event = part["data"]
            if not _is_ours(event):
                continue
            self.tell(event)
            if event["type"] == "its.charged":
                self._metrics.spent(_spend(event["charge"]))
        self.human_request = _asked(await self.graph.aget_state(self.config))

    def _settle(self, task: asyncio.Task[None], when_over: Callable[[], None]) -> None:
        """Note how a run ended. A callback of the task: it is called even for one that was cancelled unstarted.

        A cancel that comes once the answer is there comes too late.
        """
        when_over()
        if task.cancelled():
            status: Status = "cancelled" if self.result is None else "done"
        elif (failure := task.exception()) is not None:
            status, self.failure = "failed", failure
            log_unexpected(failure)
        else:
            status = "done" if self.human_request is None else "waiting"
        self._metrics.ended(self.choice.strategy.name, status, time.perf_counter() - self._began)
        self._stand(status)

    def _stand(self, status: Status) -> None:
        """Note that it runs no more, and tell: it waits for a person, or it is over."""
        self.status = status
        if status == "waiting":
            self.tell({"type": "its.human_requested", "request": self.human_request})
            return
        self.human_request = None
        error = None if self.failure is None else to_api_error(self.failure).message
        self.tell({"type": "its.ended", "status": status, "error": error})

    def restore(self, created: float, events: Iterable[LoggedEvent], state: StateSnapshot) -> None:
        """Take up what an earlier server left of it: it is done where its answer is among what it told.

        That the graph has no next node tells nothing: its last one may be finished, and the step behind it not begun.
        """
        self.created, self.human_request = created, _asked(state)
        for event in events:
            self.tell(event)
        written = next((str(task.error) for task in state.tasks if task.error), None)
        if self.human_request is None and self.result is None and written is not None:
            self.failure = parse_stored_error(written)
        ended: Status = "done" if self.result else "cancelled" if self.failure is None else "failed"
        self._stand(ended if self.human_request is None else "waiting")

    def abandon(self) -> None:
        """Cancel it, if it is not over, without waiting for the end."""
        if self.status == "waiting":
            self._stand("cancelled")
        elif self._task is not None:
            self._task.cancel()

    async def cancel(self) -> None:
        """End it, and its model calls with it."""
        self.abandon()
        await self.ended()

    def leave(self) -> None:
        """Let go who listens to it here: it stays in its checkpoints, and whoever asks again finds it there."""
        self.log.leave()

    async def ended(self) -> None:
        """Wait for the end of the run; its callbacks come in order, so its status is settled then."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def tell(self, event: LoggedEvent) -> None:
        """Take note of an event, and pass it on to who listens."""
        if event["type"] == "its.charged":
            self._charges[event["id"]] = _spend(event["charge"])
        elif event["type"] == "its.answered":
            self.result = event["result"]
        self.log.add(event)


def _is_ours(told: Any) -> bool:
    """Tell whether something in LangGraph's custom stream is an event of a search; anybody's model may write to it."""
    return isinstance(told, Mapping) and str(told.get("type")).startswith("its.")


def _asked(state: StateSnapshot) -> dict[str, Any] | None:
    """Return what the graph waits to be told."""
    return dict(state.interrupts[0].value) if state.interrupts else None


def _spend(charge: Mapping[str, Any]) -> Spend:
    return Spend(*(charge[name] for name in Spend._fields))
