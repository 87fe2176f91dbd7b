"""The plug points of a search: a generator proposes text, a verifier judges it, a judge compares several side by side.

All are LangChain runnables over frozen, JSON-round-trip records, so anything that LangChain can run
(an HTTP client, a local model, a cassette, a plain function) can stand behind them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from its_graph.batching.runnables import BatchRunnable
from its_graph.text.thinking import TURN, ThinkStyle

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = [
    "Aggregate",
    "Candidate",
    "Comparison",
    "ConfidenceFloor",
    "FinishReason",
    "Generator",
    "Judge",
    "Message",
    "Opinion",
    "Sample",
    "SampleRequest",
    "ScoreRange",
    "Signal",
    "Verdict",
    "Verifier",
]

Message: TypeAlias = dict[str, Any]
"""One chat message in OpenAI form: `{"role": "user", "content": "..."}`."""

FinishReason: TypeAlias = Literal["end", "stop_string", "length"]
"""`end`: the model ended its turn. `stop_string`: a string of `stop` was produced. `length`: cut off."""

ScoreRange: TypeAlias = Literal["prob", "real"]
"""`prob`: scores are in [0, 1]. `real`: unbounded; normalised only where a rule needs it."""

Signal: TypeAlias = Literal["logprobs", "token_confidences", "self_certainty", "alternatives"]
"""What a generator can tell of its own samples, beside their text."""

Aggregate: TypeAlias = Callable[[Sequence[float]], float]
"""Turns the scores of all steps into the score of the solution: last, min, prod, mean."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfidenceFloor(_Record):
    """Ends a sample that has lost confidence: once the mean of a full window of token confidences falls below."""

    window: int = Field(default=2048, ge=1)
    """Tokens in a window."""
    threshold: float


class SampleRequest(_Record):
    """Ask a generator for `n` continuations of one conversation."""

    messages: tuple[Message, ...] = Field(min_length=1)
    prefix: str = ""
    """Assistant text to continue. The reply holds only what comes after it."""
    n: int = Field(default=1, ge=1)
    stop: tuple[str, ...] = ()
    """Strings that end a sample; they are kept in its text."""
    max_tokens: int = Field(default=512, ge=1)
    temperature: float = Field(default=0.8, ge=0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = None
    """The same request with the same seed gives the same samples, whatever else is running."""
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0)
    """k > 0 asks for `token_confidences` over the k most likely tokens."""
    self_certainty: bool = False
    alternatives: int = Field(default=0, ge=0)
    """k > 0 asks for `alternatives`, the k most likely tokens at each place."""
    confidence_floor: ConfidenceFloor | None = None
    """Needs `top_logprobs`. A sample that it ends has `finish_reason="length"`: it is not to be trusted."""
    model: str | None = None
    """Which of several generators shall answer; one that is alone passes it over."""
    timeout_s: float | None = None
    """Seconds the backend may take; it then returns what it has as `finish_reason="length"`."""
    stream_id: str | None = None
    """Name under which its text is told while it is written (`its_graph.token_stream`); None tells nothing."""


