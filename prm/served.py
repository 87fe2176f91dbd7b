"""A process reward model behind a vLLM server: this process knows how to read it, the server has the weights.

Two ways, by family: a model with marks behind its steps is served as a pooling model (`/pooling`, one row a mark); a
likelihood PRM is a plain language model, whose prompt's own log-probabilities are asked for (`/v1/completions`). Token
ids are sent, never text, so that both sides mean the same tokens; a reply with another number of scores than marks is
an error of that candidate, never a guess.
"""

import asyncio
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from its_graph.batching.ahead import AheadRunnable
from its_graph.batching.loop import LoopThread, PerLoop
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.aggregation import aggregation, checked
from its_graph.prm.base import StepLayout, StepScorer
from its_graph.prm.blueprint import blueprint
from its_graph.prm.checkpoints import local_folder
from its_graph.prm.likelihood import LikelihoodScorer
from its_graph.prm.qwen import QwenScorer
from its_graph.serving.replicas import Replicas, ServerReplyError

__all__ = ["ServedPRM"]

Row = Sequence[float | None]


class _Way(NamedTuple):
    """How a family is asked for over HTTP."""

    path: str
    body: Callable[[str, StepLayout], dict[str, Any]]
    read: Callable[[Mapping[str, Any], StepLayout], Row]
    """Return a score for each step of the reply; None for one without text."""


class ServedPRM(AheadRunnable[Candidate, Verdict], Verifier):
    """A reward model on one or several vLLM servers, as a verifier.

    Args:
        scorer: says which tokens are read and where the scores stand; its weights are never used (see `blueprint`).
        base_url: of the server, with or without `/v1`; or several of the same model.
        model: its name on the server.
        api_key: of the server; the environment's OPENAI_API_KEY unless given.
        aggregate: turns step scores into the score of the solution; the rule of its metadata unless given.
        max_connections: requests under way at the same time.
        silence_s: seconds without a sign of the server after which a call fails.

    Raises:
        ConfigurationError: vLLM serves no model of this family.
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
        self.scorer = scorer
        self.model = model
        self.score_range = scorer.metadata.score_range
        self.parameters = scorer.parameter_count
        self._way = _way(scorer)
        own = aggregation(scorer.metadata.aggregation, self.score_range)
        self._aggregate = own if aggregate is None else checked(aggregate, self.score_range)
        urls = [base_url] if isinstance(base_url, str) else list(base_url)
        make = partial(
            Replicas,
            [url.rstrip("/").removesuffix("/v1") for url in urls],
            api_key=api_key or os.environ.get("OPENAI_API_KEY"),
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
        scorer = blueprint(local_folder(folder_or_id), family)
        return cls(scorer, base_url, model or str(folder_or_id), **options)

    def tokens(self, candidate: Candidate) -> int:
        """Return exactly the tokens that the model reads for `candidate`."""
        return self.scorer.score_tokens(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging."""
        return [self._loop.submit(self._judge(candidate)) for candidate in inputs]

    def close(self) -> None:
        """Close the connections; requests that are still running are cancelled."""
        self._loop.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    @cached_property
    def _loop(self) -> LoopThread:
        return LoopThread("served reward model")

    async def _judge(self, candidate: Candidate) -> Verdict:
        layout = await asyncio.to_thread(self.scorer.checked_layout, candidate)
        if not layout.tokens:
            return Verdict(scores=(None,) * len(layout.spans), value=None)
        servers = await self._servers.get()
        body = self._way.body(self.model, layout)
        reply = await servers.post(self._way.path, body, conversation=repr(candidate.messages))
        try:
            row = self._way.read(reply, layout)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServerReplyError(f"The scores of {self.model} cannot be read: {error}") from error
        known = [score for score in row if score is not None]
        scores = tuple(None if score is None or math.isnan(score) else score for score in row)
        whole = None if any(map(math.isnan, known)) else self._aggregate(known)
        return Verdict(scores=scores, value=whole, tokens=layout.tokens)


def _way(scorer: StepScorer) -> _Way:
    if isinstance(scorer, QwenScorer):
        return _Way("/pooling", _pooling_body, partial(_marks, scorer.mark_id))
    if isinstance(scorer, LikelihoodScorer):
        return _Way("/v1/completions", _prompt_body, partial(_likelihoods, scorer))
    raise ConfigurationError(
        f"vLLM serves no reward model of the family {scorer.metadata.family!r} (qwen and likelihood it does). Load it "
        "into this process: PRM.from_pretrained(folder)."
    )


def _pooling_body(model: str, layout: StepLayout) -> dict[str, Any]:
    return {"model": model, "input": layout.token_ids}


def _marks(mark_id: int, reply: Mapping[str, Any], layout: StepLayout) -> Row:
    """Read the row of each step's mark; marks that the question holds have rows as well."""
    rows = reply["data"][0]["data"]
    places = [place for place, token in enumerate(layout.token_ids) if token == mark_id]
    if len(rows) != len(places):
        raise ValueError(f"{len(rows)} rows for {len(places)} marks; is the server's step_tag_id {mark_id}?")
    good = {place: float(row[-1]) for place, row in zip(places, rows, strict=True)}
    return [None if span is None else good[span[0]] for span in layout.spans]


def _prompt_body(model: str, layout: StepLayout) -> dict[str, Any]:
    # One token must be asked for; of the prompt the given token and the likeliest one are told at every place.
    return {"model": model, "prompt": layout.token_ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}


def _likelihoods(scorer: LikelihoodScorer, reply: Mapping[str, Any], layout: StepLayout) -> Row:
    told = reply["choices"][0]["prompt_logprobs"]
    if len(told) != len(layout.token_ids):
        raise ValueError(f"log-probabilities of {len(told)} tokens for {len(layout.token_ids)}")
    reduce = sum if scorer.metadata.token_reduction == "sum" else min
    return [
        None
        if span is None
        else _sigmoid(
            scorer.a.item() * reduce(_gap(told[at], layout.token_ids[at]) for at in range(*span)) + scorer.b.item()
        )
        for span in layout.spans
    ]


def _gap(told: Mapping[str, Any], token: int) -> float:
    """Return log p(token) - max log p at one place."""
    own = float(told[str(token)]["logprob"])
    return own - max(float(one["logprob"]) for one in told.values())


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
