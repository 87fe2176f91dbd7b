"""Vectors of docs/reference/algorithms.md 5.1."""

import pytest

from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import AGGREGATIONS, check_aggregation, get_aggregation, mean, product

SCORES = [0.9, 0.5, 0.8]


@pytest.mark.parametrize(("name", "value"), [("last", 0.8), ("min", 0.5), ("prod", 0.36), ("mean", 0.733333)])
def test_vectors(name: str, value: float) -> None:
    """Reference 5.1: [.9,.5,.8] -> last .8, min .5, product .36, mean .733333."""
    assert get_aggregation(name)(SCORES) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", sorted(AGGREGATIONS))
def test_empty_is_an_error_not_zero(name: str) -> None:
    """Reference 5.1."""
    with pytest.raises(ConfigurationError, match="must not be empty"):
        AGGREGATIONS[name]([])


def test_product_is_for_probabilities() -> None:
    """Reference 5.8, range."""
    with pytest.raises(ConfigurationError, match="score_range must be 'prob'"):
        get_aggregation("prod", "real")
    with pytest.raises(ConfigurationError, match="score_range must be 'prob'"):
        check_aggregation(product, "real")
    with pytest.raises(ConfigurationError, match="in \\[0, 1\\]"):
        product([0.5, 1.5])
    assert product([0.0, 1.0]) == 0


def test_other_rules_take_any_range() -> None:
    assert check_aggregation(mean, "real")([-2.0, 4.0]) == 1.0
    assert get_aggregation("min", "real")([-2.0, 4.0]) == -2.0


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match=r"last, min, prod, mean.*'median'"):
        get_aggregation("median")
