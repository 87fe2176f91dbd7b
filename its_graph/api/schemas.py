"""Requests and replies of the search API as records."""

from typing import Annotated, Any, Literal

from langchain_core.messages import convert_to_messages
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from its_graph.api.messages import Messages
from its_graph.api.serializable import check_json_serializable, check_storable
from its_graph.budget import Budget, Int64
from its_graph.context import SearchContext
from its_graph.contracts import Message

__all__ = [
    "SteeringSchedule",
    "RequestBudget",
    "SearchRequest",
    "SearchStatus",
    "Status",
    "SteeringReply",
    "StrategyOptions",
    "question_preview",
]

Status = Literal["running", "waiting", "done", "failed", "cancelled"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


SteeringReply = Annotated[dict[str, Any], AfterValidator(check_storable)]
"""What a person says of a search that waits; its fields are for the search to check."""

StrategyOptions = Annotated[
    dict[str, Any], BeforeValidator(lambda given: {} if given is None else given), AfterValidator(check_json_serializable)
]
"""Options of a strategy by name; null is none."""

_Text = Annotated[str, AfterValidator(check_json_serializable)]


class RequestBudget(Budget):
    """A budget as a request gives it: its limits are finite, and null is no limit."""

    model_config = ConfigDict(allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _nothing(cls, given: Any) -> Any:
        return {} if given is None else given


class SteeringSchedule(_Request):
    """When a search asks a person: one of the two."""

    every: int | None = Field(default=None, ge=1)
    """Every so many rounds."""
    unsure: tuple[float, float] | None = None
    """When the best score lies between the two."""

    @model_validator(mode="after")
    def _one_of_them(self) -> "SteeringSchedule":
        if (self.every is None) == (self.unsure is None):
            raise ValueError("give either `every` or `unsure`")
        return self


class SearchRequest(_Request):
    """What to search for, and how."""

    problem: _Text | None = None
    """The question; or `messages`."""
    messages: Messages | None = None
    """A conversation in OpenAI's form; or `problem`."""
    strategy: str | None = None
    """One of the catalog; a simple one that the model can serve unless given."""
    model: str | None = None
    """One of the catalog; the first unless given."""
    options: StrategyOptions = {}
    """Of the strategy: `n`, `width`, ..."""
    seed: Int64 | None = None
    """The same seed gives the same search; one is drawn, and told, unless given."""
    temperature: float | None = Field(default=None, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: Int64 | None = Field(default=None, ge=1)
    budget: RequestBudget = RequestBudget()
    stream_tokens: bool = False
    """Whether the text of samples is told while it is written."""
    system: _Text | None = None
    """System prompt put before the conversation."""
    steer: SteeringSchedule | None = None
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
    human_request: dict[str, Any] | None = None
    """What the search asks a person, while it waits."""
    error: str | None
    events: int
    """How many were told so far."""
    spend: dict[str, Any] | None
    created: float
    """Seconds since 1970."""


_GLANCE = 200
"""Characters of a question that a list of searches shows."""


def question_preview(question: list[Message]) -> list[Message]:
    """Return the last message of a question alone, and of that the first words."""
    last = question[-1]
    return [last | {"content": convert_to_messages([last])[0].text[:_GLANCE]}]
