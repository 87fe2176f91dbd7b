"""The interfaces of a search: a generator proposes text, a verifier scores it, a judge compares texts side by side.

All three are LangChain runnables over frozen records that survive a JSON round trip, so anything LangChain can run (an
HTTP client, a local model, a cassette, a plain function) can implement them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from its_graph.batching.runnables import BatchRunnable
from its_graph.text.thinking import TURN, ThinkStyle

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = [
    "Aggregate",
    "Candidate",
    "ChatModelAdapter",
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
"""`end`: the model ended its turn. `stop_string`: it wrote a string of `stop`. `length`: it was cut off."""

ScoreRange: TypeAlias = Literal["prob", "real"]
"""`prob`: scores are in [0, 1]. `real`: unbounded; normalized only if a rule needs it."""

Signal: TypeAlias = Literal["logprobs", "token_confidences", "self_certainty", "alternatives"]
"""What a generator can report about its samples besides their text."""

Aggregate: TypeAlias = Callable[[Sequence[float]], float]
"""Turns the scores of all steps into the score of the solution: last, min, prod, mean."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfidenceFloor(_Record):
    """Ends a sample that has lost confidence: when the mean token confidence of a full window falls below a threshold.

    Args:
        window: tokens in a window; >= 1.
        threshold: the lowest mean token confidence allowed, in nats.
    """

    window: int = Field(default=2048, ge=1)
    threshold: float


class SampleRequest(_Record):
    """A request for `n` continuations of one conversation.

    Args:
        messages: the conversation, at least one message.
        prefix: assistant text to continue. The reply holds only what comes after it.
        n: samples to draw; >= 1.
        stop: strings that end a sample; they stay in its text.
        max_tokens: longest sample in tokens; >= 1.
        temperature: sampling temperature, >= 0; 0 is greedy.
        top_p: nucleus sampling, in (0, 1].
        seed: the same request with the same seed gives the same samples, whatever else is running. None is random.
        logprobs: whether to report the log-probability of each sampled token.
        top_logprobs: k > 0 asks for `token_confidences` over the k most likely tokens.
        self_certainty: whether to report `self_certainty`.
        alternatives: k > 0 asks for `alternatives`, the k most likely tokens at each position.
        confidence_floor: ends samples that lose confidence; needs `top_logprobs`. A sample that it ends has
            `finish_reason="length"`: do not trust it.
        model: which of several generators answers; a single generator ignores it.
        timeout_s: seconds that the backend may take; it then returns what it has as `finish_reason="length"`. None
            for no limit.
        stream_id: id under which the text is streamed while it is written (`its_graph.token_stream`); None for no
            streaming. It does not change the samples.

    Raises:
        pydantic.ValidationError: for a value outside its range or an unknown name.

    >>> from its_graph import SampleRequest
    >>> request = SampleRequest(messages=[{"role": "user", "content": "Add 3, 5."}], n=2, max_tokens=64, seed=7)
    >>> request.n, request.temperature
    (2, 0.8)
    """

    messages: tuple[Message, ...] = Field(min_length=1)
    prefix: str = ""
    n: int = Field(default=1, ge=1)
    stop: tuple[str, ...] = ()
    max_tokens: int = Field(default=512, ge=1)
    temperature: float = Field(default=0.8, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0)
    self_certainty: bool = False
    alternatives: int = Field(default=0, ge=0)
    confidence_floor: ConfidenceFloor | None = None
    model: str | None = None
    timeout_s: float | None = None
    stream_id: str | None = None


