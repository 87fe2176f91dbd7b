"""The event log of a search: replay, live events, several subscribers, a retracted end."""

import asyncio
from typing import Any

from its_graph.api.event_log import EventLog


def event(number: int) -> dict[str, Any]:
    return {"type": "its.selected", "number": number}


END = {"type": "its.ended"}


def token(step: str) -> dict[str, Any]:
    return {"type": "its.token_added", "id": step, "at": 0, "text": "3"}


async def available_events(log: EventLog) -> list[int]:
    """Return the numbers of the events that a subscriber gets without waiting."""
    numbers = []
    async for numbered_event in log.subscribe(idle_s=0):
        if numbered_event is None:
            break
        numbers.append(numbered_event[0])
    return numbers


async def read_events(log: EventLog, after: int = -1) -> list[int]:
    return [numbered_event[0] async for numbered_event in log.subscribe(after) if numbered_event is not None]


async def test_subscribers_get_all_events_after_their_position_whenever_they_subscribe() -> None:
    log = EventLog()
    log.add(event(0))
    listeners = [asyncio.create_task(read_events(log, after)) for after in (-1, 0)]
    for number in (1, 2):
        await asyncio.sleep(0)
        log.add(event(number))
    listeners.append(asyncio.create_task(read_events(log, 2)))
    await asyncio.sleep(0)
    log.add(END)
    assert await asyncio.gather(*listeners) == [[0, 1, 2, 3], [1, 2, 3], [3]]
    assert await read_events(log) == [0, 1, 2, 3]


async def test_an_idle_subscription_yields_none() -> None:
    log = EventLog()
    idle = anext(log.subscribe(idle_s=0.001))
    assert await idle is None


async def test_a_retracted_end_is_not_sent_again() -> None:
    log = EventLog()
    log.add(END)
    assert await read_events(log) == [0]
    log.reopen()
    listener = asyncio.create_task(read_events(log))
    await asyncio.sleep(0)
    log.add(event(1))
    log.add(END)
    assert await listener == [1, 2]


async def test_wait_for_returns_an_event_once_it_exists() -> None:
    log = EventLog()
    waiting = asyncio.create_task(log.wait_for(1))
    log.add(event(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    log.add(event(1))
    assert await waiting == event(1)
    assert await log.wait_for(0) == event(0)


async def test_a_position_after_the_end_of_the_log_gets_all_events() -> None:
    log = EventLog()
    log.add(event(0))
    log.add(END)
    assert await read_events(log, after=1) == []
    assert await read_events(log, after=2) == [0, 1]


async def test_token_events_are_dropped_once_their_step_arrives() -> None:
    log = EventLog()
    listener = asyncio.create_task(read_events(log))
    log.add(token("0"))
    await asyncio.sleep(0)
    log.add(token("1"))
    log.add({"type": "its.step_added", "id": "0"})
    assert await available_events(log) == [1, 2]
    log.add({"type": "its.failed", "id": "1"})
    log.add(token("2"))
    log.add(END)
    assert await read_events(log) == [2, 3, 5]
    assert await listener == [0, 1, 2, 3, 5]


async def test_released_subscribers_end_without_an_end_event() -> None:
    log = EventLog()
    log.add(event(0))
    listener = asyncio.create_task(read_events(log))
    await asyncio.sleep(0)
    log.release_subscribers()
    assert await listener == [0]


async def test_event_ids_belong_to_one_log() -> None:
    log, other = EventLog(), EventLog()
    for event_log in (log, other):
        event_log.add(event(0))
        event_log.add(END)
    assert [log.event_number(log.event_id(number)) for number in (0, 1)] == [0, 1]
    for foreign in (other.event_id(1), log.event_id(2), log.event_id(-1), "1", "", "-", f"{log.event_id(0)}x"):
        assert log.event_number(foreign) == -1
    assert await read_events(log, log.event_number(other.event_id(1))) == [
        0,
        1,
    ]  # including the end, though the client already got one from the other log
