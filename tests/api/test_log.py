"""The log of a search: replay, live events, several listeners, an end that is taken back."""

import asyncio
from typing import Any

from its_graph.api.log import EventLog


def event(number: int) -> dict[str, Any]:
    return {"type": "its.selected", "number": number}


END = {"type": "its.ended"}


async def heard(log: EventLog, after: int = -1) -> list[int]:
    return [told[0] async for told in log.listen(after) if told is not None]


async def test_listeners_hear_everything_from_where_they_want_whenever_they_come() -> None:
    log = EventLog()
    log.add(event(0))
    listeners = [asyncio.create_task(heard(log, after)) for after in (-1, 0, 2)]
    for number in (1, 2):
        await asyncio.sleep(0)
        log.add(event(number))
    log.add(END)
    assert await asyncio.gather(*listeners) == [[0, 1, 2, 3], [1, 2, 3], [3]]
    assert await heard(log) == [0, 1, 2, 3]


async def test_silence_is_told() -> None:
    log = EventLog()
    silence = anext(log.listen(idle_s=0.001))
    assert await silence is None


async def test_an_end_that_is_taken_back_is_not_told_again() -> None:
    log = EventLog()
    log.add(END)
    assert await heard(log) == [0]
    log.reopen()
    listener = asyncio.create_task(heard(log))
    await asyncio.sleep(0)
    log.add(event(1))
    log.add(END)
    assert await listener == [1, 2]


async def test_one_event_can_be_waited_for() -> None:
    log = EventLog()
    waiting = asyncio.create_task(log.event(1))
    log.add(event(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    log.add(event(1))
    assert await waiting == event(1)
    assert await log.event(0) == event(0)