class Sample(_Record):
    """One sampled continuation and its cost.

    Args:
        text: the generated text, without the prefix of the request.
        finish_reason: `end`, `stop_string` or `length` (cut off).
        prompt_tokens: prompt tokens of this sample, cached ones included; >= 0.
        cached_tokens: the part of `prompt_tokens` served from a prefix cache; >= 0.
        generated_tokens: tokens generated; >= 0.
        confidence: mean log-probability of the sampled tokens (natural logarithm); None if the backend does not
            report it.
        logprobs: log-probability of each sampled token, if requested.
        token_confidences: for each token, minus the mean log-probability of the k most likely ones, if requested
            (DeepConf, Fu et al., arXiv 2508.15260).
        self_certainty: mean over the tokens of KL(uniform || p) over the whole vocabulary, if requested (Kang et al.,
            arXiv 2502.18581).
        alternatives: for each generated token its (text, log-probability), then those of the most likely other tokens
            at its position, the likeliest first, if requested. The first texts of all positions make up `text`.

    >>> from its_graph import Sample
    >>> Sample(text="The answer is 8.", finish_reason="end", prompt_tokens=12, generated_tokens=6).finish_reason
    'end'
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    generated_tokens: int = Field(default=0, ge=0)
    confidence: float | None = None
    logprobs: tuple[float, ...] | None = None
    token_confidences: tuple[float, ...] | None = None
    self_certainty: float | None = None
    alternatives: tuple[tuple[tuple[str, float], ...], ...] | None = None


class Candidate(_Record):
    r"""A whole or partial solution for a verifier to score.

    Args:
        messages: the conversation that it answers, at least one message.
        steps: step texts as generated, separators included; together they are the solution so far.
        finished: whether the solution is complete.

    >>> from its_graph import Candidate
    >>> question = [{"role": "user", "content": "Add 3, 5."}]
    >>> len(Candidate(messages=question, steps=["3 + 5 = 8", r"\boxed{8}"], finished=True).steps)
    2
    """

    messages: tuple[Message, ...] = Field(min_length=1)
    steps: tuple[str, ...]
    finished: bool = False


class Verdict(_Record):
    """What a verifier returns for a candidate.

    Args:
        scores: one score per step, in order; None where the verifier has none.
        value: the score of the candidate as a whole, in the verifier's `score_range`; None or NaN means missing,
            never bad.
        tokens: tokens that the verifier read and wrote for this verdict, cached ones included; >= 0.
        cached_tokens: the part of `tokens` that was not read again because it had been read before; >= 0. Spend and
            budget count them in full, so that a search costs the same whatever was scored before it.
        flops: FLOPs of this verdict if they are fewer than 2 x parameters x tokens (cached tokens, models of several
            sizes); otherwise None.

    >>> from its_graph import Verdict
    >>> Verdict(scores=[0.9, 0.4], value=0.4, tokens=30).value
    0.4
    """

    scores: tuple[float | None, ...]
    value: float | None
    tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    flops: float | None = None


class Comparison(_Record):
    """Several whole solutions of one question, for a judge to compare side by side.

    Args:
        messages: the conversation that they answer, at least one message.
        texts: the solutions in the order shown, at least two; the caller decides the order.
        seed: the same comparison with the same seed gets the same opinion. None is random.

    >>> from its_graph import Comparison
    >>> len(Comparison(messages=[{"role": "user", "content": "Add 3, 5."}], texts=["8", "9"]).texts)
    2
    """

    messages: tuple[Message, ...] = Field(min_length=1)
    texts: tuple[str, ...] = Field(min_length=2)
    seed: int | None = None


class Opinion(_Record):
    """What a judge returns for a comparison.

    Args:
        scores: one score per text, in order and in the judge's `score_range`; None where the judge has none.
        tokens: tokens read and written for it; >= 0.

    >>> from its_graph import Opinion
    >>> Opinion(scores=[1.0, 0.0], tokens=80).scores
    (1.0, 0.0)
    """

    scores: tuple[float | None, ...]
    tokens: int = Field(default=0, ge=0)


ChatModelAdapter: TypeAlias = "Callable[[BaseChatModel, bool | None], Generator]"
"""Wraps a chat model; the second argument is `can_continue` of `Generator.from_chat_model`."""


class Generator(BatchRunnable[SampleRequest, list[Sample]], ABC):
    """Base of all generators: proposes text.

    A subclass implements `prompt_tokens` and `invoke`, which returns `request.n` samples; if it can batch, it overrides
    the batch methods. What it can do and which limits suit it are class attributes.

    >>> from its_graph import Generator, Sample, create
    >>> class Constant(Generator):
    ...     def invoke(self, input, config=None, **kwargs):
    ...         return [Sample(text="The answer is 8.", finish_reason="end", generated_tokens=5)] * input.n
    ...     def prompt_tokens(self, request):
    ...         return 10
    >>> create("self_consistency", Constant(), n=3).compile().invoke({"problem": "Add 3, 5."})["answer"]
    '8'
    """

    parameters: int = 0
    """Number of model parameters, for FLOPs = 2 x parameters x tokens; 0 if unknown."""
    can_continue: bool = True
    """Whether it continues `SampleRequest.prefix`. Step searches need it."""
    signals: frozenset[Signal] = frozenset()
    """What it reports if a request asks for it."""
    models: tuple[str, ...] = ()
    """Names that `SampleRequest.model` may hold; empty for a single model."""
    max_tokens: int = 1024
    """Longest solution worth requesting, in tokens, unless the caller names a limit."""
    step_tokens: int = 256
    """Longest single step worth requesting, in tokens, unless the caller names a limit."""
    temperature: float = 0.8
    """Sampling temperature that suits this model, unless the caller names one."""
    step_separator: str = "\n\n"
    """What ends a step in this model's style of writing."""
    think_style: ThinkStyle = TURN
    """How this model's thinking ends; by default with its turn, as for a model without separate thinking."""
    chat_model_adapter: ClassVar[ChatModelAdapter]
    """How `from_chat_model` wraps a model. The package `its_graph` sets it, so that this module imports no backend."""

    @abstractmethod
    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound of the prompt tokens of one sample; exact if the tokenizer is available."""

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the model that answers `request`; a generator with several models overrides it."""
        return self.parameters

    @staticmethod
    def from_chat_model(model: "BaseChatModel", *, can_continue: bool | None = None) -> "Generator":
        """Wrap any LangChain chat model.

        Args:
            model: the chat model.
            can_continue: whether the provider continues a trailing assistant message; None decides by the model's
                class.

        Raises:
            ConfigurationError: if `model` is a runnable around a chat model rather than the model itself.
        """
        return Generator.chat_model_adapter(model, can_continue)


