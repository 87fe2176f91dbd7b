"""Sampling rules of a mixed batch: every row has its own temperature, nucleus, seed, stops and limits.

A token is drawn by the Gumbel-max trick: argmax(logits / temperature + Gumbel noise) is a sample of
softmax(logits / temperature). The noise of a row comes from the row's own generator, step by step, so a row's
text depends on its request and its seed and not on its neighbours in the batch (up to rounding of the logits).
"""

import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field

from its_graph.confidence import Groups
from its_graph.contracts import ConfidenceFloor, FinishReason
from its_graph.errors import MissingExtraError
from its_graph.generators.token_signals import self_certainties, token_confidences

try:
    import torch
    from transformers import LogitsProcessor, StoppingCriteria
except ImportError as error:
    raise MissingExtraError("transformers", "local") from error

__all__ = ["BatchRow", "GumbelSampler", "RowOptions", "RowStoppingCriteria"]

NOISE_BLOCK = 2048
"""Noise values drawn from a row's generator in one call: several steps of a small vocabulary."""


@dataclass(frozen=True)
class RowOptions:
    """How one row is sampled and when it ends."""

    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    seed: int = 0
    end_tokens: Set[int] = frozenset()
    stop: tuple[str, ...] = ()
    may_stop: Set[int] = frozenset()
    """Tokens that can complete a stop string: the text is looked at only after one of these."""
    decode: Callable[[list[int]], str] = field(default=lambda tokens: "", repr=False)
    """Text of generated tokens."""
    logprobs: bool = False
    """Whether the caller wants the log-probability of each token."""
    top_logprobs: int = 0
    """k > 0: the caller wants the confidence of each token over the k most likely ones."""
    self_certainty: bool = False
    """Whether the caller wants the self-certainty of each token."""
    floor: ConfidenceFloor | None = None
    """Ends the row once it has lost confidence; needs `top_logprobs`."""
    deadline: float = float("inf")
    """Latest `time.monotonic()`."""
    tell: Callable[[str], None] | None = field(default=None, repr=False)
    """Who watches the text grow."""
    abandoned: Callable[[], bool] = field(default=lambda: False, repr=False)
    """Whether nobody waits for this row any more."""

    def overdue(self) -> bool:
        """Return whether the row should end now, whatever it has."""
        return time.monotonic() >= self.deadline or self.abandoned()


class BatchRow:
    """What one row of a running batch has produced so far."""

    def __init__(self, rules: RowOptions) -> None:
        self.rules = rules
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.confidences: list[float] = []
        self.certainties: list[float] = []
        self._groups = Groups(rules.floor.window) if rules.floor else None
        self._lost = False
        self._told = 0
        self.finish_reason: FinishReason | None = "length" if rules.overdue() else None
        self._tail_tokens = 8 + max((len(stop.encode()) for stop in rules.stop), default=0)

    def take(self, token: int) -> None:
        """Append a token and decide whether the row ends with it."""
        self.tokens.append(token)
        rules = self.rules
        if rules.tell is not None:
            self._tell_on(rules.tell)
        if token in rules.end_tokens:
            self.finish_reason = "end"
        elif token in rules.may_stop and self._stops():
            self.finish_reason = "stop_string"
        elif len(self.tokens) >= rules.max_tokens or self._lost or rules.overdue():
            self.finish_reason = "length"

    def weigh(self, confidence: float) -> None:
        """Note the confidence of the token that `take` will get next."""
        self.confidences.append(confidence)
        floor = self.rules.floor
        group = self._groups.add(confidence) if self._groups else None
        self._lost = floor is not None and group is not None and group < floor.threshold

    def _tell_on(self, tell: Callable[[str], None]) -> None:
        """Tell the new text; half a character waits for its other half."""
        text = self.rules.decode(self.tokens)
        if not text.endswith("\ufffd"):
            tell(text[self._told :])
            self._told = len(text)

    def _stops(self) -> bool:
        tail = self.rules.decode(self.tokens[-self._tail_tokens :])
        return any(stop in tail for stop in self.rules.stop)


