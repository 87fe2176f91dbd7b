"""Expressions: hand-computed values, canonical text, refusals."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.embedded.expressions import (
    Expression,
    ExpressionError,
    Number,
    Operation,
    count_operations,
    parse,
    render,
    solve_steps,
)

expressions = st.recursive(
    st.integers(0, 99).map(Number),
    lambda inner: st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
    max_leaves=9,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(34 + 57) * 2 - 8", 174),
        ("34 + 57 * 2", 148),
        ("34+57*2", 148),
        ("8 - 3 - 2", 3),
        ("8 - (3 - 2)", 7),
        ("64 / 4 / 2", 8),
        ("64 / (4 / 2)", 32),
        ("2 - 5 * 3", -13),
        ("1 / 3", Fraction(1, 3)),
    ],
)
def test_value(text: str, value: Fraction) -> None:
    assert solve_steps(parse(text))[-1][-1] == value


def test_steps_are_innermost_and_leftmost_first() -> None:
    steps = solve_steps(parse("(34 + 57) * 2 - 12 / 4"))
    assert [(int(a), symbol, int(b), int(c)) for a, symbol, b, c in steps] == [
        (34, "+", 57, 91),
        (91, "*", 2, 182),
        (12, "/", 4, 3),
        (182, "-", 3, 179),
    ]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("((34))+57", "34 + 57"), ("8-(3-2)", "8 - (3 - 2)"), ("(8-3)-2", "8 - 3 - 2"), ("2*(3*4)", "2 * (3 * 4)")],
)
def test_canonical_text_has_only_necessary_parentheses(text: str, canonical: str) -> None:
    assert render(parse(text)) == canonical


@given(expressions)
def test_text_and_tree_round_trip(expression: Expression) -> None:
    assert parse(render(expression)) == expression
    assert count_operations(expression) == sum(render(expression).count(symbol) for symbol in "+-*/")


@pytest.mark.parametrize("text", ["", "1 +", "(1 + 2", "1 + 2)", "1 2", "2 ** 3", "1 + a", "__import__('os')", "()"])
def test_other_text_is_rejected(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_division_by_zero_is_rejected() -> None:
    with pytest.raises(ExpressionError, match="divides by zero"):
        solve_steps(parse("5 / (3 - 3)"))