class Verifier(BatchRunnable[Candidate, Verdict], ABC):
    """Base of all verifiers: scores candidates, whole or partial.

    A subclass implements `tokens` and `invoke`, which returns a `Verdict`; if it can batch, it overrides the batch
    methods. For a plain function see `its_graph.prm.FunctionVerifier`.

    >>> from its_graph import Verdict, Verifier, create
    >>> from its_graph.testing import ToyGenerator
    >>> class PrefersBrevity(Verifier):
    ...     def invoke(self, input, config=None, **kwargs):
    ...         value = 1 / (1 + len("".join(input.steps)))
    ...         return Verdict(scores=[value] * len(input.steps), value=value)
    ...     def tokens(self, candidate):
    ...         return 0
    >>> search = create("best_of_n", ToyGenerator(0.0), PrefersBrevity(), n=2).compile()
    >>> search.invoke({"problem": "Add 3, 5."})["answer"]
    '8'
    """

    parameters: int = 0
    """Number of model parameters, for FLOPs; 0 if unknown or if no model is run."""
    score_range: ScoreRange = "prob"
    """The range of `Verdict.value`: `prob` for [0, 1], `real` for unbounded."""

    @abstractmethod
    def tokens(self, candidate: Candidate) -> int:
        """Return an upper bound of the tokens read and written for `candidate`; exact if possible."""

    def prefetch(self, candidate: Candidate, /) -> None:
        """Start scoring `candidate`, which will be requested soon; does nothing by default.

        A backend that works in the background overrides it (`its_graph.batching.runnables`): it then scores candidates
        while other samples are still being drawn. The caller that requests the verdict pays for it.
        """


class Judge(BatchRunnable[Comparison, Opinion], ABC):
    """Base of all judges: compares whole solutions side by side.

    A subclass implements `tokens` and `invoke`, which returns an `Opinion`; if it can batch, it overrides the batch
    methods.

    >>> from its_graph import Judge, Opinion, create
    >>> from its_graph.testing import ToyGenerator
    >>> class PrefersBrevity(Judge):
    ...     def invoke(self, input, config=None, **kwargs):
    ...         return Opinion(scores=[1 / len(text) for text in input.texts])
    ...     def tokens(self, comparison):
    ...         return 0
    >>> search = create("knockout", ToyGenerator(0.0), PrefersBrevity(), n=2).compile()
    >>> search.invoke({"problem": "Add 3, 5."})["answer"]
    '8'
    """

    parameters: int = 0
    """Number of model parameters, for FLOPs; 0 if unknown or if no model is run."""
    score_range: ScoreRange = "prob"
    """The range of `Opinion.scores`: `prob` for [0, 1], `real` for unbounded."""

    @abstractmethod
    def tokens(self, comparison: Comparison) -> int:
        """Return an upper bound of the tokens read and written for `comparison`."""
