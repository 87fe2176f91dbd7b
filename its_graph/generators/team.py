"""Several generators as one: each request goes to the member that it names."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import reduce
from queue import SimpleQueue
from threading import Event
from typing import Any, NamedTuple, TypeAlias

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import deliver
from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.errors import ConfigurationError

__all__ = ["Team"]

Config: TypeAlias = RunnableConfig | Sequence[RunnableConfig] | None


class _Share(NamedTuple):
    """What one member has to do of a batch."""

    member: Generator
    places: list[int]
    """Where its requests stand in the whole batch."""
    requests: list[SampleRequest]
    config: Any


class Team(Generator):
    """Routes each request to the member that its `model` names; a request that names none goes to the first.

    The members of a batch work at the same time, each on all that is its own in one batch. What the team can do, all
    can do: `can_continue`, `signals`, `max_tokens` and `step_tokens` are the least of theirs. What is a matter of
    style is the first member's: temperature, step separator, style of thinking. To record a team, record its members.

    Args:
        members: generators by name. They stay their owner's: close them where they were opened.

    Raises:
        ConfigurationError: without a member.
    """

    def __init__(self, members: Mapping[str, Generator]) -> None:
        if not members:
            raise ConfigurationError("A team needs at least one member: Team({'name': generator, ...}). Given: none.")
        self.members = dict(members)
        first, *_ = everyone = list(self.members.values())
        self.models = tuple(self.members)
        self.parameters = max(one.parameters for one in everyone)
        self.can_continue = all(one.can_continue for one in everyone)
        self.signals = reduce(frozenset.intersection, [one.signals for one in everyone])
        self.max_tokens = min(one.max_tokens for one in everyone)
        self.step_tokens = min(one.step_tokens for one in everyone)
        self.temperature, self.step_separator, self.think_style = (
            first.temperature,
            first.step_separator,
            first.think_style,
        )

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the bound of the member that answers `request`."""
        return self.members[self._name(request)].prompt_tokens(request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the member that answers `request`."""
        return self.members[self._name(request)].parameters_of(request)

    def batch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Config = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, reply) as members answer; leaving the loop early stops each at its next reply.

        Raises:
            ConfigurationError: if a request names no member; nobody is asked then.
        """
        replies: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
        left = Event()

        def work(share: _Share) -> None:
            try:
                asked = share.member.batch_as_completed(share.requests, share.config, return_exceptions=True, **kwargs)
                for at, reply in asked:
                    replies.put((share.places[at], reply))
                    if left.is_set():
                        break
            finally:
                replies.put(None)

        if not (shares := self._shares(inputs, config)):
            return
        with ThreadPoolExecutor(len(shares)) as threads:
            working = [threads.submit(copy_context().run, work, share) for share in shares]
            try:
                for _ in shares:
                    for position, reply in iter(replies.get, None):
                        yield position, deliver(reply, return_exceptions)
            finally:
                left.set()
        for one in working:
            one.result()  # a member that broke down raises here

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Config = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as members answer; leaving the loop early cancels the rest.

        Raises:
            ConfigurationError: if a request names no member; nobody is asked then.
        """
        replies: asyncio.Queue[tuple[int, Any] | None] = asyncio.Queue()

        async def work(share: _Share) -> None:
            try:
                asked = share.member.abatch_as_completed(share.requests, share.config, return_exceptions=True, **kwargs)
                async for at, reply in asked:
                    replies.put_nowait((share.places[at], reply))
            finally:
                replies.put_nowait(None)

        shares = self._shares(inputs, config)
        working = [asyncio.create_task(work(share)) for share in shares]
        try:
            for _ in shares:
                while (found := await replies.get()) is not None:
                    yield found[0], deliver(found[1], return_exceptions)
            await asyncio.gather(*working)  # a member that broke down raises here
        finally:
            for one in working:
                one.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    def _name(self, request: SampleRequest) -> str:
        name = self.models[0] if request.model is None else request.model
        if name not in self.members:
            raise ConfigurationError(
                f"The request names the model {name!r}. This team's members: {', '.join(self.models)}."
            )
        return name

    def _shares(self, inputs: Sequence[SampleRequest], config: Config) -> list[_Share]:
        places: dict[str, list[int]] = {}
        for place, request in enumerate(inputs):
            places.setdefault(self._name(request), []).append(place)
        return [
            _Share(self.members[name], where, [inputs[at] for at in where], _configs(config, where))
            for name, where in places.items()
        ]


def _configs(config: Config, where: Sequence[int]) -> Config:
    return [config[at] for at in where] if isinstance(config, Sequence) else config
