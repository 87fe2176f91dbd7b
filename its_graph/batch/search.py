"""One problem's search, stopped and continued as often as the batch has something for it.

It is best-of-n (self-consistency without a verifier) whose n is not known beforehand. A sample's seed hangs on the
search's seed and its own id, so the search of n samples holds those of every smaller one: pilots are never paid twice,
and what comes out is what `best_of_n` with that n would have found.
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

__all__ = ["BatchSearches", "State", "strategy_of"]

_UNKNOWN = 0.5
"""Chance that a sample without a score is right; left out, a problem without verdicts would never look tried."""
State = dict[str, Any]
"""The values of a `SearchState`, between two runs of its graph."""


def strategy_of(verifier: Verifier | None) -> str:
    """Return the name of what a batch does with each problem."""
    return "best_of_n" if verifier else "self_consistency"


class BatchSearches:
    """The searches of a batch: how each begins, goes on, ends, and what it may cost."""

    def __init__(self, generator: Generator, verifier: Verifier | None, context: SearchContext, seed: int) -> None:
        self._generator, self._verifier = generator, verifier
        self._context, self._seed = context, seed
        self._price = sample_price(generator, verifier)
        self._graphs: dict[int, Any] = {}
        self._answering = _answering(weighted(verifier.score_range) if verifier else majority)

    def begin(self, index: int, problem: str) -> State:
        """Return the state before the first sample."""
        settings = self._context.model_copy(update={"seed": derive_seed(self._seed, str(index))})
        asked = [{"role": "user", "content": problem}]
        return {
            "strategy": strategy_of(self._verifier),
            "settings": settings.model_dump(),
            "question": with_system_prompt(settings.system, asked) if settings.system else asked,
            "new_steps": [],
            "frontier": [],
            "stop_reason": None,
        }

    def price(self, state: State) -> Spend:
        """Return the worst case of one sample, the verifier's cost included."""
        return self._worst(build_request(self._generator, Tree.of(state), key="0", parent=None).request)

    def least_price(self, state: State) -> Spend:
        """Return the worst case of the shortest sample that is worth its prompt."""
        request = build_request(self._generator, Tree.of(state), key="0", parent=None).request
        shortest = min(MIN_TOKENS, request.max_tokens)
        return self._worst(request.model_copy(update={"max_tokens": shortest}))

    def _worst(self, request: SampleRequest) -> Spend:
        """Return the price of a sample with the marks that a verifier may read between its steps: one a token at most.

        Among many samples their slack pays for the marks; one alone would go without a verdict.
        """
        marks = request.max_tokens if self._verifier else 0
        read = flops(self._verifier.parameters, marks) if self._verifier else 0.0
        return self._price(request).plus(Spend(verifier_tokens=marks, flops=read))

    async def extend(self, state: State, samples: int, allowed: Budget) -> State:
        """Go on to `samples` samples in all, within what the search may spend in all."""
        limits = [allowed.model_dump(), self._context.budget.model_dump()]
        both = {name: min((one[name] for one in limits if one[name] is not None), default=None) for name in limits[0]}
        given = state | {"settings": state["settings"] | {"budget": both}, "stop_reason": None}
        after: State = await self._graph(samples).ainvoke(given)
        return after

    async def answer(self, index: int, problem: str, state: State, reason: str) -> ProblemResult:
        """Choose among the samples so far; a search of which every sample failed is an outcome too."""
        tree = Tree.of(state)
        result, error = {}, None
        try:
            result = (await self._answering.ainvoke(state | {"stop_reason": reason}))["result"]
        except SearchFailedError as failure:
            error = str(failure)
        return ProblemResult(index, problem, result, tree.next_id, tree.spend, error)

    def standing(self, state: State) -> ProblemStats:
        """Return what the samples so far tell of the problem."""
        tree = Tree.of(state)
        return _judged(tree, self._verifier) if self._verifier else _voted(tree)

    def _graph(self, samples: int) -> Any:
        if samples not in self._graphs:
            self._graphs[samples] = _sampling(self._generator, self._verifier, samples)
        return self._graphs[samples]


def _judged(tree: Tree, verifier: Verifier) -> ProblemStats:
    """Read scores as chances of being right. What has no score may be either; what was cut off or failed is wrong."""
    scale = to_unit(verifier.score_range)
    scores = [None if one.score is None else scale(one.score) for one in tree.finalists if one.finished]
    chances = [_UNKNOWN if score is None else score for score in scores]
    cut = len(tree.finalists) - len(scores)
    best = max((score for score in scores if score is not None), default=None)
    unsolved, failed = prod(1 - chance for chance in chances), len(tree.failures)
    right, wrong = sum(chances), len(chances) - sum(chances) + cut + failed
    return ProblemStats(tree.next_id, right, wrong, unsolved, best, tree.spend, by_verifier(tree, scale=scale), failed)


def _voted(tree: Tree) -> ProblemStats:
    """Read the share of the leading answer as the chance of being right; what has no answer counts against it."""
    votes = [label for label in tree.answer_classes if label is not None]
    leading = max(map(votes.count, set(votes)), default=0)
    right, failed = float(leading), len(tree.failures)
    wrong = float(len(tree.answer_classes) - leading + failed)
    return ProblemStats(tree.next_id, right, wrong, spend=tree.spend, difficulty=by_agreement(tree), failed=failed)


def _sampling(generator: Generator, verifier: Verifier | None, samples: int) -> Any:
    """Return best-of-n from its first node on: the question is in the state, and so is what was drawn before."""
    graph = StateGraph(SearchState, context_schema=SearchContext)
    graph.add_node("generate", generate(generator, n=samples, verifier=verifier, ahead=verifier))
    graph.add_edge(START, "generate")
    if verifier is None:
        graph.add_edge("generate", END)
    else:
        graph.add_node("recall", _recall)
        graph.add_node("verify", verify(verifier, _unread))
        graph.add_edge("generate", "recall")
        graph.add_edge("recall", "verify")
        graph.add_edge("verify", END)
    return graph.compile(name="samples")


def _unread(tree: Tree) -> Iterable[tuple[str, str]]:
    """Judge every sample without a score, those of earlier runs that the budget kept from it included."""
    return ((step, step) for step in tree.steps)


def _recall(state: SearchState) -> Update:
    """Give a fresh sample the score of an equal one of an earlier run: best-of-n reads equal texts once as well."""
    tree = Tree.of(state)
    read = {
        (tree.text(key), tree.finished(key)): score for key, score in tree.scores.items() if tree.score(key) is not None
    }
    kept = {key: found for key in tree.new_steps if (found := read.get((tree.text(key), tree.finished(key))))}
    return {"scores": {key: score | {"step": key, "tokens": 0} for key, score in kept.items()}}


def _answering(choose: ChoiceRule) -> Any:
    graph = StateGraph(SearchState, context_schema=SearchContext)
    graph.add_node("answer", answer(choose))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(name="answer")
