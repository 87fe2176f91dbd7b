"""Generate with any LangChain chat model: n samples are n calls, a prefix is a trailing assistant message.

Retries, rate limits and timeouts are configured on the chat model. `timeout_s` of a request has no effect, since a chat
model returns a whole reply or none.

Temperature, top_p, max_tokens and seed reach the provider if the model's class declares such a field (a copy of the
model carries them); a model without the field ignores them, as ChatAnthropic does with the seed. A provider without a
token limit may reply longer than `max_tokens`; the usage it reports is what counts.

LangChain's cache of replies is bypassed: every sample is a separate draw. To repeat a search without calling the model,
record it (`its_graph.generators.cassette`).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.utils import convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.errors import ConfigurationError, ContinuationError
from its_graph.generators.disable_llm_cache import without_llm_cache
from its_graph.generators.finish_reasons import text_and_finish_reason
from its_graph.generators.message_tokens import TEMPLATE_TOKENS, max_message_tokens
from its_graph.seeds import derive_seed
from its_graph.token_stream import token_callback

__all__ = ["ChatModelGenerator"]

HIDDEN_TAGS = ("nostream", "its:candidate")
"""Tags of every call: LangGraph excludes "nostream" calls from the `messages` stream."""

OPTION_FIELDS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict", "max_new_tokens"),
    "seed": ("seed", "random_seed"),
    "logprobs": ("logprobs",),
}
"""The names of a request's options in the classes of LangChain's providers."""


class Continuation(NamedTuple):
    """How a provider continues a trailing assistant message."""

    message_kwargs: Mapping[str, Any] = {}
    """`additional_kwargs` of that message."""
    call_options: Mapping[str, Any] = {}
    """`extra_body` of a call with a prefix."""
    echoes_prefix: bool = False
    """Whether the reply repeats the prefix."""
    rejects_whitespace: bool = False
    """Whether a prefix must not end in whitespace and a stop string must not be all whitespace."""


CONTINUATIONS: Mapping[str, Continuation] = {
    "ChatAnthropic": Continuation(rejects_whitespace=True),
    "ChatMistralAI": Continuation(message_kwargs={"prefix": True}, echoes_prefix=True),
    "ChatOllama": Continuation(),
}
"""Classes known to continue. Claude models from 4.6 on reject a prefix: pass `can_continue=False` for them."""

OPENAI_SERVER = Continuation(call_options={"continue_final_message": True, "add_generation_prompt": False})
"""vLLM and SGLang behind a ChatOpenAI, if the caller passes `can_continue=True`. OpenAI itself does not continue."""


class ChatModelGenerator(Generator):
    """A LangChain chat model as a generator.

    Args:
        model: The chat model.
        can_continue: Whether the provider continues a trailing assistant message. None: True for the classes in
            `CONTINUATIONS`, else False. Pass True for a ChatOpenAI that talks to vLLM or SGLang.

    Raises:
        ConfigurationError: `model` is a runnable around a chat model, which request options would not reach.
    """

    def __init__(self, model: BaseChatModel, can_continue: bool | None = None) -> None:
        if not isinstance(model, BaseChatModel):
            raise ConfigurationError(
                f"model must be a chat model itself; got {type(model).__name__}. Temperature, token limit and seed "
                "would not reach the model inside. Pass the model without `with_retry`, `bind` and the like, and "
                "configure it in its constructor (`max_retries=...`, `timeout=...`)."
            )
        self._model = model
        names = {cls.__name__ for cls in type(model).__mro__}
        continuation = next((entry for name, entry in CONTINUATIONS.items() if name in names), None)
        self.can_continue = continuation is not None if can_continue is None else can_continue
        self._is_openai_server = self.can_continue and "BaseChatOpenAI" in names
        self._continuation = OPENAI_SERVER if self._is_openai_server else continuation or Continuation()
        limits = (getattr(model, name, None) for name in OPTION_FIELDS["max_tokens"] if name in self._declared_fields)
        limit = next(limits, None)
        self.max_tokens = limit if isinstance(limit, int) and limit > 0 else self.max_tokens

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples, one call each."""
        if input.n > 1:
            return [sample for reply in self.batch(_split_samples(input), config) for sample in reply]
        model, messages, on_token = self._bind(input), self._messages(input), token_callback(input)
        if on_token is None:
            return [self._sample(input, model.invoke(messages, config))]
        chunks = [_stream(chunk, on_token) for chunk in model.stream(messages, config)]
        return [self._sample(input, _join(chunks))]

    async def ainvoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples, one call each."""
        if input.n > 1:
            return [sample for reply in await self.abatch(_split_samples(input), config) for sample in reply]
        model, messages, on_token = self._bind(input), self._messages(input), token_callback(input)
        if on_token is None:
            return [self._sample(input, await model.ainvoke(messages, config))]
        chunks = [_stream(chunk, on_token) async for chunk in model.astream(messages, config)]
        return [self._sample(input, _join(chunks))]

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound that includes tool calls; see `its_graph.generators.message_tokens`."""
        tokens = sum(map(max_message_tokens, convert_to_messages(list(request.messages))))
        return tokens + len(request.prefix.encode()) + TEMPLATE_TOKENS

    @property
    def _declared_fields(self) -> Mapping[str, Any]:
        return type(self._model).model_fields

    def _messages(self, request: SampleRequest) -> list[BaseMessage]:
        messages = convert_to_messages(list(request.messages))
        if not request.prefix:
            return messages
        if not self.can_continue:
            raise ContinuationError(
                f"{type(self._model).__name__} is not known to continue an assistant message, which this strategy "
                "needs because it searches step by step. Use a strategy of whole solutions (best_of_n, "
                "self_consistency, ...), another model, or pass can_continue=True if this model does continue (vLLM "
                "and SGLang servers do)."
            )
        prefix = request.prefix.rstrip() if self._continuation.rejects_whitespace else request.prefix
        return [*messages, AIMessage(prefix, additional_kwargs=dict(self._continuation.message_kwargs))]

    def _bind(self, request: SampleRequest) -> Runnable[Any, AIMessage]:
        """Return the model with the options of one request, hidden from the user's token stream."""
        options: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        options |= {"top_p": request.top_p} if request.top_p < 1 else {}
        options |= {"seed": request.seed} if request.seed is not None else {}
        options |= {"logprobs": True} if request.logprobs else {}
        update = {
            field: value
            for option, value in options.items()
            if (field := next((name for name in OPTION_FIELDS[option] if name in self._declared_fields), None))
        }
        # A copy and not `bind`: some classes (ChatOllama) reject a declared field as a call argument.
        model = self._model.model_copy(update=update) if update else self._model
        return without_llm_cache(model).bind(**self._call_options(request)).with_config(tags=list(HIDDEN_TAGS))

    def _call_options(self, request: SampleRequest) -> dict[str, Any]:
        accepts_whitespace = not self._continuation.rejects_whitespace
        stop = [string for string in request.stop if string.strip() or (string and accepts_whitespace)]
        options: dict[str, Any] = {"stop": stop} if stop else {}
        if self._is_openai_server:
            extra = {"include_stop_str_in_output": True} if stop else {}
            extra |= self._continuation.call_options if request.prefix else {}
            options |= {"extra_body": {**(getattr(self._model, "extra_body", None) or {}), **extra}} if extra else {}
        return options

    def _sample(self, request: SampleRequest, reply: AIMessage) -> Sample:
        reply_text = str(reply.text)
        if self._continuation.echoes_prefix:
            reply_text = reply_text.removeprefix(request.prefix)
        if self._continuation.rejects_whitespace and request.prefix != request.prefix.rstrip():
            reply_text = reply_text.lstrip()
        text, finish_reason = text_and_finish_reason(reply_text, reply.response_metadata, request.stop)
        usage: Mapping[str, Any] = reply.usage_metadata or {}
        input_tokens, output_tokens = usage.get("input_tokens"), usage.get("output_tokens")
        logprobs = _logprobs(reply)
        return Sample(
            text=text,
            finish_reason=finish_reason,
            # Without reported usage the upper bounds are charged, so that a budget holds.
            prompt_tokens=self.prompt_tokens(request) if input_tokens is None else input_tokens,
            cached_tokens=(usage.get("input_token_details") or {}).get("cache_read") or 0,
            generated_tokens=(
                min(len(reply_text.encode()), request.max_tokens) if output_tokens is None else output_tokens
            ),
            confidence=sum(logprobs) / len(logprobs) if logprobs else None,
            logprobs=logprobs if request.logprobs and logprobs else None,
        )


def _logprobs(reply: AIMessage) -> tuple[float, ...]:
    logprobs = reply.response_metadata.get("logprobs") or {}
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else logprobs
    return tuple(float(token["logprob"]) for token in tokens or ())


def _stream(chunk: AIMessage, on_token: Callable[[str], None]) -> AIMessage:
    on_token(str(chunk.text))
    return chunk


def _join(chunks: list[AIMessage]) -> AIMessage:
    """Return the message that the chunks add up to; a model that does not stream yields one whole message."""
    if len(chunks) == 1 or not all(isinstance(chunk, AIMessageChunk) for chunk in chunks):
        return chunks[-1]
    first, *rest = chunks
    return add_ai_message_chunks(first, *rest)  # type: ignore[arg-type]


def _split_samples(request: SampleRequest) -> list[SampleRequest]:
    """Split a request for n samples. Seeds are hashed, never seed + index: adjacent seeds would share samples."""
    seed = request.seed
    seeds = [None if seed is None else derive_seed(seed, f"sample {index}") for index in range(request.n)]
    return [request.model_copy(update={"n": 1, "seed": sample_seed}) for sample_seed in seeds]
