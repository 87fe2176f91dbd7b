"""A verifier that prefetches starts on each path as its sample ends."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from its_graph import Budget, Candidate, SearchContext, Verdict, Verifier, create
from its_graph.batching.runnables import PrefetchRunnable
from its_graph.catalog.registry import STRATEGIES, strategy
from its_graph.testing import ToyGenerator, ToyVerifier


class Eager(PrefetchRunnable[Candidate, Verdict], Verifier):
    """Scores as the toy verifier does, and records what was prefetched and what was verified."""

    def __init__(self) -> None:
        self.toy = ToyVerifier(parameters=5)
        self.parameters = 5
        self.begun: list[Candidate] = []
        self.started: list[Candidate] = []

    def prefetch(self, candidate: Candidate, /) -> None:
        self.begun.append(candidate)
        super().prefetch(candidate)

    def start(self, inputs: Sequence[Candidate]) -> list[Future[Verdict]]:
        self.started += inputs
        futures: list[Future[Verdict]] = [Future() for _ in inputs]
        for future, candidate in zip(futures, inputs, strict=True):
            future.set_result(self.toy.invoke(candidate))
        return futures

    def tokens(self, candidate: Candidate) -> int:
        return self.toy.tokens(candidate)


AHEAD = [
    "best_of_n",
    "adaptive_best_of_n",
    "beam_search",
    "dvts",
    "rebase",
    "particle_filtering",
    "mcts",
    "rest_mcts",
    "ab_mcts",
    "sequential_revision",
]


@pytest.mark.parametrize("name", AHEAD)
@pytest.mark.parametrize("budget", [None, 900])
def test_a_search_prefetches_exactly_what_it_verifies(name: str, budget: int | None, timeless: Any) -> None:
    """Nothing is verified needlessly or twice, and the result is that of a verifier that prefetches nothing."""
    verifier, plain = Eager(), ToyVerifier(parameters=5)
    context = SearchContext(seed=7, budget=Budget(tokens=budget))
    results = [
        create(name, ToyGenerator(0.3), one).compile().invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=context)
        for one in (verifier, plain)
    ]
    assert timeless(results[0]["result"]) == timeless(results[1]["result"])
    assert verifier.begun
    assert len(verifier.started) == len(plain.candidates)
    assert not verifier._prefetched


def test_with_lookahead_the_steps_themselves_are_not_prefetched() -> None:
    verifier = Eager()
    graph = create("beam_search", ToyGenerator(0.3), verifier, lookahead=1).compile()
    graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=SearchContext(seed=7))
    assert verifier.begun == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_prefetches_what_it_does_not_verify(name: str) -> None:
    verifier = Eager()
    graph = strategy(name).create(ToyGenerator(0.3), verifier, {}).compile()
    graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=SearchContext(seed=7))
    assert not verifier._prefetched
