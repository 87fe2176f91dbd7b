"""The search of one problem, stopped and continued as often as the batch has samples for it.

It is best-of-n (self-consistency without a verifier) whose n is not known in advance. The seed of a sample derives from
the seed of the search and the sample's own id, so a search of n samples contains every smaller one: pilots are never
paid for twice, and the result equals that of `best_of_n` with the final n.
"""

from collections.abc import Iterable
from math import prod
from typing import Any

from langgraph.graph import END, START, StateGraph

from its_graph.batch.types import ProblemResult, ProblemStats
from its_graph.budget import Budget, Spend, flops
from its_graph.context import SearchContext
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.errors import SearchFailedError
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.pricing import sample_price
from its_graph.nodes.prompt_variation import with_system_prompt
from its_graph.nodes.rules.choice import majority, to_unit, weighted
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.sampling import MIN_TOKENS, build_request
from its_graph.nodes.verify import verify
from its_graph.routing.difficulty import by_agreement, by_verifier
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree
from its_graph.seeds import derive_seed

__all__ = ["BatchSearches", "State", "batch_strategy"]

_UNKNOWN_SCORE = 0.5
"""Probability that a sample without a score is correct. Without it, a problem with no verdicts would look untried."""
State = dict[str, Any]
"""The values of a `SearchState` between two runs of its graph."""


def batch_strategy(verifier: Verifier | None) -> str:
    """Return the name of the strategy that a batch applies to each problem."""
    return "best_of_n" if verifier else "self_consistency"


class BatchSearches:
    """Starts, continues, answers and prices the searches of a batch.

    Args:
        generator: where samples come from.
        verifier: scores them; None decides by votes.
        context: settings of every search except the seed.
        seed: seed of the batch; the seed of a problem derives from it and the problem's index.
    """

    def __init__(self, generator: Generator, verifier: Verifier | None, context: SearchContext, seed: int) -> None:
        self._generator, self._verifier = generator, verifier
        self._context, self._seed = context, seed
        self._price = sample_price(generator, verifier)
        self._sample_graphs: dict[int, Any] = {}
        self._answer_graph = _answer_graph(weighted(verifier.score_range) if verifier else majority)

    def initial_state(self, index: int, problem: str) -> State:
        """Return the state before the first sample."""
        settings = self._context.model_copy(update={"seed": derive_seed(self._seed, str(index))})
        messages = [{"role": "user", "content": problem}]
        return {
            "strategy": batch_strategy(self._verifier),
            "settings": settings.model_dump(),
            "question": with_system_prompt(settings.system, messages) if settings.system else messages,
            "new_steps": [],
            "frontier": [],
            "stop_reason": None,
        }

    def worst_case(self, state: State) -> Spend:
        """Return the worst-case cost of one sample, its verification included."""
        return self._worst_case(build_request(self._generator, Tree.of(state), key="0", parent=None).request)

    def shortest_worst_case(self, state: State) -> Spend:
        """Return the worst-case cost of the shortest sample that is worth its prompt."""
        request = build_request(self._generator, Tree.of(state), key="0", parent=None).request
        shortest = min(MIN_TOKENS, request.max_tokens)
        return self._worst_case(request.model_copy(update={"max_tokens": shortest}))

    def _worst_case(self, request: SampleRequest) -> Spend:
        """Return the price of a sample plus the step separators that a verifier may read, at most one per token.

        Among many samples, slack covers these separators; a single sample would otherwise go without a verdict.
        """
        separators = request.max_tokens if self._verifier else 0
        verifier_flops = flops(self._verifier.parameters, separators) if self._verifier else 0.0
        return self._price(request).plus(Spend(verifier_tokens=separators, flops=verifier_flops))

    async def extend(self, state: State, samples: int, allowed: Budget) -> State:
        """Continue the search to `samples` samples in all, within `allowed` for the whole search."""
        limits = [allowed.model_dump(), self._context.budget.model_dump()]
        budget = {
            name: min((limit[name] for limit in limits if limit[name] is not None), default=None) for name in limits[0]
        }
        before = state | {"settings": state["settings"] | {"budget": budget}, "stop_reason": None}
        after: State = await self._sample_graph(samples).ainvoke(before)
        return after

    async def answer(self, index: int, problem: str, state: State, reason: str) -> ProblemResult:
        """Choose among the samples so far. A search whose samples all failed has a result too, with its error."""
        tree = Tree.of(state)
        result, error = {}, None
        try:
            result = (await self._answer_graph.ainvoke(state | {"stop_reason": reason}))["result"]
        except SearchFailedError as failure:
            error = str(failure)
        return ProblemResult(index, problem, result, tree.next_id, tree.spend, error)

    def stats(self, state: State) -> ProblemStats:
        """Return the statistics of the samples so far."""
        tree = Tree.of(state)
        return _stats_from_scores(tree, self._verifier) if self._verifier else _stats_from_votes(tree)

    def _sample_graph(self, samples: int) -> Any:
        if samples not in self._sample_graphs:
            self._sample_graphs[samples] = _sample_graph(self._generator, self._verifier, samples)
        return self._sample_graphs[samples]


