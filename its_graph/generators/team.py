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
from its_graph.contracts import Generator, SampleRequest
from its_graph.errors import ConfigurationError

__all__ = ["Team"]

Config: TypeAlias = RunnableConfig | Sequence[RunnableConfig] | None


class _MemberBatch(NamedTuple):
    """The part of a batch that one member answers."""

    member: Generator
    indices: list[int]
    """The position of each of its requests in the whole batch."""
    requests: list[SampleRequest]
    config: Any


class Team(Generator):
    """Routes each request to the member that its `model` names; a request without a `model` goes to the first member.

    The members answer a batch concurrently, each with one batch of its own requests. The team supports what every
    member supports: `can_continue`, `signals`, `max_tokens` and `step_tokens` are the minimum over the members.
    Temperature, step separator and think style are the first member's. To record a team, record its members.

    Args:
        members: Generators by name, at least one. The team does not close them.

    Raises:
        ConfigurationError: `members` is empty.

    Example:
        >>> from its_graph import SampleRequest
        >>> from its_graph.testing import ScriptedGenerator
        >>> small = ScriptedGenerator(lambda request: "about 7")
        >>> large = ScriptedGenerator(lambda request: "exactly 8")
        >>> team = Team({"small": small, "large": large})
        >>> question = {"role": "user", "content": "Add 3, 5."}
        >>> [sample] = team.invoke(SampleRequest(messages=(question,), model="large"))
        >>> sample.text
        'exactly 8'
    """

    def __init__(self, members: Mapping[str, Generator]) -> None:
        if not members:
            raise ConfigurationError("A team must have at least one member; got none. Use Team({'name': generator}).")
        self.members = dict(members)
        first, *_ = generators = list(self.members.values())
        self.models = tuple(self.members)
        self.parameters = max(generator.parameters for generator in generators)
        self.can_continue = all(generator.can_continue for generator in generators)
        self.signals = reduce(frozenset.intersection, [generator.signals for generator in generators])
        self.max_tokens = min(generator.max_tokens for generator in generators)
        self.step_tokens = min(generator.step_tokens for generator in generators)
        self.temperature = first.temperature
        self.step_separator = first.step_separator
        self.think_style = first.think_style

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the upper bound of the member that answers `request`."""
        return self.members[self._member_name(request)].prompt_tokens(request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the member that answers `request`."""
        return self.members[self._member_name(request)].parameters_of(request)

    def batch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Config = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) as members answer; leaving the loop early stops each at its next reply.

        Raises:
            ConfigurationError: A request names no member; no member is called then.
        """
        replies: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
        left = Event()

        def work(batch: _MemberBatch) -> None:
            try:
                completed = batch.member.batch_as_completed(
                    batch.requests, batch.config, return_exceptions=True, **kwargs
                )
                for position, reply in completed:
                    replies.put((batch.indices[position], reply))
                    if left.is_set():
                        break
            finally:
                replies.put(None)

        if not (batches := self._split(inputs, config)):
            return
        with ThreadPoolExecutor(len(batches)) as threads:
            workers = [threads.submit(copy_context().run, work, batch) for batch in batches]
            try:
                for _ in batches:
                    for index, reply in iter(replies.get, None):
                        yield index, deliver(reply, return_exceptions)
            finally:
                left.set()
        for worker in workers:
            worker.result()  # raises if a member's batch itself failed

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Config = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) as members answer; leaving the loop early cancels the rest.

        Raises:
            ConfigurationError: A request names no member; no member is called then.
        """
        replies: asyncio.Queue[tuple[int, Any] | None] = asyncio.Queue()

        async def work(batch: _MemberBatch) -> None:
            try:
                completed = batch.member.abatch_as_completed(
                    batch.requests, batch.config, return_exceptions=True, **kwargs
                )
                async for position, reply in completed:
                    replies.put_nowait((batch.indices[position], reply))
            finally:
                replies.put_nowait(None)

        batches = self._split(inputs, config)
        workers = [asyncio.create_task(work(batch)) for batch in batches]
        try:
            for _ in batches:
                while (item := await replies.get()) is not None:
                    index, reply = item
                    yield index, deliver(reply, return_exceptions)
            await asyncio.gather(*workers)  # raises if a member's batch itself failed
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _member_name(self, request: SampleRequest) -> str:
        name = self.models[0] if request.model is None else request.model
        if name not in self.members:
            raise ConfigurationError(
                f"`model` of a request must name a member of the team; got {name!r}. Members: {', '.join(self.models)}."
            )
        return name

    def _split(self, inputs: Sequence[SampleRequest], config: Config) -> list[_MemberBatch]:
        indices: dict[str, list[int]] = {}
        for index, request in enumerate(inputs):
            indices.setdefault(self._member_name(request), []).append(index)
        return [
            _MemberBatch(self.members[name], own, [inputs[index] for index in own], _select_configs(config, own))
            for name, own in indices.items()
        ]


def _select_configs(config: Config, indices: Sequence[int]) -> Config:
    return [config[index] for index in indices] if isinstance(config, Sequence) else config
