"""Reward models whose weights are elsewhere: this process knows how to read them, a `ScoringClient` asks whoever has them.

Three ways, by family: a model with marks behind its steps is pooled, one number a mark; a likelihood PRM is a plain
language model, whose prompt's own log-probabilities are asked for; a model that says "+" or "-" is asked for the two at
the end of each step. Token ids are sent, never text, so that both sides mean the same tokens; a reply with another
number of scores than marks is an error of that candidate, never a guess.
"""

import asyncio
import math
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from hashlib import blake2b
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from its_graph.batching.prefetch import PrefetchRunnable
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import get_aggregation, check_aggregation
from its_graph.prm.families.base import StepLayout, StepScorer
from its_graph.prm.families.label_token import LabelTokenScorer
from its_graph.prm.families.likelihood import LikelihoodScorer
from its_graph.prm.families.qwen import QwenScorer

__all__ = ["ScoringClient", "RemotePRM", "RemoteReply"]

RemoteScores = Sequence[float | None]
SCORE_CACHE_SIZE = 16_384
"""Step scores that are remembered where each of them is a request."""


class RemoteReply(NamedTuple):
    """What was answered, and how much of the question was in a prefix cache."""

    values: Any
    cached_tokens: int = 0


class ScoringClient(Protocol):
    """Asks a model; `conversation` names the texts that share a beginning."""

    async def marks(self, ids: list[int], conversation: str) -> RemoteReply:
        """Return P(good) at every mark, a list."""

    async def prompt(self, ids: list[int], conversation: str) -> RemoteReply:
        """Return for each token of the prompt {token: log-probability}, of itself and of the likeliest; None first."""

    async def next(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Return {label: log-probability} of the token behind the prompt."""


Way = Callable[[ScoringClient, StepLayout, str], Awaitable[RemoteReply]]
"""Gives a score for each step as `values`; None for one without text."""


class RemotePRM(PrefetchRunnable[Candidate, Verdict], Verifier):
    """Base of the reward models that are read elsewhere.

    Args:
        scorer: says which tokens are read and where the scores stand; its weights are never used (see `blueprint`).
        aggregate: turns step scores into the score of the solution; the rule of its metadata unless given.

    Raises:
        ConfigurationError: vLLM serves no model of this family.
    """

    def __init__(self, scorer: StepScorer, aggregate: Aggregate | None) -> None:
        self.scorer = scorer
        self.score_range = scorer.metadata.score_range
        self.parameters = scorer.parameter_count
        self._way = _way(scorer)
        own = get_aggregation(scorer.metadata.aggregation, self.score_range)
        self._aggregate = own if aggregate is None else check_aggregation(aggregate, self.score_range)

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine where the reader lives."""
        raise NotImplementedError

    async def reader(self) -> ScoringClient:
        """Return the reader, where `run` runs."""
        raise NotImplementedError

    def close(self) -> None:
        """End what this object holds; requests that are still running are cancelled."""
        raise NotImplementedError

    def tokens(self, candidate: Candidate) -> int:
        """Return exactly the tokens that the model reads for `candidate`."""
        return self.scorer.score_tokens(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging."""
        return [self.run(self._judge(candidate)) for candidate in inputs]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    async def _judge(self, candidate: Candidate) -> Verdict:
        layout = await asyncio.to_thread(self.scorer.checked_layout, candidate)
        if not layout.tokens:
            return Verdict(scores=(None,) * len(layout.spans), value=None)
        row, cached = await self._way(await self.reader(), layout, repr(candidate.messages))
        known = [score for score in row if score is not None]
        scores = tuple(None if score is None or math.isnan(score) else score for score in row)
        whole = None if any(map(math.isnan, known)) else self._aggregate(known)
        return Verdict(scores=scores, value=whole, tokens=layout.tokens, cached_tokens=min(cached, layout.tokens))


def _way(scorer: StepScorer) -> Way:
    if isinstance(scorer, QwenScorer):
        return partial(_by_marks, scorer.mark_id)
    if isinstance(scorer, LikelihoodScorer):
        return partial(_by_prompt, scorer)
    if isinstance(scorer, LabelTokenScorer):
        return _ByLabels(scorer)
    raise ConfigurationError(
        f"vLLM serves no reward model of the family {scorer.metadata.family!r}; it does qwen, likelihood and those "
        "that answer with a word (math-shepherd, rlhflow, er-prm, math-psa). Load it into this process: "
        "PRM.from_pretrained(folder)."
    )


async def _by_marks(mark_id: int, reader: ScoringClient, layout: StepLayout, conversation: str) -> RemoteReply:
    """Read the number of each step's mark; marks that the question holds have numbers as well."""
    told = await reader.marks(layout.token_ids, conversation)
    places = [place for place, token in enumerate(layout.token_ids) if token == mark_id]
    if len(told.values) != len(places):
        raise ValueError(f"{len(told.values)} scores for {len(places)} marks; is the engine's step_tag_id {mark_id}?")
    good = dict(zip(places, told.values, strict=True))
    return RemoteReply([None if span is None else good[span[0]] for span in layout.spans], told.cached_tokens)


async def _by_prompt(scorer: LikelihoodScorer, reader: ScoringClient, layout: StepLayout, conversation: str) -> RemoteReply:
    """Compare each token with the likeliest one at its place."""
    told = await reader.prompt(layout.token_ids, conversation)
    if len(told.values) != len(layout.token_ids):
        raise ValueError(f"log-probabilities of {len(told.values)} tokens for {len(layout.token_ids)}")
    reduce = sum if scorer.metadata.token_reduction == "sum" else min

    def gap(place: int) -> float:
        known: Mapping[int, float] = told.values[place]
        return known[layout.token_ids[place]] - max(known.values())

    a, b = scorer.a.item(), scorer.b.item()
    row = [None if span is None else _sigmoid(a * reduce(map(gap, range(*span))) + b) for span in layout.spans]
    return RemoteReply(row, told.cached_tokens)


class _ByLabels:
    """Asks for the two labels at the end of each step, once for each text.

    One after the other: every request then finds the one before it in the prefix cache, and reads its own step alone.
    """

    def __init__(self, scorer: LabelTokenScorer) -> None:
        self._labels = scorer.good_id, scorer.bad_id
        self._known: OrderedDict[bytes, float] = OrderedDict()

    async def __call__(self, reader: ScoringClient, layout: StepLayout, conversation: str) -> RemoteReply:
        row: list[float | None] = []
        found = 0
        for span in layout.spans:
            if span is None:
                row.append(None)
                continue
            ids = layout.token_ids[: span[1]]
            key = blake2b(array("q", ids).tobytes(), digest_size=16).digest()
            # What this candidate's own earlier steps left in the cache was read for it, and does not count.
            found = len(ids) if key in self._known else found
            score = self._known[key] if key in self._known else await self._score(reader, ids, conversation)
            self._keep(key, score)
            row.append(score)
        return RemoteReply(row, found)

    async def _score(self, reader: ScoringClient, ids: list[int], conversation: str) -> float:
        told = await reader.next(ids, self._labels, conversation)
        good, bad = (told.values[label] for label in self._labels)
        return _sigmoid(good - bad)

    def _keep(self, key: bytes, score: float) -> None:
        self._known[key] = score
        self._known.move_to_end(key)
        while len(self._known) > SCORE_CACHE_SIZE:
            self._known.popitem(last=False)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def parse_logprobs(places: Sequence[Mapping[Any, Any] | None], number: Callable[[Any], float]) -> list[Any]:
    """Return {token id: log-probability} of each place, as a reader tells it."""
    return [None if place is None else {int(token): number(one) for token, one in place.items()} for place in places]
