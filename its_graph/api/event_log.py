"""What a search told, for any number of listeners: each reads from where it wants, and waits for news.

The log is append-only and shared, so no listener can hold up the search or another one, and nothing is queued for one
that is slow.

An event's id is the log's own word and its number: `3f9c2a10-7`. A server that is started anew has another log of the
same search, with other numbers; by the word it tells who comes from the old one.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import chain
from typing import Any

__all__ = ["EventLog", "LoggedEvent"]

LoggedEvent = Mapping[str, Any]

_DROPPED: LoggedEvent = {}
"""Stands in the place of an event that is told to nobody any more, so that the others keep their numbers."""


class EventLog:
    """The events of a search, numbered from 0."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self.events: list[LoggedEvent] = []
        self.closed = False
        """Whether the last event was the end; a search that is resumed opens its log again."""
        self._left = False
        self._unfinished: dict[str, list[int]] = {}
        """The numbers of the token events of each step that has not arrived yet."""
        self._news = asyncio.Event()

    def add(self, event: LoggedEvent) -> None:
        """Add an event and wake who listens. Tokens are dropped when their step arrives, which has all their text."""
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

    def leave(self) -> None:
        """Let everybody who listens go, as if the connection broke: what is told from now on stands in another log."""
        self._left = True
        self._wake()

    def reopen(self) -> None:
        """Take the end back: what listens goes on."""
        self.closed = False

    def id_of(self, number: int) -> str:
        """Return the id under which an event is told."""
        return f"{self._epoch}-{number}"

    def number_of(self, id: str) -> int:
        """Return the number of the event that was told as `id`; -1, before all, where it is none of this log."""
        epoch, _, number = id.rpartition("-")
        try:
            told = int(number)
        except ValueError:
            return -1
        return told if epoch == self._epoch and 0 <= told < len(self.events) else -1

    async def event(self, number: int) -> LoggedEvent:
        """Wait for the event of that number."""
        while number >= len(self.events):
            await self._news.wait()
        return self.events[number]

    async def listen(
        self, after: int = -1, idle_s: float | None = None
    ) -> AsyncIterator[tuple[int, LoggedEvent] | None]:
        """Yield the events behind number `after` with their numbers, then live ones, to the end of the search.

        None stands for `idle_s` seconds without any. Who begins anew hears `its.search_started` first, which takes back
        what a listener knew.
        """
        place = 0 if after >= len(self.events) else after + 1
        while True:
            news = self._news
            while place < len(self.events):
                if self.events[place] and not self._taken_back(place):
                    yield place, self.events[place]
                place += 1
            if self.closed or self._left:
                return
            try:
                async with asyncio.timeout(idle_s):
                    await news.wait()
            except TimeoutError:
                yield None

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.events[number] = _DROPPED

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _taken_back(self, place: int) -> bool:
        """Tell whether an event is the end of a search that was then resumed."""
        last = self.closed and place == len(self.events) - 1
        return self.events[place]["type"] == "its.ended" and not last
