"""Several generators as one: routing, concurrent batches, the attributes of the team, failures."""

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


def named_generator(name: str, **attributes: Any) -> ScriptedGenerator:
    """Return a generator whose reply is its name and the question."""
    generator = ScriptedGenerator(lambda request: f"{name}: {request.messages[0]['content']}")
    vars(generator).update(attributes)
    return generator


def text_of(reply: Any) -> str:
    return str(reply[0].text)


@pytest.fixture
def team() -> Team:
    return Team({"a": named_generator("a"), "b": named_generator("b"), "c": named_generator("c")})


REQUESTS = [ask("b", "0"), ask("a", "1"), ask("b", "2"), ask(None, "3"), ask("c", "4")]
REPLIES = ["b: 0", "a: 1", "b: 2", "a: 3", "c: 4"]


# --- routing ----------------------------------------------------------------------------------------------------


async def test_each_request_goes_to_the_member_it_names(team: Team) -> None:
    assert [text_of(team.invoke(request)) for request in REQUESTS] == REPLIES
    assert [text_of(await team.ainvoke(request)) for request in REQUESTS] == REPLIES
    assert [*map(text_of, team.batch(REQUESTS))] == REPLIES
    assert [*map(text_of, await team.abatch(REQUESTS))] == REPLIES
    assert {index: text_of(reply) for index, reply in team.batch_as_completed(REQUESTS)} == dict(enumerate(REPLIES))
    assert {index: text_of(reply) async for index, reply in team.abatch_as_completed(REQUESTS)} == dict(
        enumerate(REPLIES)
    )


async def test_an_empty_batch_has_no_replies(team: Team) -> None:
    assert team.batch([]) == await team.abatch([]) == []
    assert list(team.batch_as_completed([])) == [reply async for reply in team.abatch_as_completed([])] == []


async def test_an_unknown_member_is_an_error_before_any_call(team: Team) -> None:
    requests = [ask("a"), ask("z")]
    for attempt in (lambda: team.batch(requests, return_exceptions=True), lambda: team.prompt_tokens(requests[1])):
        with pytest.raises(ConfigurationError, match=r"must name a member .* got 'z'\. Members: a, b, c\."):
            attempt()
    with pytest.raises(ConfigurationError, match="'z'"):
        await team.abatch(requests, return_exceptions=True)
    assert all(isinstance(member, ScriptedGenerator) and member.requests == [] for member in team.members.values())


def test_a_team_needs_a_member() -> None:
    with pytest.raises(ConfigurationError, match="at least one member"):
        Team({})


# --- attributes -------------------------------------------------------------------------------------------


def test_the_team_supports_what_all_members_support() -> None:
    first = named_generator("a", parameters=7, max_tokens=100, step_tokens=9, temperature=0.2, step_separator="\n")
    first.signals = frozenset({"logprobs", "self_certainty"})
    second = named_generator("b", parameters=3, max_tokens=50, step_tokens=20, temperature=0.9, can_continue=False)
    second.signals = frozenset({"self_certainty", "alternatives"})
    team = Team({"a": first, "b": second})
    assert team.models == ("a", "b")
    assert (team.can_continue, Team({"a": first}).can_continue) == (False, True)
    assert team.signals == {"self_certainty"}
    assert (team.max_tokens, team.step_tokens) == (50, 9)
    assert (team.temperature, team.step_separator, team.think_style) == (0.2, "\n", first.think_style)


def test_prompts_and_parameters_are_those_of_the_answering_member() -> None:
    long = named_generator("b", parameters=3)
    long.prompt_tokens = lambda request: 1000  # type: ignore[method-assign]
    team = Team({"a": named_generator("a", parameters=7), "b": long})
    assert [team.prompt_tokens(ask(name, "two words")) for name in ("a", "b", None)] == [2, 1000, 2]
    assert [team.parameters_of(ask(name)) for name in ("a", "b", None)] == [7, 3, 7]
    assert team.parameters == 7


