"""Generate with any LangChain chat model: n samples are n calls, continuation is a trailing assistant message.

Retries, rate limits and time-outs stay with the model: configure them there. `timeout_s` of a request has no effect,
since a chat model answers whole or not at all.

Temperature, top_p, max_tokens and seed reach the provider where the model's class declares such a field (a copy of
the model carries them); a model without the field ignores them, as ChatAnthropic does with the seed. A provider
without a limit of its own can reply longer than `max_tokens`; the usage it reports is what counts.

LangChain's cache of replies is passed by: every sample is a draw of its own. To repeat a search without asking again,
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

HIDDEN = ("nostream", "its:candidate")
"""Tags of every call: langgraph keeps the tokens of "nostream" calls out of the `messages` stream."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict", "max_new_tokens"),
    "seed": ("seed", "random_seed"),
    "logprobs": ("logprobs",),
}
"""What LangChain's providers call the options of a request."""


class Continuation(NamedTuple):
    """How a provider continues a trailing assistant message."""

    message_kwargs: Mapping[str, Any] = {}
    """Marks that the message needs."""
    call_options: Mapping[str, Any] = {}
    """`extra_body` of a call with a prefix."""
    echoes: bool = False
    """The reply repeats the prefix."""
    refuses_blank: bool = False
    """A prefix must not end in white space, and a stop string must not be all white space."""


CONTINUING: Mapping[str, Continuation] = {
    "ChatAnthropic": Continuation(refuses_blank=True),
    "ChatMistralAI": Continuation(message_kwargs={"prefix": True}, echoes=True),
    "ChatOllama": Continuation(),
}
"""Classes known to continue. Claude models from 4.6 on refuse a prefix: pass `can_continue=False` for them."""

OPENAI_SERVER = Continuation(call_options={"continue_final_message": True, "add_generation_prompt": False})
"""vLLM and SGLang behind a ChatOpenAI, where the caller says `can_continue=True`. OpenAI itself does not continue."""


