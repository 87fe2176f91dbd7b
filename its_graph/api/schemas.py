"""Requests and replies of the search API."""

from typing import Annotated, Any, Literal

from langchain_core.messages import convert_to_messages
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from its_graph.api.messages import Messages
from its_graph.api.serializable import check_json_serializable, check_storable
from its_graph.budget import Budget, Int64
from its_graph.context import SearchContext
from its_graph.contracts import Message
from its_graph.search.human_request import HumanRequest
from its_graph.search.result import Ledger, SearchResult

__all__ = [
    "RequestBudget",
    "SearchRequest",
    "SearchStatus",
    "Status",
    "SteeringReply",
    "SteeringSchedule",
    "StrategyOptions",
    "question_preview",
]

Status = Literal["running", "waiting", "done", "failed", "cancelled"]
"""`waiting`: for a person's reply."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


SteeringReply = Annotated[dict[str, Any], AfterValidator(check_storable)]
"""A person's reply to a waiting search; the search validates its fields."""

StrategyOptions = Annotated[
    dict[str, Any],
    BeforeValidator(lambda value: {} if value is None else value),
    AfterValidator(check_json_serializable),
]
"""Strategy options by name; null means none."""

_Text = Annotated[str, AfterValidator(check_json_serializable)]


class RequestBudget(Budget):
    """Hard limits of a search. Limits must be finite; null means no limit."""

    model_config = ConfigDict(allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class SteeringSchedule(_Request):
    """When a search requests a person's reply: set exactly one field."""

    every: int | None = Field(default=None, ge=1)
    """Interval in rounds."""
    uncertain: tuple[float, float] | None = None
    """Request a reply when the best score is between these two, both inclusive."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "SteeringSchedule":
        if (self.every is None) == (self.uncertain is None):
            raise ValueError("set either `every` or `uncertain`")
        return self


class SearchRequest(_Request):
    """What to search for, and how."""

    problem: _Text | None = None
    """The question as plain text; alternative to `messages`."""
    messages: Messages | None = None
    """A conversation in OpenAI's format; alternative to `problem`."""
    strategy: str | None = None
    """Strategy name from the catalog; null selects the model's default."""
    model: str | None = None
    """Model name from the catalog; null selects the first."""
    options: StrategyOptions = {}
    """Strategy options: `n`, `width`, ..."""
    seed: Int64 | None = None
    """The same seed gives the same search; null draws one, which the status reports."""
    temperature: float | None = Field(default=None, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: Int64 | None = Field(default=None, ge=1)
    budget: RequestBudget = RequestBudget()
    stream_tokens: bool = False
    """Whether to send the text of samples while it is generated."""
    system: _Text | None = None
    """System prompt put before the conversation."""
    steer: SteeringSchedule | None = None
    """When the search requests a person's reply; null means never."""
    stream: bool = False
    """Whether the reply is the event stream instead of the status."""

    @model_validator(mode="after")
    def _exactly_one_question(self) -> "SearchRequest":
        if (self.problem is None) == (self.messages is None):
            raise ValueError("set either `problem` or `messages`")
        if self.problem is not None and not self.problem.strip():
            raise ValueError("`problem` must not be empty")
        return self

    @property
    def question(self) -> list[Message]:
        """The question as a conversation."""
        return self.messages or [{"role": "user", "content": self.problem}]

    @property
    def settings(self) -> SearchContext:
        """The context that the search runs in."""
        return SearchContext.model_validate({name: getattr(self, name) for name in _CONTEXT_FIELDS})


_CONTEXT_FIELDS = ("seed", "temperature", "top_p", "max_tokens", "budget", "stream_tokens", "system")


class SearchStatus(BaseModel):
    """Status of a search."""

    id: str
    status: Status
    strategy: str
    model: str
    question: list[Message]
    options: dict[str, Any]
    seed: int | None
    result: SerializeAsAny[SearchResult] | None = None
    """The full result, once there is an answer."""
    human_request: SerializeAsAny[HumanRequest] | None = None
    """The request to a person, while the search waits for a reply."""
    error: str | None
    events: int
    """Number of events so far."""
    spend: SerializeAsAny[Ledger] | None
    created: float
    """Unix time in seconds."""


_PREVIEW_CHARS = 200
"""Characters of a question that a list of searches shows."""


def question_preview(question: list[Message]) -> list[Message]:
    """Return only the last message of a question, truncated."""
    last = question[-1]
    return [last | {"content": convert_to_messages([last])[0].text[:_PREVIEW_CHARS]}]
