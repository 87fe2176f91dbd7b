"""Reward models whose weights run elsewhere: this process tokenizes and reads scores, a `ScoringClient` sends requests.

The request depends on the family: a model with a mark after each step is pooled, one number per mark; a likelihood PRM
is a plain language model and returns the log-probabilities of its prompt; a model that answers "+" or "-" returns the
log-probabilities of both labels at the end of each step. Requests hold token ids, never text, so that both sides use
the same tokens. A reply whose number of scores differs from the number of marks is an error of that candidate.
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

from its_graph.batching.runnables import PrefetchRunnable
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.prm.families.aggregation import check_aggregation, get_aggregation
from its_graph.prm.families.base import StepLayout, StepScorer
from its_graph.prm.families.label_token import LabelTokenScorer
from its_graph.prm.families.likelihood import LikelihoodScorer
from its_graph.prm.families.qwen import QwenScorer
from its_graph.prm.families.weightless import unserved_family_error

__all__ = ["RemotePRM", "RemoteReply", "ScoringClient"]

SCORE_CACHE_SIZE = 16_384
"""Step scores that are cached if each of them takes a request."""


class RemoteReply(NamedTuple):
    """Scores or log-probabilities, and how many tokens of the request were in a prefix cache."""

    values: Any
    cached_tokens: int = 0


class ScoringClient(Protocol):
    """Sends requests to a model. Texts with the same `conversation` share a prefix."""

    async def pooled_scores(self, ids: list[int], conversation: str) -> RemoteReply:
        """Return P(good) at every mark, as a list."""

    async def prompt_logprobs(self, ids: list[int], conversation: str) -> RemoteReply:
        """Return {token: log-probability} of each prompt token and of the likeliest one at its position; None first."""

    async def label_logprobs(self, ids: list[int], labels: tuple[int, int], conversation: str) -> RemoteReply:
        """Return {label: log-probability} of the token after the prompt."""


StepScoring = Callable[[ScoringClient, StepLayout, str], Awaitable[RemoteReply]]
"""Returns a score for each step as `values`; None for a step without text."""


class RemotePRM(PrefetchRunnable[Candidate, Verdict], Verifier):
    """Base of the reward models that run elsewhere.

    Args:
        scorer: determines which tokens are read and where the scores are; its weights are never used (see
            `load_weightless`).
        aggregate: turns step scores into the score of the solution; default: the rule of the scorer's metadata.

    Raises:
        ConfigurationError: vLLM does not serve models of this family.
    """

    def __init__(self, scorer: StepScorer, aggregate: Aggregate | None) -> None:
        self.scorer = scorer
        self.score_range = scorer.metadata.score_range
        self.parameters = scorer.parameter_count
        self._score_steps = _step_scoring(scorer)
        default = get_aggregation(scorer.metadata.aggregation, self.score_range)
        self._aggregate = default if aggregate is None else check_aggregation(aggregate, self.score_range)

    def run(self, coroutine: Coroutine[Any, Any, Verdict]) -> Future[Verdict]:
        """Start a coroutine in the event loop of the client."""
        raise NotImplementedError

    async def client(self) -> ScoringClient:
        """Return the client; called in the event loop of `run`."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the model or the connections; running requests are cancelled."""
        raise NotImplementedError

    def tokens(self, candidate: Candidate) -> int:
        """Return the exact number of tokens that the model reads for `candidate`."""
        return self.scorer.score_tokens(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start scoring the candidates."""
        return [self.run(self._verify(candidate)) for candidate in inputs]

    def __enter__(self) -> Self:
        """Return the verifier."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the verifier."""
        self.close()

    async def _verify(self, candidate: Candidate) -> Verdict:
        layout = await asyncio.to_thread(self.scorer.checked_layout, candidate)
        if not layout.tokens:
            return Verdict(scores=(None,) * len(layout.spans), value=None)
        scores, cached = await self._score_steps(await self.client(), layout, repr(candidate.messages))
        present = [score for score in scores if score is not None]
        return Verdict(
            scores=tuple(None if score is None or math.isnan(score) else score for score in scores),
            value=None if any(map(math.isnan, present)) else self._aggregate(present),
            tokens=layout.tokens,
            cached_tokens=min(cached, layout.tokens),
        )


def _step_scoring(scorer: StepScorer) -> StepScoring:
    if isinstance(scorer, QwenScorer):
        return partial(_score_by_marks, scorer.mark_id)
    if isinstance(scorer, LikelihoodScorer):
        return partial(_score_by_prompt, scorer)
    if isinstance(scorer, LabelTokenScorer):
        return _LabelScoring(scorer)
    raise unserved_family_error(scorer.metadata.family)


async def _score_by_marks(mark_id: int, client: ScoringClient, layout: StepLayout, conversation: str) -> RemoteReply:
    """Read the score at each step's mark; marks in the question have scores as well."""
    reply = await client.pooled_scores(layout.token_ids, conversation)
    positions = [position for position, token in enumerate(layout.token_ids) if token == mark_id]
    if len(reply.values) != len(positions):
        raise ValueError(
            f"The reply must hold one score for each of {len(positions)} marks; got {len(reply.values)}. "
            f"Check that the engine's step_tag_id is {mark_id}."
        )
    good = dict(zip(positions, reply.values, strict=True))
    return RemoteReply([None if span is None else good[span[0]] for span in layout.spans], reply.cached_tokens)


async def _score_by_prompt(
    scorer: LikelihoodScorer, client: ScoringClient, layout: StepLayout, conversation: str
) -> RemoteReply:
    """Compare each token with the likeliest one at its position."""
    reply = await client.prompt_logprobs(layout.token_ids, conversation)
    if len(reply.values) != len(layout.token_ids):
        raise ValueError(
            f"The reply must hold log-probabilities of {len(layout.token_ids)} tokens; got {len(reply.values)}."
        )
    reduce = sum if scorer.metadata.token_reduction == "sum" else min

    def gap(position: int) -> float:
        logprobs: Mapping[int, float] = reply.values[position]
        return logprobs[layout.token_ids[position]] - max(logprobs.values())

    a, b = scorer.a.item(), scorer.b.item()
    scores = [None if span is None else _sigmoid(a * reduce(map(gap, range(*span))) + b) for span in layout.spans]
    return RemoteReply(scores, reply.cached_tokens)


class _LabelScoring:
    """Requests the two labels at the end of each step, once for each text.

    Requests are sequential: each one finds the previous one in the server's prefix cache and reads only its own step.
    """

    def __init__(self, scorer: LabelTokenScorer) -> None:
        self._labels = scorer.good_id, scorer.bad_id
        self._scores: OrderedDict[bytes, float] = OrderedDict()

    async def __call__(self, client: ScoringClient, layout: StepLayout, conversation: str) -> RemoteReply:
        scores: list[float | None] = []
        cached_tokens = 0
        for span in layout.spans:
            if span is None:
                scores.append(None)
                continue
            ids = layout.token_ids[: span[1]]
            key = blake2b(array("q", ids).tobytes(), digest_size=16).digest()
            # Tokens that the earlier steps of this candidate left in the server's cache were read for it: not cached.
            cached_tokens = len(ids) if key in self._scores else cached_tokens
            score = self._scores[key] if key in self._scores else await self._score(client, ids, conversation)
            self._store(key, score)
            scores.append(score)
        return RemoteReply(scores, cached_tokens)

    async def _score(self, client: ScoringClient, ids: list[int], conversation: str) -> float:
        reply = await client.label_logprobs(ids, self._labels, conversation)
        good, bad = (reply.values[label] for label in self._labels)
        return _sigmoid(good - bad)

    def _store(self, key: bytes, score: float) -> None:
        self._scores[key] = score
        self._scores.move_to_end(key)
        while len(self._scores) > SCORE_CACHE_SIZE:
            self._scores.popitem(last=False)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def parse_logprobs(positions: Sequence[Mapping[Any, Any] | None], logprob_of: Callable[[Any], float]) -> list[Any]:
    """Return {token id: log-probability} for each position; `logprob_of` reads one entry of vLLM's output."""
    return [
        None if position is None else {int(token): logprob_of(entry) for token, entry in position.items()}
        for position in positions
    ]
