"""Pools: the first k samples, pass@k, difficulty, and which setting's samples are a pool at all."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.evaluation import (
    Outcome,
    SamplePool,
    SampleRecord,
    measure,
    oracle_bins,
    pass_curve,
    sample_pools,
    widest_pools,
)
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

Made = Callable[..., Outcome]
DrawnBy = Callable[..., SampleRecord]


def test_a_pool_has_the_unbiased_pass_at_k(made: Made) -> None:
    """The vectors of Chen et al.: (n, c, k)."""
    for n, c, k, expected in ((4, 1, 1, 0.25), (4, 1, 2, 0.5), (4, 2, 2, 0.833333), (10, 3, 5, 0.916667)):
        (pool,) = sample_pools([made(0, *[True] * c, *[False] * (n - c))])
        assert pool.pass_at(k) == pytest.approx(expected, abs=1e-6)
        assert pool.difficulty == pytest.approx(1 - c / n)


def test_the_first_k_are_by_id_whatever_failed(drawn: DrawnBy) -> None:
    pool = SamplePool(3, (drawn(0, True), drawn(2, False), drawn(3, True)))
    assert [one.id for one in pool.first(3).samples] == ["0", "2"]
    assert pool.first(1).correct == 1
    assert pool.first(0).pass_at(1) == 0.0


async def test_the_first_k_of_a_pool_are_the_samples_of_a_search_of_k(sums: list[tuple[str, str]]) -> None:
    wide, narrow = (StrategyConfig(strategy="best_of_n", options={"n": n}) for n in (12, 3))
    generator, verifier = ToyGenerator(0.4), ToyVerifier()
    whole = sample_pools((await measure([wide], generator, verifier, sums[:4]))[wide])
    few = sample_pools((await measure([narrow], generator, verifier, sums[:4]))[narrow])
    assert [pool.first(3) for pool in whole] == few
    assert all([int(one.id) for one in pool.samples] == list(range(12)) for pool in whole)


async def test_steps_and_revisions_are_no_pool(sums: list[tuple[str, str]]) -> None:
    settings = [
        StrategyConfig(strategy=name, options={"n": 4}) for name in ("beam_search", "aggregation", "self_consistency")
    ]
    measured = await measure(settings, ToyGenerator(0.4), ToyVerifier(), sums[:4])
    assert [len(sample_pools(measured[setting])) for setting in settings] == [0, 0, 4]


def test_the_widest_pools_are_those_of_the_smallest_problem(made: Made, drawn: DrawnBy) -> None:
    four, six = (True,) * 4, (True,) * 6
    early = [made(0, *six, *six), made(1, True)]
    plain, scored = [made(0, *four), made(1, *four)], [made(0, *four), made(1, *four)]
    unscored = [
        one.model_copy(update={"samples": tuple(drawn(k, True, score=None) for k in range(4))}) for one in plain
    ]
    assert widest_pools({"early": early, "plain": unscored, "scored": scored}) == ("scored", sample_pools(scored))
    assert widest_pools({"early": early}) is None
    assert widest_pools({"part": [made(0, *four), made(1, *four, samples=())]}) is None
    assert widest_pools({}) is None


def test_a_lost_problem_has_no_pool_and_the_others_keep_theirs(made: Made) -> None:
    four, eight = (True,) * 4, (True,) * 8
    found = widest_pools(
        {
            "fewer": [made(0, *eight), made(1), made(2, *eight), made(3), made(4, *eight)],
            "most": [made(0, *eight), made(1, *eight), made(2, *eight), made(3), made(4, *eight)],
            "narrow": [made(index, *four) for index in range(5)],
        }
    )
    assert found is not None
    assert (found[0], [pool.index for pool in found[1]]) == ("most", [0, 1, 2, 4])
    assert widest_pools({"half": [made(0, *eight), made(1), made(2, *eight), made(3)]}) is None


def test_a_problem_that_failures_left_few_samples_is_left_out_and_one_that_stopped_early_is_not(made: Made) -> None:
    eight = (True,) * 8
    flaky, early = made(1, True, False, failures=6), made(1, True, False)
    others = [made(0, *eight), made(2, *eight)]
    found = widest_pools({"flaky": [*others, flaky]})
    assert found is not None
    assert [pool.index for pool in found[1]] == [0, 2]
    assert widest_pools({"early": [*others, early]}) is None
    assert widest_pools({"narrow": [made(0, True, True, False), made(1, True, True, failures=1)]}) is None
    assert widest_pools({"half": [made(0, *eight), flaky]}) is None


async def test_a_flaky_problem_does_not_take_the_difficulty_of_the_others(sums: list[tuple[str, str]]) -> None:
    toy, asked = ToyGenerator(0.4), 0

    def script(request: SampleRequest) -> Any:
        nonlocal asked
        if request.messages[-1]["content"] == sums[2][0]:
            asked += 1
            if asked > 2:
                raise ValueError("out of order")
        return toy.script(request)

    wide = StrategyConfig(strategy="best_of_n", options={"n": 8})
    measured = await measure([wide], ScriptedGenerator(script), ToyVerifier(), sums[:5])
    assert [(len(one.samples), one.failures) for one in measured[wide]] == [(8, 0), (8, 0), (2, 6), (8, 0), (8, 0)]
    found = widest_pools(measured)
    assert found is not None
    assert [pool.index for pool in found[1]] == [0, 1, 3, 4]


def test_five_bins_of_ten_problems_have_two_each(made: Made) -> None:
    """algorithms: pass@1 = 0, .1, ..., .9 gives two a bin, the easiest first."""
    drawn = sample_pools(made(index, *[True] * index, *[False] * (10 - index)) for index in range(10))
    bins = oracle_bins(drawn)
    assert list(map(set, bins.members)) == [{8, 9}, {6, 7}, {4, 5}, {2, 3}, {0, 1}]


def test_equally_hard_problems_are_one_bin(made: Made) -> None:
    bins = oracle_bins(sample_pools(made(index, True, False) for index in range(6)))
    assert bins.members == (frozenset(range(6)),)


def test_the_curve_ends_at_the_smallest_pool(made: Made) -> None:
    drawn = sample_pools([made(0, True, False, False, False, False), made(1, *[True] * 6)])
    assert pass_curve(drawn) == pytest.approx({1: 0.6, 2: 0.7, 4: 0.9, 5: 1.0})
    with pytest.raises(ConfigurationError, match="no pool"):
        pass_curve([])
