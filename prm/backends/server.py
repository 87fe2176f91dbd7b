"""A process reward model behind a vLLM server (`/pooling`, `/v1/completions`), as a verifier."""

from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from its_graph.batching.loop import LoopThread, PerLoop
from its_graph.contracts import Aggregate, Verdict
from its_graph.prm.backends.remote import ScoringClient, RemotePRM, RemoteReply, parse_logprobs
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.weightless import load_weightless
from its_graph.serving.replicas import Replicas, ServerReplyError
from its_graph.serving.server_address import server_key, server_urls

__all__ = ["ServedPRM"]


class ServedPRM(RemotePRM):
    """A reward model on one or several vLLM servers, as a verifier.

    Args:
        scorer: says which tokens are read and where the scores stand; its weights are never used (see `load_weightless`).
        base_url: of the server, with or without `/v1`; or several of the same model.
        model: its name on the server.
        api_key: of the server; the environment's ITS_GRAPH_SERVER_KEY or else OPENAI_API_KEY unless given.
        aggregate: turns step scores into the score of the solution; the rule of its metadata unless given.
        max_connections: requests under way at the same time.
        silence_s: seconds without a sign of the server after which a call fails.

    Raises:
        ConfigurationError: vLLM serves no model of this family, or the address is none.
    """

    def __init__(
        self,
        scorer: StepScorer,
        base_url: str | Sequence[str],
        model: str,
        *,
        api_key: str | None = None,
        aggregate: Aggregate | None = None,
        max_connections: int = 256,
        silence_s: float = 600.0,
    ) -> None:
        super().__init__(scorer, aggregate)
        self.model = model
        make = partial(
            Replicas,
            [url.rstrip("/").removesuffix("/v1") for url in server_urls(base_url)],
            api_key=server_key(api_key),
            max_connections=max_connections,
            timeout_s=silence_s,
        )
        self._servers = PerLoop(make, Replicas.close)

    @classmethod
    def connect(
        cls,
        base_url: str | Sequence[str],
        folder_or_id: str | Path,
        *,
        model: str | None = None,
        family: str = "auto",
        **options: Any,
    ) -> Self:
        """Read the reward model's tokenizer and facts here, its scores there.

        Args:
            base_url: as in the constructor.
            folder_or_id: the model's folder, or hub id "owner/name"; no weights are loaded.
            model: its name on the server; `folder_or_id` unless given, as `its-graph serve` has it.
            family: as in `PRM.from_pretrained`.
            options: of the constructor.
        """
        server_urls(base_url)  # a folder may have to be downloaded first: an address that is none is told before
        scorer = load_weightless(local_folder(folder_or_id), family)
        return cls(scorer, base_url, model or str(folder_or_id), **options)

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine in this object's own loop."""
        return self._loop.submit(coroutine)

    async def reader(self) -> ScoringClient:
        """Return a reader over the connections of the running loop."""
        return _HttpReader(await self._servers.get(), self.model)

    def close(self) -> None:
        """Close the connections; requests that are still running are cancelled."""
        self._loop.close()

    @cached_property
    def _loop(self) -> LoopThread:
        return LoopThread("served reward model")


class _HttpReader:
    """What a reader asks, as bodies and replies of vLLM's server."""

    def __init__(self, servers: Replicas, model: str) -> None:
        self._servers, self._model = servers, model

    async def marks(self, ids: list[int], conversation: str) -> RemoteReply:
        """Ask the pooling route, which gives a pair (bad, good) a mark."""
        reply = await self._ask("/pooling", {"input": ids}, conversation)
        return self._told(reply, lambda: [float(row[-1]) for row in reply["data"][0]["data"]])

    async def prompt(self, ids: list[int], conversation: str) -> RemoteReply:
        """Ask for one token, which must be, and for what the prompt's own tokens were."""
        reply = await self._complete({"prompt": ids, "prompt_logprobs": 1}, conversation)
        return self._told(
            reply, lambda: parse_logprobs(reply["choices"][0]["prompt_logprobs"], lambda one: float(one["logprob"]))
        )

    async def next(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Ask for one token and for the labels in its place, by their ids."""
        asked = {"prompt": ids, "logprobs": 2, "logprob_token_ids": list(labels), "return_tokens_as_token_ids": True}
        reply = await self._complete(asked, conversation)

        def values() -> dict[int, float]:
            places = reply["choices"][0]["logprobs"]["top_logprobs"][0]
            return {label: float(places[f"token_id:{label}"]) for label in labels}

        return self._told(reply, values)

    async def _complete(self, asked: dict[str, Any], conversation: str) -> Mapping[str, Any]:
        return await self._ask("/v1/completions", {**asked, "max_tokens": 1, "temperature": 0}, conversation)

    async def _ask(self, path: str, body: dict[str, Any], conversation: str) -> Mapping[str, Any]:
        return await self._servers.post(path, {"model": self._model, **body}, conversation=conversation)

    def _told(self, reply: Mapping[str, Any], values: Any) -> RemoteReply:
        details = (reply.get("usage") or {}).get("prompt_tokens_details") or {}
        try:
            return RemoteReply(values(), int(details.get("cached_tokens") or 0))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The scores of {self._model} cannot be read: {error!r}") from error
