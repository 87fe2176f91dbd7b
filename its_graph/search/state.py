"""The state of a search: logs of plain records, each written once and never changed.

Everything else (texts, children, depth, spend, votes) is derived by `its_graph.search.tree.Tree`. The logs are
`DeltaChannel`s: a checkpoint stores what a superstep added, not the whole log again.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Protocol, TypeAlias, TypeVar

from langchain_core.messages import AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps
from typing_extensions import TypedDict  # pydantic cannot read typing.TypedDict before Python 3.12

from its_graph.contracts import FinishReason, Message
from its_graph.errors import ConfigurationError
from its_graph.search.result import Ledger, Route, SearchResult

__all__ = [
    "LOGS",
    "AuxiliaryText",
    "Charge",
    "Failure",
    "HumanEdit",
    "Judgment",
    "PureNode",
    "Score",
    "SearchInput",
    "SearchOutput",
    "SearchState",
    "Step",
    "StrategyStart",
    "Update",
    "write_once",
]

_Record = TypeVar("_Record")

Update = dict[str, Any]
"""What a node returns: new records and the few plain values that change."""

AuxiliaryText: TypeAlias = Literal["rollout", "summary", "critique"]
"""Auxiliary text that is never a candidate answer: a `rollout` is drawn only to score the step before it, a `summary`
or `critique` is written for the generator to read."""


class Step(TypedDict):
    """One record of generated text. A solution sampled in one go is a single step without a parent."""

    parent: str | None
    """Id of the previous step; None for a first step."""
    text: str
    """The generated text, separators included."""
    tokens: int
    """Generated tokens."""
    finish: FinishReason
    """`end`: the solution is complete. `stop_string`: it can be continued. `length`: cut off; do not trust it."""
    confidence: float | None
    """Mean log-probability of its tokens (natural logarithm), if the backend reports it."""
    auxiliary: NotRequired[AuxiliaryText]
    """The kind of auxiliary text; absent from candidate text."""
    sources: NotRequired[list[str]]
    """Ids of the solutions that the generator was shown when it wrote this one, if any."""
    model: NotRequired[str]
    """Which of several generators wrote it."""
    by: NotRequired[Literal["person"]]
    """Who wrote it; absent if a generator did."""


class Score(TypedDict):
    """A verifier's score of the path that ends in `step`."""

    step: str
    """Id of the step."""
    value: float | None
    """Score of the whole path; None if it is missing (NaN, refusal, error)."""
    steps: list[float | None]
    """Scores of the steps inside this record only; earlier ones are in the scores of the path before it."""
    tokens: int
    """Tokens read for it; 0 if an identical text was read before."""
    error: NotRequired[str]
    """Why the score is missing."""


class Judgment(TypedDict):
    """A judge's comparison of several solutions shown side by side."""

    candidates: list[str]
    """Ids of the solutions, in the order shown."""
    scores: list[float | None]
    """One score per solution; None if the judge had no opinion."""
    tokens: int
    """Tokens read and written for it."""
    error: NotRequired[str]
    """Why the scores are missing."""


class Failure(TypedDict):
    """A sample that failed for good. Its id is used up: it is not drawn again under another id."""

    parent: str | None
    """Id of the step it would have continued; None for a first step."""
    reason: str
    """Error class and message."""


class HumanEdit(TypedDict):
    """A person's reply to a human request. All fields empty: continue unchanged."""

    prune: list[str]
    """Ids of the paths to give up, with everything below them."""
    boost: list[str]
    """Ids of the paths that get more continuations in the next round."""
    edits: dict[str, str]
    """For each rewritten step: its id, and the id of the step that replaces it."""
    hint: str | None
    """Text added to the question for all later model calls."""
    stop: bool
    """Whether to stop the search."""


class Charge(Ledger):
    """What one run of one node cost."""

    node: str
    """Name of the node."""


class StrategyStart(TypedDict):
    """Where a strategy started its own work in a search that was already running."""

    record: int
    """Number of its first record. Older ones, the pilots, are candidates of the search but not part of its tree."""
    charge: int
    """Number of its first charge."""


def write_once(log: Mapping[str, _Record], writes: Sequence[Mapping[str, _Record]]) -> dict[str, _Record]:
    """Merge records by id. Writing the same record twice is harmless; a different one under the same id is an error."""
    merged = dict(log)
    for write in writes:
        for key, record in write.items():
            if merged.setdefault(key, record) != record:
                raise ConfigurationError(
                    f"Record {key!r} is already written with other content. Records never change: "
                    "write a new one under a new id."
                )
    return merged


# A snapshot rewrites a whole log; one per 1,000 updates keeps its share of a search's checkpoints small.
_LOG: DeltaChannel[dict[str, Any]] = DeltaChannel(write_once, snapshot_frequency=1000)
LOGS = ("steps", "scores", "judgments", "failures", "charges", "human_edits")


class SearchInput(TypedDict, total=False):
    """The input of a search: a conversation (`messages`) or a bare question (`problem`)."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The conversation; its last user message is the question."""
    problem: str | None
    """A bare question text."""


class SearchOutput(TypedDict):
    """The output of a search: the winning answer as a message and as a value, and the full result."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The conversation with the winning text as its last message."""
    answer: str | None
    """The final answer of the winning text; None if it has none."""
    result: SearchResult
    """Candidates, votes, spend and why the search stopped."""


class SearchState(SearchInput, total=False):
    """The whole state. Keys in neither input nor output are private to the search."""

    answer: str | None
    """As in `SearchOutput`."""
    result: SearchResult
    """As in `SearchOutput`."""
    strategy: str
    """Name of the strategy."""
    settings: dict[str, Any]
    """The run's `SearchContext` as plain data, seed included."""
    question: list[Message]
    """The conversation that the generator answers."""
    steps: Annotated[dict[str, Step], _LOG]
    """Generated text, by id."""
    scores: Annotated[dict[str, Score], _LOG]
    """Scores of verifiers, by the id of the step."""
    judgments: Annotated[dict[str, Judgment], _LOG]
    """Comparisons by judges, by id."""
    failures: Annotated[dict[str, Failure], _LOG]
    """Samples that failed, by the id that the step would have had."""
    charges: Annotated[dict[str, Charge], _LOG]
    """What each run of a node cost, by number."""
    human_edits: Annotated[dict[str, HumanEdit], _LOG]
    """What people changed, by number."""
    new_steps: list[str]
    """Ids of the steps that the last generating node added."""
    frontier: list[str]
    """Ids of the paths to expand next; an open one is listed once per continuation."""
    stop_reason: str | None
    """Why the search stops; None while it runs."""
    remaining_steps: RemainingSteps
    """Supersteps left under LangGraph's recursion limit; never stored."""
    strategy_start: StrategyStart | None
    """Where the current strategy started; None if all records are its own."""
    route: Route | None
    """Only in a search that chooses its strategy."""


class PureNode(Protocol):
    """A node that calls no model: a pure function of the state, except for the events it emits."""

    def __call__(self, state: SearchState) -> Update:
        """Return what changes."""
        ...
