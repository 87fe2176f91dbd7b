"""A budget that many searches share."""

import sys

import pytest

from its_graph.batch.budget_pool import BudgetPool
from its_graph.budget import NOTHING, Budget, Spend
from its_graph.errors import ConfigurationError


def test_reserved_and_spent_amounts_are_not_remaining() -> None:
    pool = BudgetPool(Budget(calls=10, tokens=100), Spend(calls=1, prompt_tokens=5, generated_tokens=5))
    assert pool.remaining == {"calls": 9, "tokens": 90}
    price = pool.amounts(Spend(calls=2, verifier_tokens=15))
    assert pool.affordable(price) == 4
    pool.reserve(pool.amounts(Spend(calls=2, verifier_tokens=15), 3))
    assert (pool.remaining, pool.affordable(price)) == ({"calls": 3, "tokens": 45}, 1)
    pool.settle(pool.amounts(Spend(calls=4, generated_tokens=20)))
    pool.release()
    assert pool.remaining == {"calls": 5, "tokens": 70}
    assert pool.used_fraction == 0.5


def test_the_tightest_measure_allows_the_fewest_samples() -> None:
    pool = BudgetPool(Budget(calls=10, tokens=100), NOTHING)
    assert pool.tightest_measure(pool.amounts(Spend(calls=1, generated_tokens=5))) == "calls"
    assert pool.tightest_measure(pool.amounts(Spend(calls=1, generated_tokens=20))) == "tokens"
    assert pool.tightest_measure(pool.amounts(Spend(generated_tokens=1))) == "tokens"


def test_a_free_price_is_always_affordable_and_an_exhausted_budget_affords_nothing() -> None:
    pool = BudgetPool(Budget(tokens=10), Spend(generated_tokens=12))
    assert pool.affordable({"tokens": 0}) == sys.maxsize
    assert pool.affordable({"tokens": 1}) == 0
    assert BudgetPool(Budget(flops=0), NOTHING).used_fraction == 1.0


@pytest.mark.parametrize("limit", [float("inf"), float("nan")])
def test_an_infinite_limit_is_rejected(limit: float) -> None:
    with pytest.raises(ConfigurationError, match="Budget limits must be finite"):
        BudgetPool(Budget.model_construct(flops=limit), NOTHING)
