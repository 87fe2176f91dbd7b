"""Requests that are begun before they are asked for."""

from collections.abc import Sequence
from concurrent.futures import Future

from its_graph import Candidate
from its_graph.batching.prefetch import PrefetchRunnable


class Counting(PrefetchRunnable[Candidate, str]):
    """Answers with the first step, and notes what it started."""

    def __init__(self) -> None:
        self.started: list[Candidate] = []

    def start(self, inputs: Sequence[Candidate]) -> list[Future[str]]:
        self.started += inputs
        futures: list[Future[str]] = [Future() for _ in inputs]
        for future, candidate in zip(futures, inputs, strict=True):
            future.set_result(candidate.steps[0])
        return futures


def ask(number: int, *, finished: bool = False) -> Candidate:
    return Candidate(messages=({"role": "user", "content": "q"},), steps=(f"step {number}",), finished=finished)


async def test_what_was_begun_is_not_started_again() -> None:
    runnable = Counting()
    runnable.prefetch(ask(1))
    runnable.prefetch(ask(1))
    assert runnable.batch([ask(2), ask(1), ask(3)]) == ["step 2", "step 1", "step 3"]
    assert runnable.started == [ask(1), ask(2), ask(3)]
    runnable.prefetch(ask(4))
    assert await runnable.ainvoke(ask(4)) == "step 4"
    assert runnable.started[3:] == [ask(4)]


def test_a_reply_is_handed_out_once_and_to_an_equal_request_only() -> None:
    runnable = Counting()
    runnable.prefetch(ask(1))
    runnable.invoke(ask(1, finished=True))
    runnable.invoke(ask(1))
    runnable.invoke(ask(1))
    assert runnable.started == [ask(1), ask(1, finished=True), ask(1)]


def test_what_nobody_asks_for_is_dropped_in_the_end() -> None:
    runnable = Counting()
    for number in range(1100):
        runnable.prefetch(ask(number))
    runnable.invoke(ask(0))
    assert len(runnable.started) == 1101
    runnable.invoke(ask(1099))
    assert len(runnable.started) == 1101
    runnable.forget()
    runnable.invoke(ask(1098))
    assert len(runnable.started) == 1102
