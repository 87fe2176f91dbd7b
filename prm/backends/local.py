"""`PRM` and `ORM`: reward models in this process as verifiers, which score a solution in one forward pass.

Candidates of all callers are merged into batches, sorted by length to minimize padding. The scores of a candidate do
not depend on the batch. If a solution grows, only its new end is read (`its_graph.prm.backends.incremental`).
"""

import json
import math
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from its_graph.batching.batcher import MicroBatcher, all_at_once
from its_graph.batching.runnables import PrefetchRunnable
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ItsGraphError, MissingExtraError
from its_graph.prm.backends.incremental import IncrementalScorer, LayoutLogits
from its_graph.prm.families.aggregation import check_aggregation, get_aggregation
from its_graph.prm.families.base import StepLayout, StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import family_of, scorer_class

try:
    import torch
    from jinja2 import TemplateError
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "local") from error

__all__ = ["ORM", "PRM"]

_NO_LOGITS = LayoutLogits([], 0)


class PRM(PrefetchRunnable[Candidate, Verdict], Verifier):
    r"""Score whole or partial solutions by the scores of their steps.

    `Verdict.tokens` counts the whole candidate, `Verdict.cached_tokens` the part of it that came from the cache. The
    cache is lost with the process: a search that is resumed in another process reads its paths again.

    Args:
        scorer: the model; it is put into eval mode.
        aggregate: turns step scores into the score of the solution; default: the rule of the scorer's metadata.
        max_batch: maximum number of candidates in one forward pass; a batch that runs out of memory is halved.
        cache_tokens: maximum number of tokens whose keys and values are cached, so that the next step of a solution is
            read without the steps before it. Each token takes 2 x layers x key-value heads x head width numbers. 0
            disables the cache. Models for which the cache is not exact (windows, states) are always read in full.

    Raises:
        ConfigurationError: `aggregate` does not apply to the score range of the model, or `cache_tokens` < 0.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.embedded import WEIGHTS
        >>> from its_graph.prm import PRM
        >>> verifier = PRM.from_pretrained(WEIGHTS / "verifier", device="cpu")
        >>> question = ({"role": "user", "content": "Compute 2 + 3."},)
        >>> candidate = Candidate(messages=question, steps=("Step 1: 2 + 3 = 5\n",))
        >>> verdict = verifier.invoke(candidate)
        >>> verdict.value > 0.5, verdict.tokens == verifier.tokens(candidate)
        (True, True)
        >>> verifier.close()
    """

    def __init__(
        self,
        scorer: StepScorer,
        *,
        aggregate: Aggregate | None = None,
        max_batch: int = 16,
        cache_tokens: int = 32_768,
    ) -> None:
        self.scorer = scorer
        self.score_range = scorer.metadata.score_range
        self.parameters = scorer.parameter_count
        self._aggregate = (
            get_aggregation(scorer.metadata.aggregation, self.score_range)
            if aggregate is None
            else check_aggregation(aggregate, self.score_range)
        )
        self.incremental = IncrementalScorer(scorer, cache_tokens)
        """Reads the candidates; `tokens_read` and `tokens_reused` count tokens. Only the worker thread calls it."""
        self._batcher = MicroBatcher(
            all_at_once(self._verify), max_batch=max_batch, too_large=torch.OutOfMemoryError, name="reward-model"
        )

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | Path,
        *,
        family: str = "auto",
        aggregate: Aggregate | None = None,
        device: str | None = None,
        cache_tokens: int = 32_768,
    ) -> Self:
        """Load a reward model from a folder or the Hugging Face hub.

        Args:
            folder_or_id: folder, or hub id "owner/name".
            family: a name of `its_graph.prm.families.registry.FAMILIES`; "auto" recognizes it from the files.
            aggregate: as in the constructor.
            device: default: a GPU if there is one, otherwise the CPU, on which weights are widened to float32.
            cache_tokens: as in the constructor.

        Raises:
            ConfigurationError: the folder or family does not exist, or the files are not a complete model.
        """
        folder = local_folder(folder_or_id)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        scorer = scorer_class(family_of(folder) if family == "auto" else family)
        dtype = torch.float32 if device == "cpu" else "auto"
        model = scorer.from_pretrained(folder, dtype=dtype).to(device)
        return cls(model, aggregate=aggregate, cache_tokens=cache_tokens)

    @property
    def metadata(self) -> ScorerMetadata:
        """What the model was trained on and how its scores are used."""
        return self.scorer.metadata

    def tokens(self, candidate: Candidate) -> int:
        """Return the exact number of tokens of `candidate`, cached ones included."""
        return self.scorer.score_tokens(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start scoring the candidates, the shortest first."""
        futures: list[Future[Verdict]] = [Future() for _ in inputs]
        with self._batcher.hold():
            for index in sorted(range(len(inputs)), key=lambda index: _length(inputs[index])):
                self._batcher.submit([inputs[index]], _batch_reply(futures[index]))
        return futures

    def futures(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start scoring; equal candidates of one call are read once, and only the first is charged for it."""
        duplicates: dict[str, list[int]] = {}
        for index, candidate in enumerate(inputs):
            duplicates.setdefault(json.dumps([candidate.messages, candidate.steps], default=str), []).append(index)
        futures: list[Future[Verdict]] = [Future() for _ in inputs]
        verdicts = super().futures([inputs[indices[0]] for indices in duplicates.values()])
        for verdict, indices in zip(verdicts, duplicates.values(), strict=True):
            _share_verdict(verdict, [futures[index] for index in indices])
        return futures

    def close(self) -> None:
        """Stop the worker thread and clear the cache."""
        self.drop_prefetched()
        self._batcher.close()
        self.incremental.clear()

    def _verify(self, candidates: list[Candidate]) -> list[Verdict | Exception]:
        """Return the verdicts of one batch; a candidate that has no layout gets its error instead."""
        layouts = [self._layout(candidate) for candidate in candidates]
        scored = [layout for layout in layouts if isinstance(layout, StepLayout) and layout.tokens]
        logits = iter(self.incremental.step_logits(scored) if scored else [])
        return [
            layout
            if isinstance(layout, Exception)
            else self._verdict(layout, next(logits) if layout.tokens else _NO_LOGITS)
            for layout in layouts
        ]

    def _layout(self, candidate: Candidate) -> StepLayout | Exception:
        try:
            return self.scorer.checked_layout(candidate)
        except (ItsGraphError, TemplateError, ValueError, TypeError, KeyError) as error:
            return error

    def _verdict(self, layout: StepLayout, layout_logits: LayoutLogits) -> Verdict:
        logits = [logit for logit, span in zip(layout_logits.logits, layout.spans, strict=False) if span]
        values: list[float] = logits if self.score_range == "real" else torch.tensor(logits).sigmoid().tolist()
        valid = iter(None if math.isnan(value) else value for value in values)
        scores = tuple(next(valid) if span else None for span in layout.spans)
        # A step with text but without a score makes the score of the solution missing; a step without text does not.
        complete = bool(values) and not any(math.isnan(value) for value in values)
        return Verdict(
            scores=scores,
            value=self._aggregate(values) if complete else None,
            tokens=layout.tokens,
            cached_tokens=layout_logits.cached_tokens,
        )


class ORM(PRM):
    """Score whole solutions with an outcome reward model; otherwise like `PRM`.

    Args:
        scorer: the model; it is put into eval mode.
        aggregate: turns step scores into the score of the solution; default: the rule of the scorer's metadata.
        max_batch: maximum number of candidates in one forward pass; a batch that runs out of memory is halved.
        cache_tokens: as in `PRM`; outcome models are always read in full.

    Example:
        >>> from its_graph.prm import ORM
        >>> verifier = ORM.from_pretrained("Skywork/Skywork-Reward-V2-Qwen3-0.6B")  # doctest: +SKIP
    """

    @classmethod
    def from_pretrained(cls, folder_or_id: str | Path, *, family: str = "outcome", **options: Any) -> Self:
        """Load an outcome reward model from a folder or the Hugging Face hub.

        Args:
            folder_or_id: folder, or hub id "owner/name".
            family: "outcome", unless the model is read in a different way.
            options: as in `PRM.from_pretrained`.

        Raises:
            ConfigurationError: the folder does not exist, or the files are not a complete classifier with one label.
        """
        return super().from_pretrained(folder_or_id, family=family, **options)


def _batch_reply(verdict: Future[Verdict]) -> Future[list[Verdict | Exception]]:
    """Return the batcher's future for one candidate, which resolves `verdict`; it is cancelled with `verdict`."""
    reply: Future[list[Verdict | Exception]] = Future()

    def resolve(reply: Future[list[Verdict | Exception]]) -> None:
        if reply.cancelled() or not verdict.set_running_or_notify_cancel():
            return
        outcome = reply.exception() or reply.result()[0]
        if isinstance(outcome, Verdict):
            verdict.set_result(outcome)
        else:
            verdict.set_exception(outcome)

    verdict.add_done_callback(lambda verdict: verdict.cancelled() and reply.cancel())
    reply.add_done_callback(resolve)
    return reply


def _share_verdict(verdict: Future[Verdict], duplicates: list[Future[Verdict]]) -> None:
    """Resolve all `duplicates` with one verdict, charged to the first only; it is cancelled once they all are."""

    def cancel(_: Future[Verdict]) -> None:
        if all(duplicate.cancelled() for duplicate in duplicates):
            verdict.cancel()

    def resolve(verdict: Future[Verdict]) -> None:
        if verdict.cancelled():
            return
        error, free = verdict.exception(), {"tokens": 0, "cached_tokens": 0}
        for index, duplicate in enumerate(duplicates):
            if not duplicate.set_running_or_notify_cancel():
                continue
            if error is not None:
                duplicate.set_exception(error)
            else:
                duplicate.set_result(verdict.result().model_copy(update=free if index else {}))

    for duplicate in duplicates:
        duplicate.add_done_callback(cancel)
    verdict.add_done_callback(resolve)


def _length(candidate: Candidate) -> int:
    return sum(map(len, candidate.steps)) + sum(len(str(message)) for message in candidate.messages)
