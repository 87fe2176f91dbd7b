"""A process reward model behind a vLLM server (`/pooling`, `/v1/completions`), as a verifier."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from its_graph.batching.loop import LoopThread, PerLoop
from its_graph.contracts import Aggregate, Verdict
from its_graph.prm.backends.remote import RemotePRM, RemoteReply, ScoringClient, parse_logprobs
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.weightless import load_weightless
from its_graph.serving.replicas import Replicas, ServerReplyError
from its_graph.serving.server_address import resolve_api_key, validate_server_urls

__all__ = ["ServedPRM"]


class ServedPRM(RemotePRM):
    """Score candidates with a reward model on one or several vLLM servers.

    `connect` builds the scorer from a folder or a hub id.

    Args:
        scorer: determines which tokens are read and where the scores are; its weights are never used (see
            `load_weightless`).
        base_url: address of the server, with or without `/v1`; or several servers of the same model.
        model: name of the model on the server.
        api_key: key of the server; default: the environment variable ITS_GRAPH_SERVER_KEY, or else OPENAI_API_KEY.
        aggregate: turns step scores into the score of the solution; default: the rule of the scorer's metadata.
        max_connections: maximum number of concurrent requests.
        silence_s: seconds without data from the server after which a call fails.

    Raises:
        ConfigurationError: vLLM does not serve models of this family, or the address is invalid.

    Example:
        >>> from its_graph.prm import ServedPRM
        >>> verifier = ServedPRM.connect("http://localhost:8001", "Qwen/Qwen2.5-Math-PRM-7B")  # doctest: +SKIP
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
            [url.rstrip("/").removesuffix("/v1") for url in validate_server_urls(base_url)],
            api_key=resolve_api_key(api_key),
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
        """Load the reward model's tokenizer and metadata, and connect to the server that holds its weights.

        Args:
            base_url: as in the constructor.
            folder_or_id: the model's folder, or hub id "owner/name"; no weights are loaded.
            model: name of the model on the server; default: `folder_or_id`, as `its-graph serve` names it.
            family: as in `PRM.from_pretrained`.
            options: arguments of the constructor.

        Raises:
            ConfigurationError: as in the constructor, or the folder does not exist.
        """
        validate_server_urls(base_url)  # rejects an invalid address before the folder is downloaded
        scorer = load_weightless(local_folder(folder_or_id), family)
        return cls(scorer, base_url, model or str(folder_or_id), **options)

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine in the verifier's own event loop."""
        return self._loop.submit(coroutine)

    async def client(self) -> ScoringClient:
        """Return a client that uses the connections of the running loop."""
        return _HttpClient(await self._servers.get(), self.model)

    def close(self) -> None:
        """Close the connections; running requests are cancelled."""
        self._loop.close()

    @cached_property
    def _loop(self) -> LoopThread:
        return LoopThread("served reward model")


class _HttpClient:
    """A `ScoringClient` over the HTTP routes of vLLM's server."""

    def __init__(self, servers: Replicas, model: str) -> None:
        self._servers, self._model = servers, model

    async def pooled_scores(self, ids: list[int], conversation: str) -> RemoteReply:
        """Request the pooling route, which returns a pair (bad, good) for each mark."""
        reply = await self._post("/pooling", {"input": ids}, conversation)
        return self._parse(reply, lambda: [float(pair[-1]) for pair in reply["data"][0]["data"]])

    async def prompt_logprobs(self, ids: list[int], conversation: str) -> RemoteReply:
        """Request one token, the minimum, and the log-probabilities of the prompt tokens."""
        reply = await self._complete({"prompt": ids, "prompt_logprobs": 1}, conversation)
        return self._parse(
            reply,
            lambda: parse_logprobs(reply["choices"][0]["prompt_logprobs"], lambda entry: float(entry["logprob"])),
        )

    async def label_logprobs(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Request one token, and the log-probabilities of the labels at its position, by their ids."""
        body = {"prompt": ids, "logprobs": 2, "logprob_token_ids": list(labels), "return_tokens_as_token_ids": True}
        reply = await self._complete(body, conversation)

        def values() -> dict[int, float]:
            logprobs = reply["choices"][0]["logprobs"]["top_logprobs"][0]
            return {label: float(logprobs[f"token_id:{label}"]) for label in labels}

        return self._parse(reply, values)

    async def _complete(self, body: dict[str, Any], conversation: str) -> Mapping[str, Any]:
        return await self._post("/v1/completions", {**body, "max_tokens": 1, "temperature": 0}, conversation)

    async def _post(self, path: str, body: dict[str, Any], conversation: str) -> Mapping[str, Any]:
        return await self._servers.post(path, {"model": self._model, **body}, conversation=conversation)

    def _parse(self, reply: Mapping[str, Any], values: Callable[[], Any]) -> RemoteReply:
        details = (reply.get("usage") or {}).get("prompt_tokens_details") or {}
        try:
            return RemoteReply(values(), int(details.get("cached_tokens") or 0))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The reply of {self._model} must hold scores; got {error!r}") from error
