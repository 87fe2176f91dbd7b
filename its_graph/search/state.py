"""The state of a search: logs of plain records, each written once and never changed.

Everything else that one may want to know (texts, children, depth, spend, votes) is derived by `its_graph.search.tree.Tree`.
The logs are `DeltaChannel`s: a checkpoint stores what a superstep added, not the whole log again.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Protocol, TypeAlias, TypeVar

from langchain_core.messages import AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps
from typing_extensions import TypedDict  # pydantic makes no schema of the one in typing before Python 3.12

from its_graph.contracts import FinishReason, Message
from its_graph.errors import ConfigurationError

__all__ = [
    "LOGS",
    "AuxiliaryText",
    "Charge",
    "StrategyStart",
    "Failure",
    "HumanEdit",
    "Judgment",
    "PureNode",
    "Route",
    "Score",
    "SearchInput",
    "SearchOutput",
    "SearchState",
    "Step",
    "Update",
    "write_once",
]

_Record = TypeVar("_Record")

Update = dict[str, Any]
"""What a node returns: new records and the few plain values that change."""

AuxiliaryText: TypeAlias = Literal["rollout", "summary", "critique"]
"""Text that serves a search and is no answer of it: `rollout` was drawn only to judge the step before it, `summary` and
`critique` were written for the generator to read."""


class Step(TypedDict):
    """A piece of text and where it hangs. A whole solution sampled in one go is one step without a parent."""

    parent: str | None
    """Id of the step before; None for the first."""
    text: str
    tokens: int
    """Generated tokens."""
    finish: FinishReason
    """`end`: the solution is complete. `stop_string`: it goes on. `length`: cut off, and not to be trusted."""
    confidence: float | None
    """Mean log-probability of its tokens, where the backend knows it."""
    auxiliary: NotRequired[AuxiliaryText]
    sources: NotRequired[list[str]]
    """Ids of the solutions that the generator was shown when it wrote this one, where there were any."""
    model: NotRequired[str]
    """Which of several generators wrote it."""
    by: NotRequired[Literal["person"]]
    """Who wrote it, where no generator did."""


class Score(TypedDict):
    """A verifier's opinion of the path that ends in `step`."""

    step: str
    value: float | None
    """Score of the whole path; None where it is missing (NaN, refusal, error)."""
    steps: list[float | None]
    """Scores of the steps inside this record only: the earlier ones stand in the scores of the path before it."""
    tokens: int
    """Tokens read for it; 0 where an identical text had been read already."""
    error: NotRequired[str]


class Judgment(TypedDict):
    """A judge's opinion of several solutions that it saw side by side."""

    candidates: list[str]
    """Ids of the solutions, in the order in which they were shown."""
    scores: list[float | None]
    """One score for each of them; None where the judge had no opinion."""
    tokens: int
    """Tokens read and written for it."""
    error: NotRequired[str]


class Failure(TypedDict):
    """A sample that never came. Its id is spent: it is not drawn again under another name."""

    parent: str | None
    reason: str


class HumanEdit(TypedDict):
    """What a person said when the search asked. All empty: it was told to go on as it was."""

    prune: list[str]
    """Ids of paths that are given up, with all that hangs below them."""
    boost: list[str]
    """Ids of paths that got more continuations in the next round."""
    edits: dict[str, str]
    """For each step that was written anew: its id, and that of the step which took its place."""
    hint: str | None
    """What the models are told from then on, beside the question."""
    stop: bool


class Charge(TypedDict):
    """What one run of one node cost."""

    node: str
    calls: int
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    verifier_tokens: int
    seconds: float
    flops: float


class StrategyStart(TypedDict):
    """Where a strategy began its own work in a search that was under way."""

    record: int
    """Number of its first record: older ones, the pilots, are candidates of the search and no part of its tree."""
    charge: int
    """Number of its first charge."""


class Route(TypedDict):
    """Which strategy a question was given to, and why."""

    difficulty: float
    """In [0, 1], higher is harder."""
    estimator: str
    """What it was read from."""
    bin: int
    """0 is the easiest."""
    config: str
    """The strategy that took the question, with its options."""
    reason: str
    fallback: str | None
    """Why it is not the one that was called for, where it is not."""


def write_once(log: Mapping[str, _Record], writes: Sequence[Mapping[str, _Record]]) -> dict[str, _Record]:
    """Merge records by id. The same record twice is harmless; another one under the same id is an error."""
    merged = dict(log)
    for write in writes:
        for key, record in write.items():
            if merged.setdefault(key, record) != record:
                raise ConfigurationError(
                    f"Record {key!r} is already written with other content. Records are never changed: "
                    "write a new one under a new id."
                )
    return merged


# A snapshot rewrites a whole log; 1,000 updates apart, its share of a search's checkpoints stays small.
_LOG: DeltaChannel[dict[str, Any]] = DeltaChannel(write_once, snapshot_frequency=1000)
LOGS = ("steps", "scores", "judgments", "failures", "charges", "human_edits")


class SearchInput(TypedDict, total=False):
    """What goes in: a conversation (`messages`) or one bare question (`problem`)."""

    messages: Annotated[list[AnyMessage], add_messages]
    problem: str | None


class SearchOutput(TypedDict):
    """What comes out: the winning answer as a message, as a value, and everything behind it."""

    messages: Annotated[list[AnyMessage], add_messages]
    answer: str | None
    result: dict[str, Any]


class SearchState(SearchInput, total=False):
    """The whole state. What is in neither input nor output is private to the search."""

    answer: str | None
    result: dict[str, Any]
    strategy: str
    settings: dict[str, Any]
    """The run's `SearchContext` as plain data, seed included."""
    question: list[Message]
    """The conversation as the generator sees it."""
    steps: Annotated[dict[str, Step], _LOG]
    scores: Annotated[dict[str, Score], _LOG]
    judgments: Annotated[dict[str, Judgment], _LOG]
    failures: Annotated[dict[str, Failure], _LOG]
    charges: Annotated[dict[str, Charge], _LOG]
    human_edits: Annotated[dict[str, HumanEdit], _LOG]
    new_steps: list[str]
    """Ids of the steps that the last generating node added."""
    frontier: list[str]
    """Ids of the paths that the search goes on with: an open one stands here once for each continuation it gets."""
    stop_reason: str | None
    """Why the search ends; None while it goes on."""
    remaining_steps: RemainingSteps
    """Supersteps that LangGraph's recursion limit still allows; never stored."""
    entry: StrategyStart | None
    """Where the strategy at work began; None where all records are its own."""
    route: Route | None
    """Only in a search that chooses its strategy."""


class PureNode(Protocol):
    """A node that calls no model: a pure function of the state, but for the events it sends."""

    def __call__(self, state: SearchState) -> Update:
        """Return what changes."""
        ...