# --- concurrency -----------------------------------------------------------------------------------------------


class Meeting(ScriptedGenerator):
    """Replies only once all members of the team are working at the same time."""

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
    first, second = Meeting(threads, tasks), Meeting(threads, tasks)
    team = Team({"a": first, "b": second})
    requests = [ask("a"), ask("b"), ask("b"), ask("a"), ask("b")]
    assert [*map(text_of, await asyncio.to_thread(team.batch, requests))] == ["met"] * 5
    assert [*map(text_of, await team.abatch(requests))] == ["met"] * 5
    assert (first.batches, second.batches) == ([2, 2], [3, 3])


def test_replies_come_as_they_are_ready() -> None:
    """The slow member replies only after the quick one's reply has been yielded."""
    delivered = threading.Event()

    def slow(request: SampleRequest) -> str:
        assert delivered.wait(timeout=10)
        return "slow"

    order = []
    team = Team({"slow": ScriptedGenerator(slow), "quick": named_generator("quick")})
    for _, reply in team.batch_as_completed([ask("slow"), ask("quick")]):
        order.append(text_of(reply))
        delivered.set()
    assert order == ["quick: q", "slow"]


CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


def test_members_see_the_context_of_the_caller() -> None:
    CALLER.set("caller")
    team = Team({name: ScriptedGenerator(lambda request: CALLER.get()) for name in "ab"})
    assert [*map(text_of, team.batch([ask("a"), ask("b")]))] == ["caller", "caller"]


async def test_each_request_keeps_its_own_config() -> None:
    """LangChain accepts one config for all requests or one per request: a member gets those of its own requests."""
    configs: list[Any] = []

    class ConfigRecorder(ScriptedGenerator):
        def batch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
            configs.append(config)
            yield from super().batch_as_completed(inputs, config, **kwargs)

    team = Team({"a": ConfigRecorder(lambda request: "a"), "b": named_generator("b")})
    own_configs: list[RunnableConfig] = [{"tags": [str(index)]} for index in range(3)]
    team.batch([ask("a"), ask("b"), ask("a")], own_configs)
    team.batch([ask("a"), ask("b"), ask("a")], {"tags": ["all"]})
    assert configs == [[{"tags": ["0"]}, {"tags": ["2"]}], {"tags": ["all"]}]


# --- failures -------------------------------------------------------------------------------------------------------


def failing() -> Team:
    def dead(request: SampleRequest) -> str:
        raise ValueError("no such model")

    return Team({"dead": ScriptedGenerator(dead), "alive": named_generator("alive")})


async def test_a_failing_member_fails_only_its_own_requests() -> None:
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
    """A backend whose whole batch fails, not one call of it."""

    def __init__(self) -> None:
        super().__init__(lambda request: "never")

    def batch_as_completed(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        raise RuntimeError("closed")
        yield

    async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise RuntimeError("closed")
        yield


async def test_a_member_whose_batch_fails_raises() -> None:
    """As with a single generator; the replies of the other members come first."""
    team, requests = Team({"broken": Broken(), "alive": named_generator("alive")}), [ask("broken"), ask("alive")]
    replies: list[str] = []
    with pytest.raises(RuntimeError, match="closed"):
        replies.extend(text_of(reply) for _, reply in team.batch_as_completed(requests, return_exceptions=True))
    with pytest.raises(RuntimeError, match="closed"):
        await team.abatch(requests, return_exceptions=True)
    assert replies == ["alive: q"]


def test_leaving_early_stops_every_member_at_its_next_reply() -> None:
    team = Team({"a": named_generator("a"), "b": named_generator("b")})
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

    team = Team({"a": named_generator("a"), "b": Endless(lambda request: "never")})
    replies = team.abatch_as_completed([ask("a"), ask("b")])
    first: tuple[int, list[Sample]] = await anext(replies)
    assert text_of(first[1]) == "a: q"
    await replies.aclose()  # type: ignore[attr-defined]
    assert cancelled.is_set()
