"""Several generators as one: who answers, how batches are shared, and what the team can do."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.generators.team import Team
from its_graph.testing import ScriptedGenerator


def ask(model: str | None, text: str = "q") -> SampleRequest:
    return SampleRequest(messages=({"role": "user", "content": text},), model=model)


def sayer(name: str, **attributes: Any) -> ScriptedGenerator:
    """A generator that says its name and the question."""
    generator = ScriptedGenerator(lambda request: f"{name}: {request.messages[0]['content']}")
    vars(generator).update(attributes)
    return generator


def text_of(reply: Any) -> str:
    return str(reply[0].text)


@pytest.fixture
def team() -> Team:
    return Team({"a": sayer("a"), "b": sayer("b"), "c": sayer("c")})


MIXED = [ask("b", "0"), ask("a", "1"), ask("b", "2"), ask(None, "3"), ask("c", "4")]
SAID = ["b: 0", "a: 1", "b: 2", "a: 3", "c: 4"]


# --- who answers ----------------------------------------------------------------------------------------------------


async def test_each_request_goes_to_the_member_it_names_however_it_is_asked(team: Team) -> None:
    assert [text_of(team.invoke(request)) for request in MIXED] == SAID
    assert [text_of(await team.ainvoke(request)) for request in MIXED] == SAID
    assert [*map(text_of, team.batch(MIXED))] == SAID
    assert [*map(text_of, await team.abatch(MIXED))] == SAID
    assert {at: text_of(reply) for at, reply in team.batch_as_completed(MIXED)} == dict(enumerate(SAID))
    assert {at: text_of(reply) async for at, reply in team.abatch_as_completed(MIXED)} == dict(enumerate(SAID))


async def test_nothing_to_ask_is_no_error(team: Team) -> None:
    assert team.batch([]) == await team.abatch([]) == []
    assert list(team.batch_as_completed([])) == [one async for one in team.abatch_as_completed([])] == []


async def test_a_name_that_no_member_has_is_an_error_before_anyone_is_asked(team: Team) -> None:
    requests = [ask("a"), ask("z")]
    for attempt in (lambda: team.batch(requests, return_exceptions=True), lambda: team.prompt_tokens(requests[1])):
        with pytest.raises(ConfigurationError, match=r"must name a member .* got 'z'\. Members: a, b, c\."):
            attempt()
    with pytest.raises(ConfigurationError, match="'z'"):
        await team.abatch(requests, return_exceptions=True)
    assert all(isinstance(one, ScriptedGenerator) and one.requests == [] for one in team.members.values())


def test_a_team_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one member"):
        Team({})


# --- what the team can do -------------------------------------------------------------------------------------------


def test_what_the_team_can_do_all_can_do() -> None:
    one = sayer("a", parameters=7, max_tokens=100, step_tokens=9, temperature=0.2, step_separator="\n")
    one.signals = frozenset({"logprobs", "self_certainty"})
    other = sayer("b", parameters=3, max_tokens=50, step_tokens=20, temperature=0.9, can_continue=False)
    other.signals = frozenset({"self_certainty", "alternatives"})
    team = Team({"a": one, "b": other})
    assert team.models == ("a", "b")
    assert (team.can_continue, Team({"a": one}).can_continue) == (False, True)
    assert team.signals == {"self_certainty"}
    assert (team.max_tokens, team.step_tokens) == (50, 9)
    assert (team.temperature, team.step_separator, team.think_style) == (0.2, "\n", one.think_style)


def test_prompts_and_parameters_are_counted_by_who_answers() -> None:
    long = sayer("b", parameters=3)
    long.prompt_tokens = lambda request: 1000  # type: ignore[method-assign]
    team = Team({"a": sayer("a", parameters=7), "b": long})
    assert [team.prompt_tokens(ask(name, "two words")) for name in ("a", "b", None)] == [2, 1000, 2]
    assert [team.parameters_of(ask(name)) for name in ("a", "b", None)] == [7, 3, 7]
    assert team.parameters == 7


# --- at the same time -----------------------------------------------------------------------------------------------


class Meeting(ScriptedGenerator):
    """Answers only once all members of the team are at work at the same time."""

    def __init__(self, threads: threading.Barrier, tasks: asyncio.Barrier) -> None:
        super().__init__(lambda request: "met")
        self.threads, self.tasks = threads, tasks
        self.batches: list[int] = []

    def batch_as_completed(self, inputs: Sequence[SampleRequest], *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.batches.append(len(inputs))
        self.threads.wait(timeout=10)
        yield from super().batch_as_completed(inputs, *args, **kwargs)

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        self.batches.append(len(inputs))
        async with asyncio.timeout(10):
            await self.tasks.wait()
        async for reply in super().abatch_as_completed(inputs, *args, **kwargs):
            yield reply


async def test_members_work_at_the_same_time_each_on_one_batch() -> None:
    threads, tasks = threading.Barrier(2), asyncio.Barrier(2)
    one, other = Meeting(threads, tasks), Meeting(threads, tasks)
    team = Team({"a": one, "b": other})
    requests = [ask("a"), ask("b"), ask("b"), ask("a"), ask("b")]
    assert [*map(text_of, await asyncio.to_thread(team.batch, requests))] == ["met"] * 5
    assert [*map(text_of, await team.abatch(requests))] == ["met"] * 5
    assert (one.batches, other.batches) == ([2, 2], [3, 3])


def test_replies_come_as_they_are_ready() -> None:
    """The slow member answers only after the quick one's reply has been handed out."""
    handed_out = threading.Event()

    def slow(request: SampleRequest) -> str:
        assert handed_out.wait(timeout=10)
        return "slow"

    order = []
    team = Team({"slow": ScriptedGenerator(slow), "quick": sayer("quick")})
    for _, reply in team.batch_as_completed([ask("slow"), ask("quick")]):
        order.append(text_of(reply))
        handed_out.set()
    assert order == ["quick: q", "slow"]


