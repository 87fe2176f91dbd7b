"""Score the new steps of a growing solution without reading its earlier steps again.

A step search scores a path at every step: read in full, k steps cost 1 + 2 + ... + k. Here the keys and values of the
tokens that were read stay in a `PrefixCache`, with the logits of their steps, and a model reads only the tokens after
the longest cached prefix; a prefix that several new texts share is read once. The scores equal those of a full reading,
up to rounding.
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
"""Tokens that a shared prefix must save to be read in a separate pass."""

PADDING_ALLOWANCE = 32
"""Padding tokens that do not justify a separate pass."""


class LayoutLogits(NamedTuple):
    """The logits of one layout."""

    logits: list[float]
    """One per span; 0 for a step without a span."""
    cached_tokens: int
    """Tokens that were not read for it, because they were cached."""


@dataclass(eq=False)
class _Row:
    """One text that is being read: `logits` grows until every span has one."""

    token_ids: list[int]
    spans: Sequence[Span | None]
    match: PrefixMatch
    logits: dict[Span, float]
    tokens_read: int = 0
    """Tokens read that are charged to this text."""

    @property
    def unscored(self) -> list[Span]:
        return [span for span in self.spans if span and span not in self.logits]

    @property
    def prefix_length(self) -> int:
        """Tokens that need not be read. The token that predicts the first token of a step is read with the step."""
        return max(0, min([self.match.length, *(start - 1 for start, _ in self.unscored)]))

    @property
    def unread_tokens(self) -> int:
        return len(self.token_ids) - self.prefix_length

    @property
    def prefix_key(self) -> tuple[int, int]:
        """Identity of the cached prefix, equal for siblings: its last node and its length."""
        return id(self.match.path[-1]) if self.prefix_length else 0, self.prefix_length

    @property
    def unread_layout(self) -> StepLayout:
        offset = self.prefix_length
        return StepLayout(self.token_ids[offset:], [(start - offset, end - offset) for start, end in self.unscored])

    def resume(self, match: PrefixMatch) -> None:
        """Continue after the prefix that is cached by now."""
        self.match = match
        self.logits |= match.logits


class IncrementalScorer:
    """Scores layouts with a scorer and caches what its models computed. Not thread-safe.

    Args:
        scorer: any scorer; it is read in full unless all its `backbones` support the cache.
        limit: maximum number of cached tokens; 0 reads everything in full.

    Raises:
        ConfigurationError: `limit` is negative.
    """

    def __init__(self, scorer: StepScorer, limit: int) -> None:
        if limit < 0:
            raise ConfigurationError(f"cache_tokens must be >= 0; got {limit}. 0 disables the cache.")
        self.tokens_read = 0
        """Tokens read so far."""
        self.tokens_reused = 0
        """Tokens that were not read, because they were cached, so far."""
        self.enabled = limit > 0 and len(scorer.backbones) > 0 and all(map(supports_prefix_cache, scorer.backbones))
        """Whether anything is cached."""
        self._scorer = scorer
        self._cache = PrefixCache(limit)
        self._state: object = None

    @property
    def cached_tokens(self) -> int:
        """Tokens in the cache."""
        return self._cache.tokens

    def clear(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def step_logits(self, layouts: Sequence[StepLayout]) -> list[LayoutLogits]:
        """Return the logits of all steps of `layouts`, each of which has at least one step.

        The cache is cleared if memory runs out, and if the weights have changed.

        Raises:
            torch.OutOfMemoryError: the batch does not fit even with an empty cache.
        """
        was_training = self._scorer.training
        self._scorer.eval()
        state = _state_of(self._scorer) if self.enabled else None
        if was_training or state != self._state:
            self.clear()
        self._state = state
        with torch.inference_mode():
            try:
                return self._score(layouts)
            except torch.OutOfMemoryError:
                if not self.cached_tokens:
                    raise
            # Retry outside the handler: the exception's frames hold the tensors of the failed attempt.
            self.clear()
            return self._score(layouts)

    def _score(self, layouts: Sequence[StepLayout]) -> list[LayoutLogits]:
        rows = [self._row(layout) for layout in layouts]
        if self.enabled:
            self._read_shared_prefixes(rows)
        for group in _group_by_length(rows):
            self._read(group)
        cached = [max(0, len(row.token_ids) - row.tokens_read) for row in rows]
        self.tokens_read += sum(row.tokens_read for row in rows)
        self.tokens_reused += sum(cached)
        return [
            LayoutLogits([row.logits[span] if span else 0.0 for span in row.spans], tokens)
            for row, tokens in zip(rows, cached, strict=True)
        ]

    def _row(self, layout: StepLayout) -> _Row:
        """Return a text up to the end of its last step: later tokens do not affect a causal model's logits."""
        end = max(span[1] for span in layout.spans if span) if self.enabled else len(layout.token_ids)
        match = self._cache.match_prefix(layout.token_ids[:end])
        return _Row(layout.token_ids[:end], layout.spans, match, dict(match.logits))

    def _read_shared_prefixes(self, rows: Sequence[_Row]) -> None:
        """Read prefixes that several of `rows` share, if that saves enough tokens; charge them to the first row."""
        siblings: dict[tuple[int, int], list[_Row]] = {}
        for row in rows:
            siblings.setdefault(row.prefix_key, []).append(row)
        for group in siblings.values():
            first, start = group[0], group[0].prefix_length
            end = start + _shared_length([row.token_ids[start:] for row in group])
            end = min([end, *(begin - 1 for begin, stop in first.unscored if stop > end)])
            if (end - start) * (len(group) - 1) >= MIN_SHARED_TOKENS and end <= self._cache.limit:
                spans = [span for span in first.spans if span and span[1] <= end]
                shared = _Row(first.token_ids[:end], spans, first.match, dict(first.logits))
                self._read([shared])
                first.tokens_read += shared.tokens_read

    def _read(self, rows: Sequence[_Row]) -> None:
        """Read the unread tokens of `rows` in one pass, and cache them."""
        for row in rows:
            row.resume(self._cache.match_prefix(row.token_ids))
        rows = [row for row in rows if row.unread_tokens]
        if not rows:
            return
        batch = self._scorer.collate([row.unread_layout for row in rows])
        if self.enabled:
            batch = PrefixCacheBatch.with_prefixes(batch, self._scorer.backbones, _prefixes(rows))
        starts = [row.prefix_length for row in rows]
        for row, logits in zip(rows, self._scorer.step_logits(batch).tolist(), strict=True):
            row.tokens_read += row.unread_tokens
            row.logits |= dict(zip(row.unscored, logits, strict=False))
        if isinstance(batch, PrefixCacheBatch):
            self._insert(rows, starts, batch.new_keys_values())

    def _insert(self, rows: Sequence[_Row], starts: Sequence[int], keys_values: KeysValues | None) -> None:
        if keys_values is None:  # the scorer bypasses the cache, and always will
            self.enabled = False
            return
        for index, (row, start) in enumerate(zip(rows, starts, strict=True)):
            if not any(math.isnan(logit) for logit in row.logits.values()):
                own = tuple(tensor[:, index, :, : len(row.token_ids) - start] for tensor in keys_values)
                self._cache.insert(row.token_ids, start, own, row.logits)