class ChatModelGenerator(Generator):
    """A LangChain chat model as a generator.

    Args:
        model: the chat model.
        can_continue: whether the provider continues a trailing assistant message. None: as known of the class
            (`CONTINUING`), False for others. Pass True for a ChatOpenAI that talks to vLLM or SGLang.

    Raises:
        ConfigurationError: for a runnable around a chat model; options of a request would not reach the model in it.
    """

    def __init__(self, model: BaseChatModel, can_continue: bool | None = None) -> None:
        if not isinstance(model, BaseChatModel):
            raise ConfigurationError(
                f"A generator needs a chat model itself, given a {type(model).__name__}: temperature, token limit and "
                "seed would not reach the model inside. Pass the model without `with_retry`, `bind` and the like, and "
                "configure it where it is made (`max_retries=...`, `timeout=...`)."
            )
        self._model = model
        names = {cls.__name__ for cls in type(model).__mro__}
        known = next((way for name, way in CONTINUING.items() if name in names), None)
        self.can_continue = known is not None if can_continue is None else can_continue
        self._openai_server = self.can_continue and "BaseChatOpenAI" in names
        self._way = OPENAI_SERVER if self._openai_server else known or Continuation()
        limit = next((getattr(model, name, None) for name in FIELDS["max_tokens"] if name in self._declared), None)
        self.max_tokens = limit if isinstance(limit, int) and limit > 0 else self.max_tokens

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples, one call each."""
        if input.n > 1:
            return [sample for reply in self.batch(_one_by_one(input), config) for sample in reply]
        model, messages, tell = self._bound(input), self._messages(input), token_callback(input)
        if tell is None:
            return [self._sample(input, model.invoke(messages, config))]
        chunks = [_told(chunk, tell) for chunk in model.stream(messages, config)]
        return [self._sample(input, _whole(chunks))]

    async def ainvoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples, one call each."""
        if input.n > 1:
            return [sample for reply in await self.abatch(_one_by_one(input), config) for sample in reply]
        model, messages, tell = self._bound(input), self._messages(input), token_callback(input)
        if tell is None:
            return [self._sample(input, await model.ainvoke(messages, config))]
        chunks = [_told(chunk, tell) async for chunk in model.astream(messages, config)]
        return [self._sample(input, _whole(chunks))]

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return an upper bound, tool calls included; see `its_graph.generators.message_tokens`."""
        said = sum(map(max_message_tokens, convert_to_messages(list(request.messages))))
        return said + len(request.prefix.encode()) + TEMPLATE_TOKENS

    @property
    def _declared(self) -> Mapping[str, Any]:
        return type(self._model).model_fields

    def _messages(self, request: SampleRequest) -> list[BaseMessage]:
        messages = convert_to_messages(list(request.messages))
        if not request.prefix:
            return messages
        if not self.can_continue:
            raise ContinuationError(
                f"{type(self._model).__name__} is not known to continue a given assistant message, and this strategy "
                "searches step by step. Use a strategy of whole solutions (best_of_n, self_consistency, ...), a model "
                "that continues, or pass can_continue=True if this one does (vLLM and SGLang servers do)."
            )
        prefix = request.prefix.rstrip() if self._way.refuses_blank else request.prefix
        return [*messages, AIMessage(prefix, additional_kwargs=dict(self._way.message_kwargs))]

    def _bound(self, request: SampleRequest) -> Runnable[Any, AIMessage]:
        """Return the model with the options of one request, hidden from the user's token stream."""
        wanted = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        wanted |= {"top_p": request.top_p} if request.top_p < 1 else {}
        wanted |= {"seed": request.seed} if request.seed is not None else {}
        wanted |= {"logprobs": True} if request.logprobs else {}
        update = {
            field: value
            for option, value in wanted.items()
            if (field := next((name for name in FIELDS[option] if name in self._declared), None))
        }
        # A copy and not `bind`: some classes (ChatOllama) refuse as a call's argument what they declare as a field.
        model = self._model.model_copy(update=update) if update else self._model
        return without_llm_cache(model).bind(**self._call_options(request)).with_config(tags=list(HIDDEN))

    def _call_options(self, request: SampleRequest) -> dict[str, Any]:
        blank = self._way.refuses_blank
        stop = [string for string in request.stop if string.strip() or (string and not blank)]
        options: dict[str, Any] = {"stop": stop} if stop else {}
        if self._openai_server:
            extra = {"include_stop_str_in_output": True} if stop else {}
            extra |= self._way.call_options if request.prefix else {}
            options |= {"extra_body": {**(getattr(self._model, "extra_body", None) or {}), **extra}} if extra else {}
        return options

    def _sample(self, request: SampleRequest, reply: AIMessage) -> Sample:
        said = str(reply.text)
        if self._way.echoes:
            said = said.removeprefix(request.prefix)
        if self._way.refuses_blank and request.prefix != request.prefix.rstrip():
            said = said.lstrip()
        text, finish_reason = text_and_finish_reason(said, reply.response_metadata, request.stop)
        usage: Mapping[str, Any] = reply.usage_metadata or {}
        read, written = usage.get("input_tokens"), usage.get("output_tokens")
        tokens = reply.response_metadata.get("logprobs") or {}
        content = tokens.get("content") if isinstance(tokens, dict) else tokens
        logprobs = tuple(float(token["logprob"]) for token in content or ())
        return Sample(
            text=text,
            finish_reason=finish_reason,
            # A provider that reports no usage is charged the upper bounds, so that a budget holds.
            prompt_tokens=self.prompt_tokens(request) if read is None else read,
            cached_tokens=(usage.get("input_token_details") or {}).get("cache_read") or 0,
            generated_tokens=min(len(said.encode()), request.max_tokens) if written is None else written,
            confidence=sum(logprobs) / len(logprobs) if logprobs else None,
            logprobs=logprobs if request.logprobs and logprobs else None,
        )


def _told(chunk: AIMessage, tell: Callable[[str], None]) -> AIMessage:
    tell(str(chunk.text))
    return chunk


def _whole(chunks: list[AIMessage]) -> AIMessage:
    """Return the message that the chunks make up; a model that does not stream gives one."""
    if len(chunks) == 1 or not all(isinstance(chunk, AIMessageChunk) for chunk in chunks):
        return chunks[-1]
    first, *others = chunks
    return add_ai_message_chunks(first, *others)  # type: ignore[arg-type]


def _one_by_one(request: SampleRequest) -> list[SampleRequest]:
    """Split a request for n samples: seeds are hashed, never seed + i, which neighbouring requests would share."""
    seed = request.seed
    seeds = [None if seed is None else derive_seed(seed, f"sample {index}") for index in range(request.n)]
    return [request.model_copy(update={"n": 1, "seed": each}) for each in seeds]
