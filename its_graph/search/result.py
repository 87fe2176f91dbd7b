"""The result of a search as plain data: what a graph returns as `result`, and what events and servers carry.

Plain dictionaries rather than models, because checkpoints store them as they are.
"""

from typing import NotRequired, cast

from typing_extensions import TypedDict  # pydantic cannot read typing.TypedDict before Python 3.12

from its_graph.budget import Spend

__all__ = ["CandidateResult", "Ledger", "Route", "SearchResult", "Vote", "ledger"]


class Ledger(TypedDict):
    """Compute used by a search, generator and verifier together: the fields of `Spend` as plain data.

    >>> from its_graph import SearchContext, create
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create("single", ToyGenerator()).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]["spend"]["calls"]
    1
    """

    calls: int
    """Samples drawn plus candidates verified or compared, however they were batched; >= 0."""
    prompt_tokens: int
    """Prompt tokens of all samples, cached ones included."""
    cached_tokens: int
    """The part of `prompt_tokens` served from a prefix cache."""
    generated_tokens: int
    """Tokens that generators wrote."""
    verifier_tokens: int
    """Tokens that verifiers and judges read and wrote."""
    seconds: float
    """Wall-clock seconds inside the nodes that call models."""
    flops: float
    """Floating-point operations of generators and verifiers; a model of unknown size counts 0."""


class CandidateResult(TypedDict):
    """One solution that could have been the answer.

    >>> from its_graph import SearchContext, create
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create("best_of_n", ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> [(candidate["answer"], candidate["score"]) for candidate in result["candidates"]]
    [('12', 0.9), ('12', 0.9), ('12', 0.9), ('21', 0.1)]
    """

    id: str
    """Id of the last step of its path."""
    text: str
    """The whole solution."""
    answer: str | None
    """Final answer extracted from `text`, as written there; None without one."""
    score: float | None
    """The verifier's score, in the verifier's range ([0, 1] for `prob`); None if it has none."""
    finished: bool
    """Whether the model ended the solution itself."""
    truncated: bool
    """Whether a length limit cut the solution off."""


class Vote(TypedDict):
    """One answer class and its weight in the vote.

    >>> from its_graph import SearchContext, create
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create("self_consistency", ToyGenerator(), n=4).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["votes"]
    [{'answer': '12', 'count': 3, 'weight': 3.0}, {'answer': '21', 'count': 1, 'weight': 1.0}]
    """

    answer: str
    """The answer as its first candidate spells it."""
    count: int
    """Candidates in the class; >= 1."""
    weight: float
    """Its weight in the vote: `count` for a majority vote, otherwise what the choice rule computes."""


class Route(TypedDict):
    """Which strategy a question was routed to, and why."""

    difficulty: float
    """In [0, 1]; higher is harder."""
    estimator: str
    """What the difficulty was estimated from."""
    bin: int
    """Difficulty bin; 0 is the easiest."""
    config: str
    """Label of the strategy config that answered the question, such as `best_of_n n=8`."""
    reason: str
    """Why the policy chose it."""
    fallback: str | None
    """Why it differs from what the policy chose; None if it does not."""


class SearchResult(TypedDict):
    """The `result` of a search: the answer, every candidate, the vote, and the compute used.

    >>> from its_graph import SearchContext, SearchResult, create
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create("best_of_n", ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> result: SearchResult = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["answer"], result["stop_reason"], len(result["candidates"])
    ('12', 'completed', 4)
    """

    answer: str | None
    """Final answer of the winning candidate, as written there; None if it has none."""
    text: str | None
    """Text of the winning candidate; None if the budget did not allow a single sample."""
    strategy: str
    """Name of the strategy."""
    seed: int | None
    """Seed of the search; running it again with this seed repeats it."""
    stop_reason: str
    """Why the search ended: `completed`, `agreement`, `budget`, `max_steps`, `failures`, `recursion_limit`, ..."""
    candidates: list[CandidateResult]
    """All candidates, best score first; those without a score last, ties in the order drawn."""
    votes: list[Vote]
    """Answer classes, heaviest first; empty if no vote was taken."""
    tie: bool
    """Whether another answer did as well as the winner."""
    abstained: int
    """Candidates that could not vote: without an answer, truncated, or unfinished while others are finished."""
    truncated: int
    """Candidates that a length limit cut off."""
    unscored: int
    """Candidates without a score in a search that scored any; otherwise 0."""
    failed: list[str]
    """One reason for each sample that failed for good."""
    notes: list[str]
    """Remarks in plain English: how a choice without scores was made, how the question was routed."""
    spend: Ledger
    """Compute used by the whole search."""
    route: NotRequired[Route]
    """Only in a search that chooses its strategy."""


def ledger(spend: Spend) -> Ledger:
    """Return `spend` as plain data."""
    return cast(Ledger, spend._asdict())
