"""OpenAI's chat completion request, as far as a search can honor it; other fields are rejected by name."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from its_graph.api.messages import Messages
from its_graph.api.schemas import RequestBudget, SearchRequest, StrategyOptions
from its_graph.budget import Int64

__all__ = ["ChatRequest", "StreamOptions", "ToolSpec"]

_UNSUPPORTED = {
    "stop": "stop strings are not supported: a search uses its own to separate steps",
    "logprobs": "log-probabilities are not supported: the answer is selected among several samples",
    "top_logprobs": "log-probabilities are not supported: the answer is selected among several samples",
    "logit_bias": "logit bias is not supported by the models behind a search",
    "frequency_penalty": "penalties are not supported by the models behind a search",
    "presence_penalty": "penalties are not supported by the models behind a search",
    "functions": "`functions` is deprecated; use `tools`",
    "function_call": "`function_call` is deprecated; use `tool_choice`",
}
"""Fields that would change the reply and that a search cannot honor, with the reason."""


class StreamOptions(BaseModel):
    """Options of a streamed reply."""

    model_config = ConfigDict(frozen=True)

    include_usage: bool = False
    """Whether the last chunk reports the usage."""


class _Function(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)


class ToolSpec(BaseModel):
    """A tool in OpenAI's format."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["function"]
    function: _Function


class ChatRequest(BaseModel):
    """A chat completion request: OpenAI's fields, plus `budget` and `options` of the search."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    """`strategy/model`, or a bare model for one sample."""
    messages: Messages
    budget: RequestBudget = RequestBudget()
    """Hard limits of the search."""
    options: StrategyOptions = {}
    """Strategy options: `n`, `width`, ..."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: Int64 | None = Field(default=None, ge=1)
    max_completion_tokens: Int64 | None = Field(default=None, ge=1)
    seed: Int64 | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None

    stop: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    logit_bias: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    functions: Any = None
    function_call: Any = None

    modalities: list[Literal["text"]] | None = None

    # Accepted and ignored: accounting fields, and style hints that change nothing that a search guarantees.
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None

    @field_validator(*_UNSUPPORTED)
    @classmethod
    def _reject_unsupported(cls, value: Any, info: Any) -> None:
        if value:
            raise ValueError(_UNSUPPORTED[info.field_name])

    @field_validator("n")
    @classmethod
    def _check_one_choice(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise ValueError(
                f"must be 1, because only the best answer is returned; got {n}. `options.n` sets the number of samples"
            )
        return n

    @field_validator("response_format")
    @classmethod
    def _check_text_format(cls, response_format: dict[str, Any] | None) -> dict[str, Any] | None:
        if response_format is not None and response_format.get("type") != "text":
            raise ValueError("must have the type `text`; for structured output use a tool and `tool_choice`")
        return response_format

    @property
    def tools_as_data(self) -> list[dict[str, Any]]:
        """The tools in OpenAI's format."""
        return [tool.model_dump(exclude_unset=True) for tool in self.tools or ()]

    @property
    def max_reply_tokens(self) -> int | None:
        """Token limit of one solution."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def include_usage(self) -> bool:
        """Whether the last chunk of the stream reports the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def search_request(self, strategy: str, model: str) -> SearchRequest:
        """Return the request of the search that answers this one, given its resolved `model`."""
        return SearchRequest(
            messages=self.messages,
            strategy=strategy,
            model=model,
            options=self.options,
            seed=self.seed,
            temperature=self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=self.max_reply_tokens,
            budget=self.budget,
        )
