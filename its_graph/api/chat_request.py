"""OpenAI's chat completion request, as far as a search can honour it; what it cannot honour is refused by name."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from its_graph.api.messages import Messages
from its_graph.api.schemas import RequestBudget, SearchRequest, StrategyOptions
from its_graph.budget import Int64

__all__ = ["ChatRequest", "StreamOptions", "ToolSpec"]

_REFUSED = {
    "stop": "stop strings are not honoured: a search ends its steps by strings of its own",
    "logprobs": "log-probabilities of one text say nothing of a choice among several",
    "top_logprobs": "log-probabilities of one text say nothing of a choice among several",
    "logit_bias": "the models behind a search take no bias",
    "frequency_penalty": "the models behind a search take no penalty",
    "presence_penalty": "the models behind a search take no penalty",
    "functions": "`functions` is superseded: give `tools`",
    "function_call": "`function_call` is superseded: give `tool_choice`",
}
"""Fields that would change the reply and cannot be honoured, and why."""


class StreamOptions(BaseModel):
    """Options of a stream."""

    model_config = ConfigDict(frozen=True)

    include_usage: bool = False
    """Whether the last chunk tells the usage."""


class _Function(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)


class ToolSpec(BaseModel):
    """A tool in OpenAI's form."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["function"]
    function: _Function


class ChatRequest(BaseModel):
    """A chat completion request, and beside OpenAI's fields `budget` and `options` of the search."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    """`strategy/model`, or the bare model for one sample."""
    messages: Messages
    budget: RequestBudget = RequestBudget()
    """Hard limits of the search."""
    options: StrategyOptions = {}
    """Of the strategy: `n`, `width`, ..."""
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

    # These say something to whoever keeps accounts, or wish for a manner of thinking, and change nothing that a search
    # promises.
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None

    @field_validator(*_REFUSED)
    @classmethod
    def _is_unset(cls, value: Any, info: Any) -> None:
        if value:
            raise ValueError(_REFUSED[info.field_name])

    @field_validator("n")
    @classmethod
    def _is_one(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise ValueError(f"n={n}: one answer is given, the best; how many are sampled for it is `options.n`")
        return n

    @field_validator("response_format")
    @classmethod
    def _is_text(cls, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
        if wanted is not None and wanted.get("type") != "text":
            raise ValueError("only text is answered; for structure give a tool and `tool_choice`")
        return wanted

    @property
    def tools_as_data(self) -> list[dict[str, Any]]:
        """The tools in OpenAI's form."""
        return [tool.model_dump(exclude_unset=True) for tool in self.tools or ()]

    @property
    def limit(self) -> int | None:
        """The longest solution in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def tells_usage(self) -> bool:
        """Whether the last chunk of the stream tells the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def search(self, strategy: str, model: str) -> SearchRequest:
        """Return the search that answers it, given what its `model` stands for."""
        return SearchRequest(
            messages=self.messages,
            strategy=strategy,
            model=model,
            options=self.options,
            seed=self.seed,
            temperature=self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=self.limit,
            budget=self.budget,
        )
