"""Scores the new steps of a growing solution without reading its old ones again.

A step search judges a path at every step: read in full, k steps cost 1 + 2 + ... + k. Here the keys and values of what
was read stay in a `PrefixCache` with the logits of its steps, and a model reads only what stands behind the longest
prefix that is kept; a beginning that several new texts share is read once. The scores are those of a full reading,
within rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.backends.prefix_cache import KeysValues, PrefixCache, PrefixMatch, Span
from its_graph.prm.backends.prefix_cache_batch import PrefixCacheBatch, supports_prefix_cache
from its_graph.prm.families.base import StepLayout, StepScorer

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["IncrementalScorer", "LayoutLogits"]

MIN_SHARED_TOKENS = 256
"""Tokens that a common beginning must save to be read in a pass of its own."""

PADDING_ALLOWANCE = 32
"""Tokens of padding that are not worth a pass of their own."""


class LayoutLogits(NamedTuple):
    """What was found out about one layout."""

    logits: list[float]
    """One per span; 0 where there is none."""
    cached_tokens: int
    """Tokens that did not have to be read for it."""


@dataclass(eq=False)
class _Row:
    """One text on its way: `logits` grows until every span has one."""

    token_ids: list[int]
    spans: Sequence[Span | None]
    match: PrefixMatch
    logits: dict[Span, float]
    read: int = 0
    """Tokens read on account of this text."""

    @property
    def unscored(self) -> list[Span]:
        return [span for span in self.spans if span and span not in self.logits]

    @property
    def past(self) -> int:
        """Tokens that need not be read. What predicts the first token of a step is read with it, again if need be."""
        return max(0, min([self.match.length, *(start - 1 for start, _ in self.unscored)]))

    @property
    def unread(self) -> int:
        return len(self.token_ids) - self.past

    @property
    def source(self) -> tuple[int, int]:
        """What siblings have in common: the end of what they continue, and its length."""
        return id(self.match.path[-1]) if self.past else 0, self.past

    @property
    def rest(self) -> StepLayout:
        past = self.past
        return StepLayout(self.token_ids[past:], [(start - past, end - past) for start, end in self.unscored])

    def resume(self, match: PrefixMatch) -> None:
        """Go on behind what is kept by now."""
        self.match = match
        self.logits |= match.logits


class IncrementalScorer:
    """Reads layouts with a scorer, and keeps what its models made of them. Not for several threads at once.

    Args:
        scorer: any scorer; it is read in full unless its `backbones` are all exact.
        limit: most tokens to keep; 0 reads everything in full.
    """

    def __init__(self, scorer: StepScorer, limit: int) -> None:
        if limit < 0:
            raise ConfigurationError(f"A cache holds 0 tokens or more, given {limit}; 0 switches it off.")
        self.read = 0
        """Tokens read so far."""
        self.reused = 0
        """Tokens that did not have to be read, so far."""
        self.enabled = limit > 0 and len(scorer.backbones) > 0 and all(map(supports_prefix_cache, scorer.backbones))
        """Whether anything is kept."""
        self._scorer = scorer
        self._store = PrefixCache(limit)
        self._state: object = None

    @property
    def tokens(self) -> int:
        """Tokens kept."""
        return self._store.tokens

    def clear(self) -> None:
        """Forget what is kept."""
        self._store.clear()

    def step_logits(self, layouts: Sequence[StepLayout]) -> list[LayoutLogits]:
        """Return the logits of all steps of `layouts`, each of which has one at least.

        What is kept gives way where memory runs out, and is forgotten once the weights have changed.

        Raises:
            torch.OutOfMemoryError: the batch does not even fit alone.
        """
        trained = self._scorer.training
        self._scorer.eval()
        state = _state_of(self._scorer) if self.enabled else None
        if trained or state != self._state:
            self.clear()
        self._state = state
        with torch.inference_mode():
            try:
                return self._readings(layouts)
            except torch.OutOfMemoryError:
                if not self.tokens:
                    raise
            # Outside the handler the exception's frames are gone, and with them the tensors of the failed attempt.
            self.clear()
            return self._readings(layouts)

    def _readings(self, layouts: Sequence[StepLayout]) -> list[LayoutLogits]:
        rows = [self._row(layout) for layout in layouts]
        if self.enabled:
            self._read_beginnings(rows)
        for together in _of_like_length(rows):
            self._read(together)
        cached = [max(0, len(row.token_ids) - row.read) for row in rows]
        self.read += sum(row.read for row in rows)
        self.reused += sum(cached)
        return [
            LayoutLogits([row.logits[span] if span else 0.0 for span in row.spans], tokens)
            for row, tokens in zip(rows, cached, strict=True)
        ]

    def _row(self, layout: StepLayout) -> _Row:
        """Return a text up to the end of its last step: to a causal model nothing behind it matters."""
        end = max(span[1] for span in layout.spans if span) if self.enabled else len(layout.token_ids)
        match = self._store.find(layout.token_ids[:end])
        return _Row(layout.token_ids[:end], layout.spans, match, dict(match.logits))

    def _read_beginnings(self, rows: Sequence[_Row]) -> None:
        """Read what several of `rows` have in common, where that saves enough, on account of one of them."""
        families: dict[tuple[int, int], list[_Row]] = {}
        for row in rows:
            families.setdefault(row.source, []).append(row)
        for family in families.values():
            first, past = family[0], family[0].past
            end = past + _alike([row.token_ids[past:] for row in family])
            end = min([end, *(begin - 1 for begin, stop in first.unscored if stop > end)])
            if (end - past) * (len(family) - 1) >= MIN_SHARED_TOKENS and end <= self._store.limit:
                spans = [span for span in first.spans if span and span[1] <= end]
                beginning = _Row(first.token_ids[:end], spans, first.match, dict(first.logits))
                self._read([beginning])
                first.read += beginning.read

    def _read(self, rows: Sequence[_Row]) -> None:
        """Read what is unread of `rows` in one pass, and keep it."""
        for row in rows:
            row.resume(self._store.find(row.token_ids))
        rows = [row for row in rows if row.unread]
        if not rows:
            return
        batch = self._scorer.collate([row.rest for row in rows])
        if self.enabled:
            batch = PrefixCacheBatch.behind(batch, self._scorer.backbones, _prefixes(rows))
        pasts = [row.past for row in rows]
        for row, found in zip(rows, self._scorer.step_logits(batch).tolist(), strict=True):
            row.read += row.unread
            row.logits |= dict(zip(row.unscored, found, strict=False))
        if isinstance(batch, PrefixCacheBatch):
            self._keep(rows, pasts, batch.news())

    def _keep(self, rows: Sequence[_Row], pasts: Sequence[int], news: KeysValues | None) -> None:
        if news is None:  # the scorer reads in a way of its own, and always will
            self.enabled = False
            return
        for place, (row, past) in enumerate(zip(rows, pasts, strict=True)):
            if not any(math.isnan(logit) for logit in row.logits.values()):
                own = tuple(tensor[:, place, :, : len(row.token_ids) - past] for tensor in news)
                self._store.keep(row.token_ids, past, own, row.logits)


def _state_of(scorer: StepScorer) -> object:
    """Return what changes whenever the weights do, or the metadata or a plain number of the read-out."""
    weights = [(one.data_ptr(), 0 if one.is_inference() else one._version) for one in scorer.parameters()]
    plain = {name: value for name, value in vars(scorer).items() if isinstance(value, str | int | float)}
    return weights, plain, scorer.metadata


def _alike(texts: Sequence[list[int]]) -> int:
    """Return how many tokens all `texts` begin with alike."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False)))


def _prefixes(rows: Sequence[_Row]) -> list[list[KeysValues]]:
    """Return what each row continues, run by run; siblings share one list."""
    found: dict[tuple[int, int], list[KeysValues]] = {}
    for row in rows:
        if row.source not in found:
            found[row.source] = row.match.kv(row.past)
    return [found[row.source] for row in rows]


def _of_like_length(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Divide rows into passes: a few new tokens padded to a whole solution would cost what the cache saves."""
    passes: list[list[_Row]] = []
    for row in sorted(rows, key=lambda row: row.unread):
        if passes and row.unread <= 2 * passes[-1][0].unread + PADDING_ALLOWANCE:
            passes[-1].append(row)
        else:
            passes.append([row])
    return passes
