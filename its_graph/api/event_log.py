"""The events of a search, for any number of subscribers: each reads from its own position and waits for new events.

The log is append-only and shared, so no subscriber can delay the search or another subscriber, and slow subscribers
need no queue.

The id of an event is a random prefix of the log and the event's number: `3f9c2a10-7`. After a restart the server has
another log of the same search, with other numbers; the prefix identifies subscribers of the old one.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import chain
from typing import Any

__all__ = ["EventLog", "LoggedEvent"]

LoggedEvent = Mapping[str, Any]

_DROPPED: LoggedEvent = {}
"""Placeholder of a dropped event, so that the others keep their numbers."""


class EventLog:
    """The events of a search, numbered from 0."""

    def __init__(self) -> None:
        self._log_id = secrets.token_hex(4)
        self.events: list[LoggedEvent] = []
        self.closed = False
        """Whether the last event was the end; resuming a search reopens its log."""
        self._subscribers_released = False
        self._unfinished: dict[str, list[int]] = {}
        """Numbers of the token events of each step that has not arrived yet."""
        self._new_event = asyncio.Event()

    def add(self, event: LoggedEvent) -> None:
        """Add an event and wake subscribers. Token events are dropped once their step arrives with the whole text."""
        if event["type"] == "its.token_added":
            self._unfinished.setdefault(event["id"], []).append(len(self.events))
        elif event["type"] in ("its.step_added", "its.failed"):
            self._drop(self._unfinished.pop(event["id"], ()))
        elif event["type"] == "its.ended":
            self._drop(chain(*self._unfinished.values()))
            self._unfinished.clear()
        self.events.append(event)
        self.closed = event["type"] == "its.ended"
        self._wake()

    def release_subscribers(self) -> None:
        """End all subscriptions as if the connection broke: later events go to another log of the same search."""
        self._subscribers_released = True
        self._wake()

    def reopen(self) -> None:
        """Retract the end: subscriptions continue."""
        self.closed = False

    def event_id(self, number: int) -> str:
        """Return the id of an event."""
        return f"{self._log_id}-{number}"

    def event_number(self, id: str) -> int:
        """Return the number of the event with this id; -1, the position before all events, if this log has none."""
        log_id, _, suffix = id.rpartition("-")
        try:
            number = int(suffix)
        except ValueError:
            return -1
        return number if log_id == self._log_id and 0 <= number < len(self.events) else -1

    async def wait_for(self, number: int) -> LoggedEvent:
        """Return the event with that number, once it exists."""
        while number >= len(self.events):
            await self._new_event.wait()
        return self.events[number]

    async def subscribe(
        self, after: int = -1, idle_s: float | None = None
    ) -> AsyncIterator[tuple[int, LoggedEvent] | None]:
        """Yield numbered events after number `after`, past and live, until the search ends.

        Yields None after `idle_s` seconds without an event. A subscription from the start begins with
        `its.search_started`, which resets what a subscriber has derived from earlier events.
        """
        number = 0 if after >= len(self.events) else after + 1
        while True:
            new_event = self._new_event
            while number < len(self.events):
                if self.events[number] and not self._is_retracted(number):
                    yield number, self.events[number]
                number += 1
            if self.closed or self._subscribers_released:
                return
            try:
                async with asyncio.timeout(idle_s):
                    await new_event.wait()
            except TimeoutError:
                yield None

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.events[number] = _DROPPED

    def _wake(self) -> None:
        self._new_event.set()
        self._new_event = asyncio.Event()

    def _is_retracted(self, number: int) -> bool:
        """Return whether an event is the end of a search that was resumed later."""
        is_final = self.closed and number == len(self.events) - 1
        return self.events[number]["type"] == "its.ended" and not is_final
