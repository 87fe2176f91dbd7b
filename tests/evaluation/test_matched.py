"""A small model that searches and a larger one, at equal FLOPs."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.budget import Spend
from its_graph.errors import ConfigurationError
from its_graph.evaluation import Outcome
from its_graph.evaluation.matched import ONE, RATIOS, Match, inference_multiplier, matched
from its_graph.setting import Setting

Made = Callable[..., Outcome]

FOUR = Setting(strategy="best_of_n", options={"n": 4})
PROBLEMS, EASY = 40, 10  # so few are easy that the median is hard in both halves


@pytest.mark.parametrize(
    ("size", "ratio", "multiplier"),
    [(14, 0.08, 257.75), (14, 0.4, 62.75), (14, 11, 15.772727), (1, 0.08, 1), (1, 11, 1)],
)
def test_the_papers_multipliers(size: float, ratio: float, multiplier: float) -> None:
    assert inference_multiplier(size, ratio) == pytest.approx(multiplier)


@pytest.mark.parametrize(("size", "ratio"), [(0.5, 1.0), (4.0, 0.0), (4.0, -1.0), (4.0, float("nan"))])
def test_impossible_sizes_and_ratios_are_refused(size: float, ratio: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        inference_multiplier(size, ratio)


def _spend(flops: float) -> Spend:
    return Spend(calls=1, flops=flops)


@pytest.fixture
def world(made: Made) -> dict[str, Any]:
    """Easy problems are always solved, hard ones by four samples alone; the larger model solves every second one."""
    hard = [index >= EASY for index in range(PROBLEMS)]
    samples = [(True,) * 4 if not one else (False, True, False, False) for one in hard]
    four = [made(at, *drawn, right=True, spend=_spend(400.0)) for at, drawn in enumerate(samples)]
    one = [made(at, drawn[0], spend=_spend(100.0)) for at, drawn in enumerate(samples)]
    larger = [made(at, not is_hard or at % 4 < 2) for at, is_hard in enumerate(hard)]
    return {"measured": {ONE: one, FOUR: four}, "larger": larger}


def _rows(matches: list[Match], ratio: float) -> list[Match]:
    return [one for one in matches if one.ratio == ratio]


def test_search_wins_where_its_budget_allows_it(world: dict[str, Any]) -> None:
    size = 1.5  # k = 1.5 + 0.75 / R: 10.9, 3.4 and 1.6 answers
    matches = matched(world["measured"], world["larger"], size, bins=2)
    rich, poor = _rows(matches, RATIOS[0]), _rows(matches, RATIOS[2])
    assert [one.bin for one in rich] == [None, 0, 1]
    assert [one.problems for one in rich] == [PROBLEMS, EASY, PROBLEMS - EASY]
    everything, easy, hard = rich
    assert (easy.searching, easy.larger, easy.used) == (1.0, 1.0, 1.0)  # one answer is enough, and no more is spent
    assert (hard.single, hard.searching, hard.larger, hard.used) == (0.25, 1.0, 14 / 30, 4.0)
    assert everything.lead.mean == pytest.approx(16 / PROBLEMS)
    assert everything.lead.ci95.low > 0
    assert (poor[2].searching, poor[2].used) == (0.0, 1.0)  # four samples cost more than 1.6 answers
    assert poor[2].lead.mean == pytest.approx(-14 / 30)


def test_no_ratio_spends_more_than_its_multiplier(world: dict[str, Any]) -> None:
    for one in matched(world["measured"], world["larger"], 3.0, bins=2):
        assert one.used <= one.multiplier


def test_what_is_missing_is_named(world: dict[str, Any]) -> None:
    measured, larger = world["measured"], world["larger"]
    with pytest.raises(ConfigurationError, match="best_of_n n=1"):
        matched({FOUR: measured[FOUR]}, larger, 2.0)
    with pytest.raises(ConfigurationError, match="at least 4 samples"):
        matched({ONE: measured[ONE]}, larger, 2.0)
    with pytest.raises(ConfigurationError, match="same problems"):
        matched(measured, larger[1:], 2.0)
    free = [one.model_copy(update={"spend": Spend()}) for one in measured[ONE]]
    with pytest.raises(ConfigurationError, match="parameters"):
        matched({ONE: free, FOUR: measured[FOUR]}, larger, 2.0)
