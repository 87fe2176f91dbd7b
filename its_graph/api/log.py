"""What a search told, for any number of listeners: each reads from where it wants, and waits for news.

The log is append-only and shared, so no listener can hold up the search or another one, and nothing is queued for one
that is slow.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

__all__ = ["Event", "EventLog"]

Event = Mapping[str, Any]


class EventLog:
    """The events of a search, numbered from 0."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False
        """Whether the last event was the end; a search that is resumed opens its log again."""
        self._news = asyncio.Event()

    def add(self, event: Event) -> None:
        """Add an event and wake who listens."""
        self.events.append(event)
        self.closed = event["type"] == "its.ended"
        self._news.set()
        self._news = asyncio.Event()

    def reopen(self) -> None:
        """Take the end back: what listens goes on."""
        self.closed = False

    async def event(self, number: int) -> Event:
        """Wait for the event of that number."""
        while number >= len(self.events):
            await self._news.wait()
        return self.events[number]

    async def listen(self, after: int = -1, idle_s: float | None = None) -> AsyncIterator[tuple[int, Event] | None]:
        """Yield the events behind number `after` with their numbers, then live ones, to the end of the search.

        None stands for `idle_s` seconds without any.
        """
        place = after + 1
        while True:
            news = self._news
            while place < len(self.events):
                if not self._taken_back(place):
                    yield place, self.events[place]
                place += 1
            if self.closed:
                return
            try:
                async with asyncio.timeout(idle_s):
                    await news.wait()
            except TimeoutError:
                yield None

    def _taken_back(self, place: int) -> bool:
        """Tell whether an event is the end of a search that was then resumed."""
        last = self.closed and place == len(self.events) - 1
        return self.events[place]["type"] == "its.ended" and not last
