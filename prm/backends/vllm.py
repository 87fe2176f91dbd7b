"""A process reward model in a vLLM engine of this process: no server, no port, the same batches."""

from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from its_graph.contracts import Aggregate, Verdict
from its_graph.prm.backends.remote import ScoringClient, RemotePRM, RemoteReply, parse_logprobs
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.qwen import QwenScorer
from its_graph.prm.families.weightless import load_weightless
from its_graph.serving.engine import Engine

__all__ = ["VLLMPRM"]


class VLLMPRM(RemotePRM):
    """A reward model in a vLLM engine of one's own, as a verifier.

    Args:
        scorer: says which tokens are read and where the scores stand; its weights are never used (see `load_weightless`).
        engine: of the model; a pooling engine for the families with marks.
        aggregate: turns step scores into the score of the solution; the rule of its metadata unless given.

    Raises:
        ConfigurationError: vLLM serves no model of this family.

    Example:
        >>> verifier = VLLMPRM.from_pretrained("Qwen/Qwen2.5-Math-PRM-7B", gpu_memory_utilization=0.4)
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
        """Start an engine; that takes from ten seconds to minutes.

        Args:
            folder_or_id: the model's folder, or hub id "owner/name".
            family: as in `PRM.from_pretrained`.
            aggregate: as in the constructor.
            arguments: of vLLM's `AsyncEngineArgs`: `gpu_memory_utilization` (its share of the GPU), ...
        """
        folder = local_folder(folder_or_id)
        scorer = load_weightless(folder, family)
        engine = Engine(str(folder), **_pooling(scorer), **arguments)
        try:
            return cls(scorer, engine, aggregate=aggregate)
        except BaseException:
            engine.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine in the engine's loop."""
        return self.engine.submit(coroutine)

    async def reader(self) -> ScoringClient:
        """Return a reader of the engine."""
        return _EngineReader(self.engine)

    def close(self) -> None:
        """End the engine."""
        self.engine.close()


class _EngineReader:
    """What a reader asks, as requests of the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def marks(self, ids: list[int], conversation: str) -> RemoteReply:
        """Ask for the pooled pairs (bad, good)."""
        output = await self._engine.pool(ids, task="token_classify")
        return RemoteReply([float(row[-1]) for row in output.outputs.data], output.num_cached_tokens or 0)

    async def prompt(self, ids: list[int], conversation: str) -> RemoteReply:
        """Ask for one token, which must be, and for what the prompt's own tokens were."""
        output = await self._engine.generate(ids, max_tokens=1, temperature=0.0, prompt_logprobs=1)
        return RemoteReply(parse_logprobs(output.prompt_logprobs, lambda one: float(one.logprob)), output.num_cached_tokens or 0)

    async def next(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Ask for one token and for the labels in its place."""
        output = await self._engine.generate(ids, max_tokens=1, temperature=0.0, logprob_token_ids=list(labels))
        [place] = parse_logprobs(output.outputs[0].logprobs, lambda one: float(one.logprob))
        return RemoteReply(place, output.num_cached_tokens or 0)


def _pooling(scorer: StepScorer) -> dict[str, Any]:
    """Return how the engine of a family with marks is started; a wrong id would give no scores, and no error."""
    if not isinstance(scorer, QwenScorer):
        return {}
    from vllm.config import PoolerConfig

    return {"runner": "pooling", "pooler_config": PoolerConfig(tok_pooling_type="STEP", step_tag_id=scorer.mark_id)}
