"""A fitted policy as a menu: algorithms.md 8.4, D6."""

import pytest

from its_graph.batch import Move, Standing, View, menu, solve_batch
from its_graph.budget import Budget
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Point, Policy
from its_graph.setting import Setting
from its_graph.testing import ToyGenerator, ToyVerifier

SINGLE, BEAM = Setting(strategy="single"), Setting(strategy="beam_search", options={"n": 4})


def best_of(n: int) -> Setting:
    return Setting(strategy="best_of_n", options={"n": n})


def point(setting: Setting, accuracy: float) -> Point:
    return Point(setting=setting, accuracy=accuracy, cost=1.0, problems=9)


EASY = (point(SINGLE, 0.9), point(best_of(5), 0.95), point(BEAM, 1.0))
HARD = (point(SINGLE, 0.2), point(best_of(5), 0.6), point(best_of(17), 0.7))


def policy(*curves: tuple[Point, ...], estimator: str = "verifier", pilots: int = 1) -> Policy:
    table = tuple((SINGLE,) for _ in range(2))
    return Policy.model_validate(
        {
            "estimator": estimator,
            "pilots": pilots,
            "unit": "tokens",
            "thresholds": (0.5,),
            "budgets": (100.0,),
            "table": table,
            "curves": curves,
        }
    )


@pytest.mark.parametrize(("left", "samples"), [(3, (1, 1)), (4, (1, 5)), (8, (5, 5)), (16, (5, 5)), (20, (5, 17))])
def test_the_menu_goes_where_it_brings_most(left: int, samples: tuple[int, int]) -> None:
    easy, hard = Standing(1, 0.9, 0.1), Standing(1, 0.1, 0.9)
    moves = menu(policy(EASY, HARD))(View({3: easy, 4: hard}, {3: 1.0, 4: 1.0}, left))
    assert tuple(move.samples for move in moves) == samples
    assert [move.end for move in moves] == ["allocation" if n == 1 else None for n in samples]


def test_prices_are_those_of_the_problem_and_pilots_come_first() -> None:
    standings = {0: Standing(2, 0.1, 1.9), 1: Standing(2, 0.1, 1.9)}
    moves = menu(policy(EASY, HARD))(View(standings, {0: 9.0, 1: 2.0}, 10.0))
    assert moves == [Move(0, 2, "allocation"), Move(1, 5)]
    assert menu(policy(EASY, HARD, pilots=3))(View(standings, {0: 1.0, 1: 1.0}, 10.0)) == [Move(0, 3), Move(1, 3)]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (policy(), "measured curves"),
        (policy(EASY, (point(BEAM, 0.5),)), "measured curves"),
        (policy(EASY, HARD, estimator="text"), "by text"),
    ],
)
def test_policies_that_are_no_menu(given: Policy, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        menu(given)


async def test_a_batch_by_menu() -> None:
    problems = [f"Add {n}, 5, 4, 2." for n in range(1, 20)]
    report = await solve_batch(
        problems, ToyGenerator(0.4), ToyVerifier(), budget=Budget(tokens=2_500), plan=menu(policy(EASY, HARD))
    )
    assert report.unanswered == 0
    assert {1, 5} <= {one.samples for one in report.solved} <= {1, 2, 3, 4, 5, 17}
    assert 2_200 < report.spend.tokens <= 2_500