VOICE: ContextVar[str] = ContextVar("voice", default="nobody")


def test_members_see_the_context_of_the_caller() -> None:
    VOICE.set("caller")
    team = Team({name: ScriptedGenerator(lambda request: VOICE.get()) for name in "ab"})
    assert [*map(text_of, team.batch([ask("a"), ask("b")]))] == ["caller", "caller"]


async def test_each_request_keeps_its_own_config() -> None:
    """LangChain takes one config for all, or one for each: a member gets those of its own requests."""
    seen: list[Any] = []

    class Noting(ScriptedGenerator):
        def batch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
            seen.append(config)
            yield from super().batch_as_completed(inputs, config, **kwargs)

    team = Team({"a": Noting(lambda request: "a"), "b": sayer("b")})
    each: list[RunnableConfig] = [{"tags": [str(index)]} for index in range(3)]
    team.batch([ask("a"), ask("b"), ask("a")], each)
    team.batch([ask("a"), ask("b"), ask("a")], {"tags": ["all"]})
    assert seen == [[{"tags": ["0"]}, {"tags": ["2"]}], {"tags": ["all"]}]


# --- failures -------------------------------------------------------------------------------------------------------


def failing() -> Team:
    def dead(request: SampleRequest) -> str:
        raise ValueError("no such model")

    return Team({"dead": ScriptedGenerator(dead), "alive": sayer("alive")})


async def test_a_failing_member_loses_only_its_own_requests() -> None:
    requests = [ask("alive", "0"), ask("dead"), ask("alive", "2")]
    for replies in (
        failing().batch(requests, return_exceptions=True),
        await failing().abatch(requests, return_exceptions=True),
    ):
        assert [text_of(replies[0]), str(replies[1]), text_of(replies[2])] == ["alive: 0", "no such model", "alive: 2"]


async def test_without_return_exceptions_the_failure_raises() -> None:
    with pytest.raises(ValueError, match="no such model"):
        failing().batch([ask("alive"), ask("dead")])
    with pytest.raises(ValueError, match="no such model"):
        await failing().abatch([ask("alive"), ask("dead")])


class Broken(ScriptedGenerator):
    """A backend whose batch itself breaks down, not one call of it."""

    def __init__(self) -> None:
        super().__init__(lambda request: "never")

    def batch_as_completed(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        raise RuntimeError("closed")
        yield

    async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise RuntimeError("closed")
        yield


async def test_a_member_that_breaks_down_is_not_passed_over_in_silence() -> None:
    """As with a single generator; the others' replies are handed out first."""
    team, requests = Team({"broken": Broken(), "alive": sayer("alive")}), [ask("broken"), ask("alive")]
    replies: list[str] = []
    with pytest.raises(RuntimeError, match="closed"):
        replies.extend(text_of(reply) for _, reply in team.batch_as_completed(requests, return_exceptions=True))
    with pytest.raises(RuntimeError, match="closed"):
        await team.abatch(requests, return_exceptions=True)
    assert replies == ["alive: q"]


def test_leaving_early_stops_every_member_at_its_next_reply() -> None:
    team = Team({"a": sayer("a"), "b": sayer("b")})
    gate = threading.Event()

    def patient(request: SampleRequest) -> str:
        assert gate.wait(timeout=10)
        return "done"

    slow = ScriptedGenerator(patient)
    team.members["b"] = slow
    replies = team.batch_as_completed([ask("a"), *[ask("b")] * 50])
    assert text_of(next(replies)[1]) == "a: q"
    threading.Timer(0.05, gate.set).start()
    replies.close()  # type: ignore[attr-defined]
    assert len(slow.requests) < 50


async def test_leaving_early_cancels_members() -> None:
    cancelled = asyncio.Event()

    class Endless(ScriptedGenerator):
        async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                await asyncio.sleep(3600)
                yield 0, []
            except asyncio.CancelledError:
                cancelled.set()
                raise

    team = Team({"a": sayer("a"), "b": Endless(lambda request: "never")})
    replies = team.abatch_as_completed([ask("a"), ask("b")])
    first: tuple[int, list[Sample]] = await anext(replies)
    assert text_of(first[1]) == "a: q"
    await replies.aclose()  # type: ignore[attr-defined]
    assert cancelled.is_set()
