"""Sampling in a mixed batch: every row has its own temperature, nucleus, seed, stop strings and limits.

A token is drawn by the Gumbel-max trick: argmax(logits / temperature + Gumbel noise) is a sample of
softmax(logits / temperature). A row's noise comes from its own random generator, step by step, so a row's text depends
on its request and seed and not on the other rows of the batch (up to rounding of the logits).
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
    completing_tokens: Set[int] = frozenset()
    """Tokens that can complete a stop string: the text is searched only after one of these."""
    decode: Callable[[list[int]], str] = field(default=lambda tokens: "", repr=False)
    """Returns the text of generated tokens."""
    logprobs: bool = False
    """Whether the request asks for the log-probability of each token."""
    top_logprobs: int = 0
    """k > 0: the request asks for the confidence of each token over the k most likely ones."""
    self_certainty: bool = False
    """Whether the request asks for the self-certainty of each token."""
    confidence_floor: ConfidenceFloor | None = None
    """Ends the row once its confidence falls below; needs `top_logprobs`."""
    deadline: float = float("inf")
    """Latest `time.monotonic()`."""
    on_token: Callable[[str], None] | None = field(default=None, repr=False)
    """Receives new text as it is generated."""
    is_abandoned: Callable[[], bool] = field(default=lambda: False, repr=False)
    """Whether no caller waits for this row any more."""

    def must_end(self) -> bool:
        """Return whether the row must end now, with whatever it has."""
        return time.monotonic() >= self.deadline or self.is_abandoned()


class BatchRow:
    """The output so far of one row of a running batch."""

    def __init__(self, options: RowOptions) -> None:
        self.options = options
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.confidences: list[float] = []
        self.certainties: list[float] = []
        self._groups = Groups(options.confidence_floor.window) if options.confidence_floor else None
        self._is_below_floor = False
        self._streamed_characters = 0
        self.finish_reason: FinishReason | None = "length" if options.must_end() else None
        self._tail_tokens = 8 + max((len(stop.encode()) for stop in options.stop), default=0)

    def append(self, token: int) -> None:
        """Append a token and decide whether the row ends with it."""
        self.tokens.append(token)
        options = self.options
        if options.on_token is not None:
            self._stream(options.on_token)
        if token in options.end_tokens:
            self.finish_reason = "end"
        elif token in options.completing_tokens and self._has_stop_string():
            self.finish_reason = "stop_string"
        elif len(self.tokens) >= options.max_tokens or self._is_below_floor or options.must_end():
            self.finish_reason = "length"

    def add_confidence(self, confidence: float) -> None:
        """Record the confidence of the token that `append` gets next."""
        self.confidences.append(confidence)
        floor = self.options.confidence_floor
        group = self._groups.add(confidence) if self._groups else None
        self._is_below_floor = floor is not None and group is not None and group < floor.threshold

    def _stream(self, on_token: Callable[[str], None]) -> None:
        """Pass on the new text, unless it ends within a character."""
        text = self.options.decode(self.tokens)
        if not text.endswith("\ufffd"):
            on_token(text[self._streamed_characters :])
            self._streamed_characters = len(text)

    def _has_stop_string(self) -> bool:
        tail = self.options.decode(self.tokens[-self._tail_tokens :])
        return any(stop in tail for stop in self.options.stop)


class GumbelSampler(LogitsProcessor):  # type: ignore[misc] # transformers is not typed
    """Turns logits [rows, vocabulary] into scores whose argmax is each row's sample.

    Records the log-probability of every drawn token under the model itself, before temperature and top_p, and the
    confidence signals of the rows that ask for them.
    """

    def __init__(self, rows: list[BatchRow], device: torch.device) -> None:
        self._rows = rows
        self._device = device
        options = [row.options for row in rows]
        scale = [1 / row.temperature if row.temperature else 1.0 for row in options]
        # 2 and not 1: the cumulative probability of the last tokens may round to just above 1.
        top_p = [row.top_p if row.top_p < 1 else 2.0 for row in options]
        self._scale = torch.tensor(scale, device=device)[:, None]
        self._top_p = torch.tensor(top_p, device=device)[:, None] if min(top_p) < 1 else None
        self._generators = [
            torch.Generator(device).manual_seed(row.seed) if row.temperature else None for row in options
        ]
        top_logprobs = [row.top_logprobs for row in options]
        self._top_logprobs = torch.tensor(top_logprobs, device=device) if any(top_logprobs) else None
        self._certainty = any(row.self_certainty for row in options)
        self._noise = torch.empty(0)
        self._step = 0
        self._logprobs = torch.empty(len(rows), max(row.max_tokens for row in options), device=device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return noisy scores [rows, vocabulary] for `scores`, the float32 logits of the next token."""
        tempered = scores * self._scale
        if self._top_p is not None:
            tempered = _nucleus(tempered, self._top_p)
        noisy = tempered + self._gumbel_noise(scores.shape[1])
        drawn = noisy.argmax(dim=1, keepdim=True)
        log_normalizer = scores.logsumexp(dim=1, keepdim=True)
        self._logprobs[:, self._step - 1] = (scores.gather(1, drawn) - log_normalizer).squeeze(1)
        if self._top_logprobs is not None or self._certainty:
            self._record_signals(scores - log_normalizer)
        return noisy

    def finalize(self, index: int) -> None:
        """Give a finished row the log-probabilities and signals of the tokens it kept."""
        row = self._rows[index]
        length = len(row.tokens)
        row.logprobs = self._logprobs[index, :length].tolist()
        del row.confidences[length:], row.certainties[length:]

    def _record_signals(self, logprobs: torch.Tensor) -> None:
        """Add to each row the signals of its next token, whose distribution is `logprobs` [rows, vocabulary]."""
        if self._top_logprobs is not None:
            confidences = token_confidences(logprobs, self._top_logprobs).tolist()
            for row, confidence in zip(self._rows, confidences, strict=True):
                row.add_confidence(confidence)
        if self._certainty:
            for row, certainty in zip(self._rows, self_certainties(logprobs).tolist(), strict=True):
                row.certainties.append(certainty)

    def _gumbel_noise(self, vocabulary: int) -> torch.Tensor:
        block = max(1, NOISE_BLOCK // vocabulary)
        offset = self._step % block
        if offset == 0:
            self._noise = self._draw_noise(block, vocabulary)
        self._step += 1
        return self._noise[:, offset]

    def _draw_noise(self, block: int, vocabulary: int) -> torch.Tensor:
        """Return noise [rows, block, vocabulary]: -log of exponentials, 0 for greedy rows."""
        noise = torch.ones(len(self._rows), block, vocabulary, device=self._device)
        for row, generator, values in zip(self._rows, self._generators, noise, strict=True):
            if generator is not None and row.finish_reason is None:
                values.exponential_(generator=generator)
        return noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_().neg_()


class RowStoppingCriteria(StoppingCriteria):  # type: ignore[misc] # transformers is not typed
    """Appends the newest token to each unfinished row and reports the rows that have ended.

    Args:
        rows: The rows of the batch.
        on_end: Called with the index of each row when it ends.
    """

    def __init__(self, rows: list[BatchRow], on_end: Callable[[int], None] = lambda index: None) -> None:
        self._rows = rows
        self._on_end = on_end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor | None, **kwargs: object) -> torch.Tensor:
        """Return which rows have ended, a boolean tensor [rows]."""
        for index, (row, token) in enumerate(zip(self._rows, input_ids[:, -1].tolist(), strict=True)):
            if row.finish_reason is None:
                row.append(token)
                if row.finish_reason is not None:
                    self._on_end(index)
        return torch.tensor([row.finish_reason is not None for row in self._rows], device=input_ids.device)


def _nucleus(logits: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Set to -inf all but the smallest set of tokens whose probability reaches `top_p`.

    Nucleus sampling (arXiv 1904.09751, section 3.1). `logits` [rows, vocabulary], `top_p` [rows, 1]; the most likely
    token always stays.
    """
    ordered, order = logits.sort(dim=1, descending=True)
    probabilities = ordered.softmax(dim=1)
    beyond = probabilities.cumsum(dim=1) - probabilities >= top_p
    return logits.masked_fill(torch.zeros_like(beyond).scatter(1, order, beyond), float("-inf"))