def _state_of(scorer: StepScorer) -> object:
    """Return a value that changes whenever the weights, the metadata or a plain number of the read-out change."""
    weights = [
        (parameter.data_ptr(), 0 if parameter.is_inference() else parameter._version)
        for parameter in scorer.parameters()
    ]
    plain = {name: value for name, value in vars(scorer).items() if isinstance(value, str | int | float)}
    return weights, plain, scorer.metadata


def _shared_length(texts: Sequence[list[int]]) -> int:
    """Return the length of the longest common prefix of `texts`."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False)))


def _prefixes(rows: Sequence[_Row]) -> list[list[KeysValues]]:
    """Return the cached prefix of each row, run by run; siblings share one list."""
    prefixes: dict[tuple[int, int], list[KeysValues]] = {}
    for row in rows:
        if row.prefix_key not in prefixes:
            prefixes[row.prefix_key] = row.match.keys_values(row.prefix_length)
    return [prefixes[row.prefix_key] for row in rows]


def _group_by_length(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Divide rows into passes: padding a few new tokens to a whole solution would cost what the cache saves."""
    passes: list[list[_Row]] = []
    for row in sorted(rows, key=lambda row: row.unread_tokens):
        if passes and row.unread_tokens <= 2 * passes[-1][0].unread_tokens + PADDING_ALLOWANCE:
            passes[-1].append(row)
        else:
            passes.append([row])
    return passes