class GumbelSampler(LogitsProcessor):  # type: ignore[misc] # transformers is not typed
    """Turns logits [rows, vocabulary] into scores whose argmax is each row's sample.

    Keeps the log-probability of every drawn token under the model itself, before temperature and top_p, and tells the
    rows that want it how sure the model was.
    """

    def __init__(self, rows: list[BatchRow], device: torch.device) -> None:
        self._rows = rows
        self._device = device
        rules = [row.rules for row in rows]
        scale = [1 / rule.temperature if rule.temperature else 1.0 for rule in rules]
        # 2 and not 1: the cumulated probability of the last tokens may round to just above 1.
        top_p = [rule.top_p if rule.top_p < 1 else 2.0 for rule in rules]
        self._scale = torch.tensor(scale, device=device)[:, None]
        self._top_p = torch.tensor(top_p, device=device)[:, None] if min(top_p) < 1 else None
        self._generators = [
            torch.Generator(device).manual_seed(rule.seed) if rule.temperature else None for rule in rules
        ]
        wanted = [rule.top_logprobs for rule in rules]
        self._top = torch.tensor(wanted, device=device) if any(wanted) else None
        self._certainty = any(rule.self_certainty for rule in rules)
        self._noise = torch.empty(0)
        self._step = 0
        self._logprobs = torch.empty(len(rows), max(rule.max_tokens for rule in rules), device=device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return noisy scores [rows, vocabulary] for `scores`, the float32 logits of the next token."""
        tempered = scores * self._scale
        if self._top_p is not None:
            tempered = _nucleus(tempered, self._top_p)
        noisy = tempered + self._gumbel(scores.shape[1])
        drawn = noisy.argmax(dim=1, keepdim=True)
        normaliser = scores.logsumexp(dim=1, keepdim=True)
        self._logprobs[:, self._step - 1] = (scores.gather(1, drawn) - normaliser).squeeze(1)
        if self._top is not None or self._certainty:
            self._tell(scores - normaliser)
        return noisy

    def hand_out(self, index: int) -> None:
        """Give a row that has ended what belongs to the tokens that it kept."""
        row = self._rows[index]
        kept = len(row.tokens)
        row.logprobs = self._logprobs[index, :kept].tolist()
        del row.confidences[kept:], row.certainties[kept:]

    def _tell(self, logprobs: torch.Tensor) -> None:
        """Give each row what is wanted of the distribution `logprobs` [rows, vocabulary] of its next token."""
        if self._top is not None:
            for row, confidence in zip(self._rows, token_confidences(logprobs, self._top).tolist(), strict=True):
                row.weigh(confidence)
        if self._certainty:
            for row, certainty in zip(self._rows, self_certainties(logprobs).tolist(), strict=True):
                row.certainties.append(certainty)

    def _gumbel(self, vocabulary: int) -> torch.Tensor:
        block = max(1, NOISE_BLOCK // vocabulary)
        at = self._step % block
        if at == 0:
            self._noise = self._draw(block, vocabulary)
        self._step += 1
        return self._noise[:, at]

    def _draw(self, block: int, vocabulary: int) -> torch.Tensor:
        """Return noise [rows, block, vocabulary]: -log of exponentials, 0 for greedy rows."""
        noise = torch.ones(len(self._rows), block, vocabulary, device=self._device)
        for row, generator, values in zip(self._rows, self._generators, noise, strict=True):
            if generator is not None and row.finish_reason is None:
                values.exponential_(generator=generator)
        return noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_().neg_()


class RowStoppingCriteria(StoppingCriteria):  # type: ignore[misc] # transformers is not typed
    """Gives each live row its newest token and reports the rows that have ended.

    Args:
        rows: of the batch.
        ended: called with the index of each row at the moment it ends.
    """

    def __init__(self, rows: list[BatchRow], ended: Callable[[int], None] = lambda index: None) -> None:
        self._rows = rows
        self._ended = ended

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor | None, **kwargs: object) -> torch.Tensor:
        """Return which rows have ended, a boolean tensor [rows]."""
        for index, (row, token) in enumerate(zip(self._rows, input_ids[:, -1].tolist(), strict=True)):
            if row.finish_reason is None:
                row.take(token)
                if row.finish_reason is not None:
                    self._ended(index)
        return torch.tensor([row.finish_reason is not None for row in self._rows], device=input_ids.device)


def _nucleus(logits: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Set to -inf all but the smallest set of tokens whose probability reaches `top_p`.

    Nucleus sampling (arXiv 1904.09751, section 3.1). `logits` [rows, vocabulary], `top_p` [rows, 1]; the likeliest
    token always stays.
    """
    ordered, order = logits.sort(dim=1, descending=True)
    probabilities = ordered.softmax(dim=1)
    beyond = probabilities.cumsum(dim=1) - probabilities >= top_p
    return logits.masked_fill(torch.zeros_like(beyond).scatter(1, order, beyond), float("-inf"))
