"""`PRM`: a process reward model as a verifier, scoring all steps of a solution in one forward pass.

Candidates of all callers are merged into batches, sorted by length so that little is padded. Whatever the batch, the
scores of a candidate are those it gets alone. Of a solution that grows only the new end is read
(`its_graph.prm.backends.incremental`).
"""

import json
import math
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from its_graph.batching.batcher import MicroBatcher, all_at_once
from its_graph.batching.prefetch import PrefetchRunnable
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ItsGraphError, MissingExtraError
from its_graph.prm.backends.incremental import IncrementalScorer, LayoutLogits
from its_graph.prm.families.aggregation import get_aggregation, check_aggregation
from its_graph.prm.families.base import StepLayout, StepScorer
from its_graph.prm.families.checkpoints import local_folder
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import family_of, scorer_class

try:
    import torch
    from jinja2 import TemplateError
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "local") from error

__all__ = ["PRM"]

_NONE = LayoutLogits([], 0)


class PRM(PrefetchRunnable[Candidate, Verdict], Verifier):
    """Judge whole or partial solutions by the scores of their steps.

    Args:
        scorer: the model; it is put into eval mode.
        aggregate: turns step scores into the score of the solution; the rule of its metadata unless given.
        max_batch: most candidates in one forward pass; a batch that runs out of memory is halved.
        cache_tokens: most tokens whose keys and values are kept, so that the next step of a solution is read without
            the ones before it; each takes 2 x layers x key-value heads x width of a head numbers beside the weights.
            0 keeps none. Models for which that is not exact (windows, states) are read in full anyway.

    `Verdict.tokens` counts the whole candidate, kept or not, `Verdict.cached_tokens` what did not have to be read. What
    is kept is lost with the process: a search that is resumed in another one reads its paths once more.
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
        self.cache = IncrementalScorer(scorer, cache_tokens)
        """What was read; `read` and `reused` count tokens. Its methods belong to the worker thread."""
        self._batcher = MicroBatcher(
            all_at_once(self._judge), max_batch=max_batch, too_large=torch.OutOfMemoryError, name="reward-model"
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
            family: a name of `its_graph.prm.families.registry.FAMILIES`; "auto" asks the files.
            aggregate: as in the constructor.
            device: a GPU where there is one, unless given. On the CPU weights are widened to float32.
            cache_tokens: as in the constructor.

        Raises:
            ConfigurationError: no such folder or family, or files that do not make a whole model.
        """
        folder = local_folder(folder_or_id)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        scorer = scorer_class(family_of(folder) if family == "auto" else family)
        dtype = torch.float32 if device == "cpu" else "auto"
        loaded = scorer.from_pretrained(folder, dtype=dtype).to(device)
        return cls(loaded, aggregate=aggregate, cache_tokens=cache_tokens)

    @property
    def metadata(self) -> ScorerMetadata:
        """What the model was trained on."""
        return self.scorer.metadata

    def tokens(self, candidate: Candidate) -> int:
        """Return exactly the tokens of `candidate`, which is what the model reads where nothing of it is kept."""
        return self.scorer.score_tokens(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging, the short ones first."""
        futures: list[Future[Verdict]] = [Future() for _ in inputs]
        with self._batcher.together():
            for index in sorted(range(len(inputs)), key=lambda index: _length(inputs[index])):
                self._batcher.submit([inputs[index]], _reply_to(futures[index]))
        return futures

    def futures(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging; equal candidates of one call are read once, and only the first is charged for it."""
        twins: dict[str, list[int]] = {}
        for index, candidate in enumerate(inputs):
            twins.setdefault(json.dumps([candidate.messages, candidate.steps], default=str), []).append(index)
        futures: list[Future[Verdict]] = [Future() for _ in inputs]
        read = super().futures([inputs[group[0]] for group in twins.values()])
        for verdict, group in zip(read, twins.values(), strict=True):
            _share(verdict, [futures[index] for index in group])
        return futures

    def close(self) -> None:
        """End the worker thread, and forget what was read."""
        self.forget()
        self._batcher.close()
        self.cache.clear()

    def _judge(self, candidates: list[Candidate]) -> list[Verdict | Exception]:
        """Judge one batch; a candidate that has no layout gets its error in place of a verdict."""
        layouts = [self._layout(candidate) for candidate in candidates]
        scored = [layout for layout in layouts if isinstance(layout, StepLayout) and layout.tokens]
        readings = iter(self.cache.step_logits(scored) if scored else [])
        return [
            layout
            if isinstance(layout, Exception)
            else self._verdict(layout, next(readings) if layout.tokens else _NONE)
            for layout in layouts
        ]

    def _layout(self, candidate: Candidate) -> StepLayout | Exception:
        try:
            return self.scorer.checked_layout(candidate)
        except (ItsGraphError, TemplateError, ValueError, TypeError, KeyError) as error:
            return error

    def _verdict(self, layout: StepLayout, reading: LayoutLogits) -> Verdict:
        logits = [logit for logit, span in zip(reading.logits, layout.spans, strict=False) if span]
        read: list[float] = logits if self.score_range == "real" else torch.tensor(logits).sigmoid().tolist()
        shown = iter(None if math.isnan(score) else score for score in read)
        scores = tuple(next(shown) if span else None for span in layout.spans)
        # A step that should have had a score and has none makes the whole unknown; a step without text does not.
        known = bool(read) and not any(math.isnan(score) for score in read)
        return Verdict(
            scores=scores,
            value=self._aggregate(read) if known else None,
            tokens=layout.tokens,
            cached_tokens=reading.cached_tokens,
        )


def _reply_to(verdict: Future[Verdict]) -> Future[list[Verdict | Exception]]:
    """Return the future of one question as the batcher answers it; it is dropped once `verdict` is cancelled."""
    reply: Future[list[Verdict | Exception]] = Future()

    def deliver(reply: Future[list[Verdict | Exception]]) -> None:
        if reply.cancelled() or not verdict.set_running_or_notify_cancel():
            return
        outcome = reply.exception() or reply.result()[0]
        if isinstance(outcome, Verdict):
            verdict.set_result(outcome)
        else:
            verdict.set_exception(outcome)

    verdict.add_done_callback(lambda verdict: verdict.cancelled() and reply.cancel())
    reply.add_done_callback(deliver)
    return reply


def _share(verdict: Future[Verdict], twins: list[Future[Verdict]]) -> None:
    """Tell all `twins` one verdict, for which the first alone is charged; it is dropped once all are cancelled."""

    def drop(_: Future[Verdict]) -> None:
        if all(twin.cancelled() for twin in twins):
            verdict.cancel()

    def deliver(verdict: Future[Verdict]) -> None:
        if verdict.cancelled():
            return
        error, free = verdict.exception(), {"tokens": 0, "cached_tokens": 0}
        for place, twin in enumerate(twins):
            if not twin.set_running_or_notify_cancel():
                continue
            if error is not None:
                twin.set_exception(error)
            else:
                twin.set_result(verdict.result().model_copy(update=free if place else {}))

    for twin in twins:
        twin.add_done_callback(drop)
    verdict.add_done_callback(deliver)


def _length(candidate: Candidate) -> int:
    return sum(map(len, candidate.steps)) + sum(len(str(message)) for message in candidate.messages)
