"""Sample pools: the first k samples, pass@k, difficulty, and which configs have pools at all."""

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
    build_pools,
    measure,
    oracle_bins,
    pass_curve,
    widest_pools,
)
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

MakeOutcome = Callable[..., Outcome]
MakeSample = Callable[..., SampleRecord]


def test_a_pool_has_the_unbiased_pass_at_k(make_outcome: MakeOutcome) -> None:
    """The vectors of Chen et al.: (n, c, k)."""
    for n, c, k, expected in ((4, 1, 1, 0.25), (4, 1, 2, 0.5), (4, 2, 2, 0.833333), (10, 3, 5, 0.916667)):
        (pool,) = build_pools([make_outcome(0, *[True] * c, *[False] * (n - c))])
        assert pool.pass_at(k) == pytest.approx(expected, abs=1e-6)
        assert pool.difficulty == pytest.approx(1 - c / n)


def test_the_first_k_are_by_id_despite_failures(make_sample: MakeSample) -> None:
    pool = SamplePool(3, (make_sample(0, True), make_sample(2, False), make_sample(3, True)))
    assert [sample.id for sample in pool.first(3).samples] == ["0", "2"]
    assert pool.first(1).correct == 1
    assert pool.first(0).pass_at(1) == 0.0


async def test_the_first_k_of_a_pool_are_the_samples_of_a_search_of_k(sums: list[tuple[str, str]]) -> None:
    wide, narrow = (StrategyConfig(strategy="best_of_n", options={"n": n}) for n in (12, 3))
    generator, verifier = ToyGenerator(0.4), ToyVerifier()
    whole = build_pools((await measure([wide], generator, verifier, sums[:4]))[wide])
    few = build_pools((await measure([narrow], generator, verifier, sums[:4]))[narrow])
    assert [pool.first(3) for pool in whole] == few
    assert all([int(sample.id) for sample in pool.samples] == list(range(12)) for pool in whole)


async def test_steps_and_revisions_form_no_pool(sums: list[tuple[str, str]]) -> None:
    configs = [
        StrategyConfig(strategy=name, options={"n": 4}) for name in ("beam_search", "aggregation", "self_consistency")
    ]
    measured = await measure(configs, ToyGenerator(0.4), ToyVerifier(), sums[:4])
    assert [len(build_pools(measured[config])) for config in configs] == [0, 0, 4]


def test_the_smallest_pool_decides_which_are_widest(make_outcome: MakeOutcome, make_sample: MakeSample) -> None:
    four, six = (True,) * 4, (True,) * 6
    early = [make_outcome(0, *six, *six), make_outcome(1, True)]
    plain, scored = [make_outcome(0, *four), make_outcome(1, *four)], [make_outcome(0, *four), make_outcome(1, *four)]
    unscored = [
        outcome.model_copy(update={"samples": tuple(make_sample(k, True, score=None) for k in range(4))})
        for outcome in plain
    ]
    assert widest_pools({"early": early, "plain": unscored, "scored": scored}) == ("scored", build_pools(scored))
    assert widest_pools({"early": early}) is None
    assert widest_pools({"part": [make_outcome(0, *four), make_outcome(1, *four, samples=())]}) is None
    assert widest_pools({}) is None


def test_a_lost_problem_has_no_pool_and_the_others_keep_theirs(make_outcome: MakeOutcome) -> None:
    four, eight = (True,) * 4, (True,) * 8
    widest = widest_pools(
        {
            "fewer": [
                make_outcome(0, *eight),
                make_outcome(1),
                make_outcome(2, *eight),
                make_outcome(3),
                make_outcome(4, *eight),
            ],
            "most": [
                make_outcome(0, *eight),
                make_outcome(1, *eight),
                make_outcome(2, *eight),
                make_outcome(3),
                make_outcome(4, *eight),
            ],
            "narrow": [make_outcome(index, *four) for index in range(5)],
        }
    )
    assert widest is not None
    assert (widest[0], [pool.problem_index for pool in widest[1]]) == ("most", [0, 1, 2, 4])
    assert (
        widest_pools({"half": [make_outcome(0, *eight), make_outcome(1), make_outcome(2, *eight), make_outcome(3)]})
        is None
    )


def test_a_problem_with_too_many_failures_is_lost_but_one_that_stopped_early_is_not(make_outcome: MakeOutcome) -> None:
    eight = (True,) * 8
    flaky, early = make_outcome(1, True, False, failures=6), make_outcome(1, True, False)
    others = [make_outcome(0, *eight), make_outcome(2, *eight)]
    widest = widest_pools({"flaky": [*others, flaky]})
    assert widest is not None
    assert [pool.problem_index for pool in widest[1]] == [0, 2]
    assert widest_pools({"early": [*others, early]}) is None
    assert (
        widest_pools({"narrow": [make_outcome(0, True, True, False), make_outcome(1, True, True, failures=1)]}) is None
    )
    assert widest_pools({"half": [make_outcome(0, *eight), flaky]}) is None


async def test_a_flaky_problem_does_not_affect_the_difficulty_of_the_others(sums: list[tuple[str, str]]) -> None:
    toy, calls = ToyGenerator(0.4), 0

    def script(request: SampleRequest) -> Any:
        nonlocal calls
        if request.messages[-1]["content"] == sums[2][0]:
            calls += 1
            if calls > 2:
                raise ValueError("out of order")
        return toy.script(request)

    wide = StrategyConfig(strategy="best_of_n", options={"n": 8})
    measured = await measure([wide], ScriptedGenerator(script), ToyVerifier(), sums[:5])
    assert [(len(outcome.samples), outcome.failures) for outcome in measured[wide]] == [
        (8, 0),
        (8, 0),
        (2, 6),
        (8, 0),
        (8, 0),
    ]
    widest = widest_pools(measured)
    assert widest is not None
    assert [pool.problem_index for pool in widest[1]] == [0, 1, 3, 4]


def test_five_bins_of_ten_problems_have_two_each(make_outcome: MakeOutcome) -> None:
    """algorithms: pass@1 = 0, .1, ..., .9 gives two a bin, the easiest first."""
    pools = build_pools(make_outcome(index, *[True] * index, *[False] * (10 - index)) for index in range(10))
    bins = oracle_bins(pools)
    assert list(map(set, bins.members)) == [{8, 9}, {6, 7}, {4, 5}, {2, 3}, {0, 1}]


def test_equally_difficult_problems_share_a_bin(make_outcome: MakeOutcome) -> None:
    bins = oracle_bins(build_pools(make_outcome(index, True, False) for index in range(6)))
    assert bins.members == (frozenset(range(6)),)


def test_the_curve_ends_at_the_smallest_pool(make_outcome: MakeOutcome) -> None:
    pools = build_pools([make_outcome(0, True, False, False, False, False), make_outcome(1, *[True] * 6)])
    assert pass_curve(pools) == pytest.approx({1: 0.6, 2: 0.7, 4: 0.9, 5: 1.0})
    with pytest.raises(ConfigurationError, match="needs a pool"):
        pass_curve([])
