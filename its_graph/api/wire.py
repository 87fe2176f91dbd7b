"""Requests and replies of the search API as records."""

from typing import Annotated, Any, Literal

from langchain_core.messages import convert_to_messages
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from its_graph.budget import Budget
from its_graph.context import SearchContext
from its_graph.contracts import Message

__all__ = ["EveryRounds", "Messages", "SearchRequest", "SearchStatus", "Status", "WhenUnsure"]

Status = Literal["running", "waiting", "done", "failed", "cancelled"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _readable(messages: list[Message]) -> list[Message]:
    """Refuse what LangChain could not read later, when nobody can be told the field any more."""
    try:
        convert_to_messages(messages)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"these are no chat messages: {str(error).splitlines()[0]}") from error
    return messages


Messages = Annotated[list[Message], Field(min_length=1), AfterValidator(_readable)]
"""A conversation in OpenAI's form."""


class EveryRounds(_Request):
    """Ask a person every so many rounds."""

    every: int = Field(ge=1)


class WhenUnsure(_Request):
    """Ask a person when the best score lies between the two."""

    unsure: tuple[float, float]


class SearchRequest(_Request):
    """What to search for, and how."""

    problem: str | None = None
    """The question; or `messages`."""
    messages: Messages | None = None
    """A conversation in OpenAI's form; or `problem`."""
    strategy: str | None = None
    """One of the catalog; a simple one that the model can serve unless given."""
    model: str | None = None
    """One of the catalog; the first unless given."""
    options: dict[str, Any] = {}
    """Of the strategy: `n`, `width`, ..."""
    seed: int | None = None
    """The same seed gives the same search; one is drawn, and told, unless given."""
    temperature: float | None = Field(default=None, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    budget: Budget = Budget()
    stream_tokens: bool = False
    """Whether the text of samples is told while it is written."""
    system: str | None = None
    """System prompt put before the conversation."""
    steer: EveryRounds | WhenUnsure | None = None
    """When the search asks a person how to go on; never unless given."""
    stream: bool = False
    """Whether the reply is the stream of events in place of the status."""

    @model_validator(mode="after")
    def _one_question(self) -> "SearchRequest":
        if (self.problem is None) == (self.messages is None):
            raise ValueError("give either `problem` or `messages`")
        if self.problem is not None and not self.problem.strip():
            raise ValueError("`problem` is empty: give a question")
        return self

    @property
    def question(self) -> list[Message]:
        """The question as a conversation."""
        return self.messages or [{"role": "user", "content": self.problem}]

    @property
    def settings(self) -> SearchContext:
        """What the search runs under."""
        return SearchContext.model_validate({name: getattr(self, name) for name in _SETTINGS})


_SETTINGS = ("seed", "temperature", "top_p", "max_tokens", "budget", "stream_tokens", "system")


class SearchStatus(BaseModel):
    """Where a search stands."""

    id: str
    status: Status
    strategy: str
    model: str
    question: list[Message]
    options: dict[str, Any]
    seed: int | None
    result: dict[str, Any] | None = None
    """Everything behind the answer, once there is one."""
    ask: dict[str, Any] | None = None
    """What the search asks a person, while it waits."""
    error: str | None
    events: int
    """How many were told so far."""
    spend: dict[str, Any] | None
    created: float
    """Seconds since 1970."""
