"""A frontier as a population: which particles compete, are drawn, and win."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from its_graph.nodes.rules.particles import best_particle, drawn_particle, particle_vote
from its_graph.nodes.rules.resampling import resample_particles, systematic
from its_graph.search.tree import Tree

FrontierOf = Callable[..., Tree]
MakeTree = Callable[..., Tree]
OPEN = "stop_string"


def take_all(weights: Sequence[float], n: int, chance: Any) -> list[int]:
    """Draw every particle once, whatever its weight, to see who was in the population."""
    return list(range(len(weights)))


def seen_by(weights: list[float]) -> Callable[[Sequence[float], int, Any], list[int]]:
    """Return a resampler that notes the weights it is given and draws the first particle."""

    def draw(given: Sequence[float], n: int, chance: Any) -> list[int]:
        weights.extend(given)
        return [0] * n

    return draw


def test_finished_particles_continue_to_compete_with_their_last_weight(frontier_of: FrontierOf) -> None:
    """Reference 2.5: finished particles keep their last w; every copy counts."""
    tree = frontier_of(("0", None, "a", 0.9, "end"), ("1", None, "b", 0.4, OPEN), ("2", "1", "c", 0.5, OPEN))
    tree.frontier, tree.new_steps = ["0", "0", "1"], ["2"]
    weights: list[float] = []
    resample_particles(3, seen_by(weights))(tree)
    assert weights == pytest.approx([9 / 19, 9 / 19, 1 / 19])
    assert resample_particles(3, take_all)(tree) == ["0", "0", "2"]


def test_a_round_draws_n_from_whatever_is_left(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, OPEN), ("2", None, "b", 0.5, OPEN))
    assert Counter(resample_particles(10, systematic)(tree)) == {"0": 9, "2": 1}
    assert len(resample_particles(7)(tree)) == 7


def test_cut_off_particles_leave_the_population(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, "length"), ("1", None, "b", 0.5, OPEN), ("2", None, "c", 0.5, "end"))
    assert resample_particles(9, take_all)(tree) == ["1", "2"]
    assert resample_particles(9)(frontier_of(("0", None, "a", 0.9, "length"))) == []


def test_a_population_that_is_all_finished_is_the_last_one(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, "end"), ("1", None, "b", 0.1, OPEN), ("2", "1", "c", 0.01, "end"))
    tree.frontier, tree.new_steps = ["0", "1"], ["2"]
    assert resample_particles(8)(tree) == ["0", "2"]


def test_a_spent_budget_ends_the_drawing(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.999, OPEN), ("1", None, "b", 0.001, OPEN))
    tree.stop_reason = "budget"
    assert resample_particles(8)(tree) == ["0", "1"]


def test_draws_depend_on_the_seed_and_the_round(frontier_of: FrontierOf) -> None:
    rows = [(str(index), None, f"t{index}", 0.5, OPEN) for index in range(16)]
    first, again = frontier_of(*rows), frontier_of(*rows)
    later = frontier_of(*rows, ("16", None, "more", 0.5, OPEN))
    later.new_steps = first.new_steps
    other = frontier_of(*rows)
    other._settings = {"seed": 3}
    assert resample_particles(16)(first) == resample_particles(16)(again)
    assert resample_particles(16)(first) != resample_particles(16)(later)
    assert resample_particles(16)(first) != resample_particles(16)(other)


def test_a_particle_without_a_score_weighs_as_much_as_a_mean_one(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, OPEN), ("1", None, "b", None, OPEN), ("2", None, "c", 0.1, OPEN))
    weights: list[float] = []
    resample_particles(3, seen_by(weights))(tree)
    odds = [9, 1, 1 / 9]
    assert weights == pytest.approx([one / sum(odds) for one in odds])


def test_unbounded_scores_are_log_odds_already(frontier_of: FrontierOf) -> None:
    """logit(sigmoid(x)) = x: theta is the softmax of the scores themselves."""
    tree = frontier_of(("0", None, "a", 1.0, OPEN), ("1", None, "b", 0.0, OPEN))
    weights: list[float] = []
    resample_particles(2, seen_by(weights), score_range="real")(tree)
    assert weights[0] / weights[1] == pytest.approx(2.718281828)


def test_annealing_receives_the_round_and_the_scores(frontier_of: FrontierOf) -> None:
    calls: list[tuple[int, list[float]]] = []

    def anneal(number: int, scores: Sequence[float]) -> float:
        calls.append((number, list(scores)))
        return 2.0

    tree = frontier_of(("0", None, "a", 0.2, OPEN), ("1", "0", "b", 0.9, OPEN), ("2", "0", "c", 0.5, OPEN))
    weights: list[float] = []
    resample_particles(2, seen_by(weights), anneal)(tree)
    assert calls == [(2, [0.9, 0.5])]
    assert weights == pytest.approx([0.75, 0.25])


# --- choosing ------------------------------------------------------------------------------------------------------


def population(tree: Tree, *steps: str) -> Tree:
    """Set the last population of `tree`."""
    tree.frontier = list(steps)
    return tree


def test_the_best_of_the_last_population_wins_not_of_all(solutions: MakeTree) -> None:
    tree = population(solutions(["A", "B", "C"], [0.9, 0.5, 0.4]), "1", "2", "2")
    assert best_particle(tree).winner == 1


def test_copies_of_one_particle_are_no_tie(solutions: MakeTree) -> None:
    assert not best_particle(population(solutions(["A", "B"], [0.9, 0.5]), "0", "0")).tie
    assert best_particle(population(solutions(["A", "B"], [0.9, 0.9]), "1", "0")) == (0, {}, True, ())


def test_without_a_finished_particle_in_it_all_finished_ones_are_used(solutions: MakeTree) -> None:
    tree = population(solutions(["A", "B", None], [0.2, 0.3, 0.9], ["end", "end", OPEN]), "2", "2")
    assert best_particle(tree).winner == 1
    none = population(solutions([None, None, None], [0.2, 0.3, 0.9], [OPEN, OPEN, OPEN]), "0", "1")
    assert best_particle(none).winner == 1


@pytest.mark.parametrize("rule", [best_particle, drawn_particle(), particle_vote()])
def test_without_any_score_the_vote_decides_and_says_so(solutions: MakeTree, rule: Callable[[Tree], Any]) -> None:
    choice = rule(population(solutions(["B", "A", "A"], [None, None, None]), "0", "1", "2"))
    assert choice.winner == 1
    assert choice.notes == ("No candidate that may vote has a score: the vote decided.",)


def test_a_particle_is_drawn_by_its_odds_and_its_copies(solutions: MakeTree) -> None:
    """Odds 9 : 1, the second one three times over: 9 : 3."""
    draws: Counter[int | None] = Counter()
    for seed in range(600):
        tree = population(solutions(["A", "B", "C"], [0.9, 0.5, 0.999]), "0", "1", "1", "1")
        tree._settings = {"seed": seed}
        draws[drawn_particle()(tree).winner] += 1
    assert set(draws) == {0, 1}
    assert draws[0] / 600 == pytest.approx(0.75, abs=0.08)


def test_each_copy_votes(solutions: MakeTree) -> None:
    tree = population(solutions(["A", "B", "C"], [0.6, 0.4, 0.9]), "0", "1", "1")
    choice = particle_vote()(tree)
    assert choice.winner == 1
    assert choice.votes == pytest.approx({0: 0.6, 1: 0.8})
