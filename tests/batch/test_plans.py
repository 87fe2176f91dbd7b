"""Plans as pure functions: who gets the next samples."""

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


def view(standings: list[ProblemStats], left: float, costs: list[float] | None = None) -> BatchView:
    return BatchView(dict(enumerate(standings)), dict(enumerate(costs or [1.0] * len(standings))), left)


def tried(right: float, wrong: float, unsolved: float = 1.0, best: float | None = None) -> ProblemStats:
    return ProblemStats(round(right + wrong), right, wrong, unsolved, best, difficulty=wrong / (right + wrong))


def test_uniform_answers_an_eighth_at_a_time_with_what_is_left_for_each() -> None:
    one = ProblemStats(samples=1)
    moves = uniform_plan()(view([one] * 80, 240.0))
    assert moves == [Allocation(number, 4, "allocation") for number in range(10)]
    assert [move.samples for move in uniform_plan()(view([one] * 8, 12.0))] == [3, 3, 3, 3, 2, 2, 2, 2]
    assert {move.samples for move in uniform_plan(max_samples=3)(view([one] * 8, 999.0))} == {3}


def test_seed_weights_feed_the_hardest() -> None:
    standings = [tried(1, 0), tried(0.6, 0.4), tried(0.3, 0.7), tried(0, 1)]
    moves = hardest_first_plan()(view(standings, 81.0))
    assert [move.samples for move in moves] == [2, 5, 16, 62]


def test_beta_greedy_draws_pilots_first() -> None:
    moves = beta_greedy_plan(pilots=3)(view([tried(1, 0), tried(3, 0), tried(0, 2)], 9.0))
    assert moves == [Allocation(0, 3), Allocation(2, 3)]


def test_beta_greedy_gives_half_and_answers_who_gets_no_more() -> None:
    solved, open_ = tried(2, 0, unsolved=0.01), tried(1, 1, unsolved=0.5)
    moves = beta_greedy_plan()(view([solved, open_], 5.0))
    assert moves == [Allocation(0, 2, "allocation"), Allocation(1, 2 + 3)]


def test_beta_greedy_goes_by_what_samples_cost() -> None:
    even = [tried(0, 2), tried(0, 2)]
    cheap_first = beta_greedy_plan()(view(even, 8.0, [1.0, 4.0]))
    assert cheap_first[0].samples > cheap_first[1].samples
    alike = beta_greedy_plan()(view(even, 8.0))
    assert alike[0].samples == alike[1].samples


def test_beta_greedy_never_gives_more_than_the_most_or_than_is_left() -> None:
    chance = random.Random(2)
    for _ in range(50):
        standings = [ProblemStats(3, chance.random() * 2, chance.random() * 2, chance.random()) for _ in range(6)]
        costs = [chance.uniform(0.5, 3) for _ in standings]
        left = chance.uniform(0, 40)
        moves = beta_greedy_plan(pilots=1, max_samples=7)(view(standings, left, costs))
        more = [max(0, move.samples - one.samples) for move, one in zip(moves, standings, strict=True)]
        assert sum(n * cost for n, cost in zip(more, costs, strict=True)) <= left + max(costs)
        assert max(move.samples for move in moves) <= 7


def test_adaptive_ends_the_solved_and_goes_on_with_the_most_hopeful() -> None:
    standings = [tried(1, 0, 0.05, best=0.95), tried(0.5, 0.5, 0.5, 0.5), tried(0, 1, 1.0, 0.0), tried(0, 5, 1.0, 0.0)]
    moves = adaptive_plan(wave=2)(view(standings, 10.0))
    assert moves == [Allocation(0, 1, "solved"), Allocation(1, 2), Allocation(2, 2)]
    assert adaptive_plan(wave=9)(view(standings, 1.0)) == [Allocation(0, 1, "solved"), Allocation(1, 2)]
    assert adaptive_plan(max_samples=5)(view([tried(0, 5)], 10.0)) == [Allocation(0, 5, "allocation")]
    sure = tried(1, 0, unsolved=0.0, best=0.8)
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
    with pytest.raises(ConfigurationError, match="Given"):
        make()
