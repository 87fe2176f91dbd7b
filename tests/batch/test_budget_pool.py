"""A budget that many searches share."""

import sys

import pytest

from its_graph.batch.budget_pool import BudgetPool
from its_graph.budget import NOTHING, Budget, Spend
from its_graph.errors import ConfigurationError


def test_what_is_held_and_spent_is_not_left() -> None:
    pool = BudgetPool(Budget(calls=10, tokens=100), Spend(calls=1, prompt_tokens=5, generated_tokens=5))
    assert pool.remaining == {"calls": 9, "tokens": 90}
    price = pool.share(Spend(calls=2, verifier_tokens=15))
    assert pool.times(price) == 4
    pool.hold(pool.share(Spend(calls=2, verifier_tokens=15), 3))
    assert (pool.remaining, pool.times(price)) == ({"calls": 3, "tokens": 45}, 1)
    pool.settle(pool.share(Spend(calls=4, generated_tokens=20)))
    pool.release()
    assert pool.remaining == {"calls": 5, "tokens": 70}
    assert pool.used == 0.5


def test_the_nearest_limit_is_the_one_that_the_fewest_samples_are_left_of() -> None:
    pool = BudgetPool(Budget(calls=10, tokens=100), NOTHING)
    assert pool.nearest(pool.share(Spend(calls=1, generated_tokens=5))) == "calls"
    assert pool.nearest(pool.share(Spend(calls=1, generated_tokens=20))) == "tokens"
    assert pool.nearest(pool.share(Spend(generated_tokens=1))) == "tokens"


def test_nothing_can_be_paid_without_end_and_more_than_all_not_at_all() -> None:
    pool = BudgetPool(Budget(tokens=10), Spend(generated_tokens=12))
    assert pool.times({"tokens": 0}) == sys.maxsize
    assert pool.times({"tokens": 1}) == 0
    assert BudgetPool(Budget(flops=0), NOTHING).used == 1.0


@pytest.mark.parametrize("limit", [float("inf"), float("nan")])
def test_a_limit_without_end_is_refused(limit: float) -> None:
    with pytest.raises(ConfigurationError, match="A limit without end is none"):
        BudgetPool(Budget.model_construct(flops=limit), NOTHING)