def _stats_from_scores(tree: Tree, verifier: Verifier) -> ProblemStats:
    """Read scores as probabilities of being correct. Truncated and failed samples are incorrect."""
    scale = to_unit(verifier.score_range)
    finished = [finalist for finalist in tree.finalists if finalist.finished]
    scores = [None if finalist.score is None else scale(finalist.score) for finalist in finished]
    probabilities = [_UNKNOWN_SCORE if score is None else score for score in scores]
    truncated, failed = len(tree.finalists) - len(finished), len(tree.failures)
    correct = sum(probabilities)
    return ProblemStats(
        samples=tree.next_id,
        correct=correct,
        incorrect=len(probabilities) - correct + truncated + failed,
        unsolved=prod(1 - probability for probability in probabilities),
        best_score=max((score for score in scores if score is not None), default=None),
        spend=tree.spend,
        difficulty=by_verifier(tree, scale=scale),
        failed=failed,
    )


def _stats_from_votes(tree: Tree) -> ProblemStats:
    """Read the share of the leading answer as the probability of being correct; samples without an answer reduce it."""
    votes = [answer_class for answer_class in tree.answer_classes if answer_class is not None]
    leading = max(map(votes.count, set(votes)), default=0)
    failed = len(tree.failures)
    return ProblemStats(
        samples=tree.next_id,
        correct=float(leading),
        incorrect=float(len(tree.answer_classes) - leading + failed),
        spend=tree.spend,
        difficulty=by_agreement(tree),
        failed=failed,
    )


def _sample_graph(generator: Generator, verifier: Verifier | None, samples: int) -> Any:
    """Return best-of-n without its first node: the state already holds the question and earlier samples."""
    graph = StateGraph(SearchState, context_schema=SearchContext)
    graph.add_node("generate", generate(generator, n=samples, verifier=verifier))
    graph.add_edge(START, "generate")
    if verifier is None:
        graph.add_edge("generate", END)
    else:
        graph.add_node("reuse_scores", _reuse_scores)
        graph.add_node("verify", verify(verifier, _unscored_steps))
        graph.add_edge("generate", "reuse_scores")
        graph.add_edge("reuse_scores", "verify")
        graph.add_edge("verify", END)
    return graph.compile(name="samples")


def _unscored_steps(tree: Tree) -> Iterable[tuple[str, str]]:
    """Verify every sample without a score, including those of earlier runs that the budget left unscored."""
    return ((step, step) for step in tree.steps)


def _reuse_scores(state: SearchState) -> Update:
    """Give a new sample the score of an equal one of an earlier run: best-of-n also verifies equal texts once."""
    tree = Tree.of(state)
    scores = {
        (tree.text(key), tree.finished(key)): score for key, score in tree.scores.items() if tree.score(key) is not None
    }
    reused = {
        key: score for key in tree.new_steps if (score := scores.get((tree.text(key), tree.finished(key)))) is not None
    }
    return {"scores": {key: score | {"step": key, "tokens": 0} for key, score in reused.items()}}


def _answer_graph(choose: ChoiceRule) -> Any:
    graph = StateGraph(SearchState, context_schema=SearchContext)
    graph.add_node("answer", answer(choose))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(name="answer")
