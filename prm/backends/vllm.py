"""A process reward model in a vLLM engine of this process: no server, no port, the same batching."""

from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from its_graph.contracts import Aggregate, Verdict
from its_graph.prm.backends.remote import RemotePRM, RemoteReply, ScoringClient, parse_logprobs
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.qwen import QwenScorer
from its_graph.prm.families.weightless import load_weightless
from its_graph.serving.engine import Engine

__all__ = ["VLLMPRM"]


class VLLMPRM(RemotePRM):
    """Score candidates with a reward model in a vLLM engine of this process.

    `from_pretrained` starts the engine.

    Args:
        scorer: determines which tokens are read and where the scores are; its weights are never used (see
            `load_weightless`).
        engine: the engine of the model; a pooling engine for families with marks.
        aggregate: turns step scores into the score of the solution; default: the rule of the scorer's metadata.

    Raises:
        ConfigurationError: vLLM does not serve models of this family.

    Example:
        >>> from its_graph.prm import VLLMPRM  # doctest: +SKIP
        >>> verifier = VLLMPRM.from_pretrained(  # doctest: +SKIP
        ...     "Qwen/Qwen2.5-Math-PRM-7B", gpu_memory_utilization=0.4
        ... )
    """

    def __init__(self, scorer: StepScorer, engine: Engine, *, aggregate: Aggregate | None = None) -> None:
        super().__init__(scorer, aggregate)
        self.engine = engine

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | Path,
        *,
        family: str = "auto",
        aggregate: Aggregate | None = None,
        **arguments: Any,
    ) -> Self:
        """Start an engine, which takes from ten seconds to minutes.

        Args:
            folder_or_id: the model's folder, or hub id "owner/name".
            family: as in `PRM.from_pretrained`.
            aggregate: as in the constructor.
            arguments: options of vLLM's `AsyncEngineArgs`, for example `gpu_memory_utilization` (share of the GPU).

        Raises:
            ConfigurationError: as in the constructor, or the folder does not exist.
        """
        folder = local_folder(folder_or_id)
        scorer = load_weightless(folder, family)
        engine = Engine(str(folder), **_pooling_options(scorer), **arguments)
        try:
            return cls(scorer, engine, aggregate=aggregate)
        except BaseException:
            engine.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine in the engine's event loop."""
        return self.engine.submit(coroutine)

    async def client(self) -> ScoringClient:
        """Return a client of the engine."""
        return _EngineClient(self.engine)

    def close(self) -> None:
        """Stop the engine."""
        self.engine.close()


class _EngineClient:
    """A `ScoringClient` of an engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def pooled_scores(self, ids: list[int], conversation: str) -> RemoteReply:
        """Request the pooled pairs (bad, good)."""
        output = await self._engine.pool(ids, task="token_classify")
        return RemoteReply([float(pair[-1]) for pair in output.outputs.data], output.num_cached_tokens or 0)

    async def prompt_logprobs(self, ids: list[int], conversation: str) -> RemoteReply:
        """Request one token, the minimum, and the log-probabilities of the prompt tokens."""
        output = await self._engine.generate(ids, max_tokens=1, temperature=0.0, prompt_logprobs=1)
        logprobs = parse_logprobs(output.prompt_logprobs, lambda entry: float(entry.logprob))
        return RemoteReply(logprobs, output.num_cached_tokens or 0)

    async def label_logprobs(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Request one token, and the log-probabilities of the labels at its position."""
        output = await self._engine.generate(ids, max_tokens=1, temperature=0.0, logprob_token_ids=list(labels))
        [logprobs] = parse_logprobs(output.outputs[0].logprobs, lambda entry: float(entry.logprob))
        return RemoteReply(logprobs, output.num_cached_tokens or 0)


def _pooling_options(scorer: StepScorer) -> dict[str, Any]:
    """Return the engine options for a family with marks; a wrong mark id would return no scores and no error."""
    if not isinstance(scorer, QwenScorer):
        return {}
    from vllm.config import PoolerConfig

    return {"runner": "pooling", "pooler_config": PoolerConfig(tok_pooling_type="STEP", step_tag_id=scorer.mark_id)}