class Sample(_Record):
    """One sampled continuation, with what it cost."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int = Field(default=0, ge=0)
    """Prompt tokens of this sample, cached ones included."""
    cached_tokens: int = Field(default=0, ge=0)
    generated_tokens: int = Field(default=0, ge=0)
    confidence: float | None = None
    """Mean log-probability of the sampled tokens (natural logarithm), where the backend knows it."""
    logprobs: tuple[float, ...] | None = None
    """Log-probability of each sampled token, if asked for."""
    token_confidences: tuple[float, ...] | None = None
    """For each token minus the mean log-probability of the k most likely ones (DeepConf, 2508.15260), if asked for."""
    self_certainty: float | None = None
    """Mean over the tokens of KL(uniform || p) over the whole vocabulary (2502.18581), if asked for."""
    alternatives: tuple[tuple[tuple[str, float], ...], ...] | None = None
    """For each generated token its (text, log-probability), then those of the most likely other tokens at its place,
    the likeliest first, if asked for. The first texts of all places make up `text`."""


class Candidate(_Record):
    """A whole or partial solution to be judged."""

    messages: tuple[Message, ...] = Field(min_length=1)
    steps: tuple[str, ...]
    """Step texts as generated, separators included; their concatenation is the solution so far."""
    finished: bool = False


class Verdict(_Record):
    """What a verifier thinks of a candidate."""

    scores: tuple[float | None, ...]
    """One score per step, in order; None where the verifier had no opinion."""
    value: float | None
    """The score of the candidate as a whole; None or NaN means missing, never bad."""
    tokens: int = Field(default=0, ge=0)
    """Tokens the verifier read, and wrote, for this verdict, cached ones included."""
    cached_tokens: int = Field(default=0, ge=0)
    """Those of `tokens` that were not read again, as they had been read before. Spend and budget count them in full, so
    that a search costs the same whatever was judged before it."""
    flops: float | None = None
    """FLOPs of this verdict where they are fewer than 2 x parameters x tokens: cached tokens, models of several sizes.
    None where they are not."""


class Comparison(_Record):
    """Several whole solutions of one question, to be judged side by side."""

    messages: tuple[Message, ...] = Field(min_length=1)
    texts: tuple[str, ...] = Field(min_length=2)
    """The solutions in the order in which they are shown; who shows them decides about the order."""
    seed: int | None = None
    """The same comparison with the same seed gets the same opinion."""


class Opinion(_Record):
    """What a judge thinks of a comparison."""

    scores: tuple[float | None, ...]
    """One score for each text, in order; None where the judge had no opinion."""
    tokens: int = Field(default=0, ge=0)
    """Tokens read and written for it."""


class Generator(BatchRunnable[SampleRequest, list[Sample]], ABC):
    """Base of all generators. Subclasses implement `invoke`; one that can batch overrides the batch methods."""

    parameters: int = 0
    """Number of model parameters, for FLOPs = 2 x parameters x tokens; 0 where unknown."""
    can_continue: bool = True
    """Whether `SampleRequest.prefix` is honoured. Step searches need it."""
    signals: frozenset[Signal] = frozenset()
    """What it fills in when a request asks for it."""
    models: tuple[str, ...] = ()
    """Names that `SampleRequest.model` may hold; none where it is one model."""
    max_tokens: int = 1024
    """Longest solution worth asking for, in tokens, used where the caller names no limit."""
    step_tokens: int = 256
    """Longest single step worth asking for, in tokens, used where the caller names no limit."""
    temperature: float = 0.8
    """Sampling temperature that suits this model, used where the caller names none."""
    step_separator: str = "\n\n"
    """What ends a step in this model's style of writing."""
    think_style: ThinkStyle = TURN
    """How this model's thinking ends; by default with its turn, as of a model that does not think apart."""

    @abstractmethod
    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound of the prompt tokens of one sample (exact where the tokenizer is at hand)."""

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the model that answers `request`; they differ where a generator has several."""
        return self.parameters

    @staticmethod
    def from_chat_model(model: "BaseChatModel", *, can_continue: bool | None = None) -> "Generator":
        """Wrap any LangChain chat model.

        Args:
            model: the chat model.
            can_continue: whether the provider continues a trailing assistant message; None decides by what is
                known of the model's class.
        """
        from its_graph.generators.chat_model import ChatModelGenerator

        return ChatModelGenerator(model, can_continue=can_continue)


class Verifier(BatchRunnable[Candidate, Verdict], ABC):
    """Base of all verifiers. Subclasses implement `invoke`; one that can batch overrides the batch methods."""

    parameters: int = 0
    """Number of model parameters, for FLOPs; 0 where unknown or where no model is run."""
    score_range: ScoreRange = "prob"

    @abstractmethod
    def tokens(self, candidate: Candidate) -> int:
        """Return an upper bound of the tokens this verifier reads and writes for `candidate` (exact where possible)."""

    def prefetch(self, candidate: Candidate, /) -> None:
        """Begin to judge `candidate`, which will be asked for soon; by default nothing happens before that.

        A backend that works by itself overrides it (`its_graph.batching.runnables`): verdicts are then under way while the
        other samples are still being drawn. The verdict, and its cost, belong to who asks for it.
        """


class Judge(BatchRunnable[Comparison, Opinion], ABC):
    """Base of all judges. Subclasses implement `invoke`; one that can batch overrides the batch methods."""

    parameters: int = 0
    """Number of model parameters, for FLOPs; 0 where unknown or where no model is run."""
    score_range: ScoreRange = "prob"

    @abstractmethod
    def tokens(self, comparison: Comparison) -> int:
        """Return an upper bound of the tokens this judge reads and writes for `comparison`."""
