"""Plans as pure functions: which problems get the next samples."""

import random

import pytest

from its_graph.batch import (
    Allocation,
    BatchView,
    ProblemStats,
    adaptive_plan,
    beta_greedy_plan,
    hardest_first_plan,
    uniform_plan,
)
from its_graph.errors import ConfigurationError


def view(stats: list[ProblemStats], remaining: float, costs: list[float] | None = None) -> BatchView:
    return BatchView(dict(enumerate(stats)), dict(enumerate(costs or [1.0] * len(stats))), remaining)


def tried(correct: float, incorrect: float, unsolved: float = 1.0, best_score: float | None = None) -> ProblemStats:
    samples = correct + incorrect
    return ProblemStats(round(samples), correct, incorrect, unsolved, best_score, difficulty=incorrect / samples)


def test_uniform_answers_an_eighth_at_a_time_with_equal_shares() -> None:
    stats = ProblemStats(samples=1)
    allocations = uniform_plan()(view([stats] * 80, 240.0))
    assert allocations == [Allocation(index, 4, "allocation") for index in range(10)]
    assert [allocation.samples for allocation in uniform_plan()(view([stats] * 8, 12.0))] == [3, 3, 3, 3, 2, 2, 2, 2]
    assert {allocation.samples for allocation in uniform_plan(max_samples=3)(view([stats] * 8, 999.0))} == {3}


def test_hardest_first_weights_favor_the_hardest() -> None:
    stats = [tried(1, 0), tried(0.6, 0.4), tried(0.3, 0.7), tried(0, 1)]
    allocations = hardest_first_plan()(view(stats, 81.0))
    assert [allocation.samples for allocation in allocations] == [2, 5, 16, 62]


def test_beta_greedy_draws_pilots_first() -> None:
    allocations = beta_greedy_plan(pilots=3)(view([tried(1, 0), tried(3, 0), tried(0, 2)], 9.0))
    assert allocations == [Allocation(0, 3), Allocation(2, 3)]


def test_beta_greedy_gives_half_and_answers_problems_that_get_no_more() -> None:
    solved, open_ = tried(2, 0, unsolved=0.01), tried(1, 1, unsolved=0.5)
    allocations = beta_greedy_plan()(view([solved, open_], 5.0))
    assert allocations == [Allocation(0, 2, "allocation"), Allocation(1, 2 + 3)]


def test_beta_greedy_accounts_for_costs() -> None:
    even = [tried(0, 2), tried(0, 2)]
    cheap_first = beta_greedy_plan()(view(even, 8.0, [1.0, 4.0]))
    assert cheap_first[0].samples > cheap_first[1].samples
    alike = beta_greedy_plan()(view(even, 8.0))
    assert alike[0].samples == alike[1].samples


def test_beta_greedy_exceeds_neither_the_maximum_nor_the_budget() -> None:
    chance = random.Random(2)
    for _ in range(50):
        stats = [ProblemStats(3, chance.random() * 2, chance.random() * 2, chance.random()) for _ in range(6)]
        costs = [chance.uniform(0.5, 3) for _ in stats]
        remaining = chance.uniform(0, 40)
        allocations = beta_greedy_plan(pilots=1, max_samples=7)(view(stats, remaining, costs))
        more = [max(0, allocation.samples - row.samples) for allocation, row in zip(allocations, stats, strict=True)]
        assert sum(n * cost for n, cost in zip(more, costs, strict=True)) <= remaining + max(costs)
        assert max(allocation.samples for allocation in allocations) <= 7


def test_adaptive_ends_solved_problems_and_continues_with_the_most_promising() -> None:
    stats = [
        tried(1, 0, 0.05, best_score=0.95),
        tried(0.5, 0.5, 0.5, 0.5),
        tried(0, 1, 1.0, 0.0),
        tried(0, 5, 1.0, 0.0),
    ]
    allocations = adaptive_plan(wave=2)(view(stats, 10.0))
    assert allocations == [Allocation(0, 1, "solved"), Allocation(1, 2), Allocation(2, 2)]
    assert adaptive_plan(wave=9)(view(stats, 1.0)) == [Allocation(0, 1, "solved"), Allocation(1, 2)]
    assert adaptive_plan(max_samples=5)(view([tried(0, 5)], 10.0)) == [Allocation(0, 5, "allocation")]
    sure = tried(1, 0, unsolved=0.0, best_score=0.8)
    assert adaptive_plan()(view([sure], 10.0)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: beta_greedy_plan(pilots=0),
        lambda: beta_greedy_plan(pilots=5, max_samples=4),
        lambda: beta_greedy_plan(prior=(0.0, 1.0)),
        lambda: adaptive_plan(solved=0.0),
        lambda: adaptive_plan(wave=0),
    ],
)
def test_impossible_plans(make: object) -> None:
    assert callable(make)
    with pytest.raises(ConfigurationError, match="; got "):
        make()
