"""The log of a search: replay, live events, several listeners, an end that is taken back."""

import asyncio
from typing import Any

from its_graph.api.event_log import EventLog


def event(number: int) -> dict[str, Any]:
    return {"type": "its.selected", "number": number}


END = {"type": "its.ended"}


def token(step: str) -> dict[str, Any]:
    return {"type": "its.token_added", "id": step, "at": 0, "text": "3"}


async def heard_now(log: EventLog) -> list[int]:
    """Return the numbers of what a listener hears before it has to wait."""
    numbers = []
    async for told in log.subscribe(idle_s=0):
        if told is None:
            break
        numbers.append(told[0])
    return numbers


async def heard(log: EventLog, after: int = -1) -> list[int]:
    return [told[0] async for told in log.subscribe(after) if told is not None]


async def test_listeners_hear_everything_from_where_they_want_whenever_they_come() -> None:
    log = EventLog()
    log.add(event(0))
    listeners = [asyncio.create_task(heard(log, after)) for after in (-1, 0)]
    for number in (1, 2):
        await asyncio.sleep(0)
        log.add(event(number))
    listeners.append(asyncio.create_task(heard(log, 2)))
    await asyncio.sleep(0)
    log.add(END)
    assert await asyncio.gather(*listeners) == [[0, 1, 2, 3], [1, 2, 3], [3]]
    assert await heard(log) == [0, 1, 2, 3]


async def test_silence_is_told() -> None:
    log = EventLog()
    silence = anext(log.subscribe(idle_s=0.001))
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
    waiting = asyncio.create_task(log.wait_for(1))
    log.add(event(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    log.add(event(1))
    assert await waiting == event(1)
    assert await log.wait_for(0) == event(0)


async def test_who_was_further_than_the_log_goes_hears_all_of_it() -> None:
    log = EventLog()
    log.add(event(0))
    log.add(END)
    assert await heard(log, after=1) == []
    assert await heard(log, after=2) == [0, 1]


async def test_tokens_are_told_live_and_dropped_once_their_step_is_there() -> None:
    log = EventLog()
    listener = asyncio.create_task(heard(log))
    log.add(token("0"))
    await asyncio.sleep(0)
    log.add(token("1"))
    log.add({"type": "its.step_added", "id": "0"})
    assert await heard_now(log) == [1, 2]
    log.add({"type": "its.failed", "id": "1"})
    log.add(token("2"))
    log.add(END)
    assert await heard(log) == [2, 3, 5]
    assert await listener == [0, 1, 2, 3, 5]


async def test_a_log_that_is_left_lets_its_listeners_go_without_an_end() -> None:
    log = EventLog()
    log.add(event(0))
    listener = asyncio.create_task(heard(log))
    await asyncio.sleep(0)
    log.release_subscribers()
    assert await listener == [0]


async def test_an_id_is_of_one_log_alone() -> None:
    log, other = EventLog(), EventLog()
    for one in (log, other):
        one.add(event(0))
        one.add(END)
    assert [log.event_number(log.event_id(number)) for number in (0, 1)] == [0, 1]
    for foreign in (other.event_id(1), log.event_id(2), log.event_id(-1), "1", "", "-", f"{log.event_id(0)}x"):
        assert log.event_number(foreign) == -1
    assert await heard(log, log.event_number(other.event_id(1))) == [0, 1]  # the end too, though it heard one elsewhere
