"""Integer arithmetic expressions: syntax tree, parser, canonical text, exact step-by-step solution."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

__all__ = ["Expression", "ExpressionError", "Number", "Operation", "count_operations", "parse", "render", "solve_steps"]


class ExpressionError(ValueError):
    """The text is not an expression of whole numbers with + - * / and parentheses, or it divides by zero."""


@dataclass(frozen=True)
class Number:
    """A whole number as written in the problem."""

    value: int


@dataclass(frozen=True)
class Operation:
    """`left symbol right`, where symbol is one of + - * /."""

    symbol: str
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = Number | Operation

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_TOKEN = re.compile(r"\s*(\d+|[-+*/()])")


def count_operations(expression: Expression) -> int:
    """Count the operations of an expression."""
    if isinstance(expression, Number):
        return 0
    return 1 + count_operations(expression.left) + count_operations(expression.right)


def render(expression: Expression) -> str:
    """Return an expression as text, with only the necessary parentheses: `(34 + 57) * 2 - 8`."""
    if isinstance(expression, Number):
        return str(expression.value)
    own = _PRECEDENCE[expression.symbol]
    left = _parenthesized(expression.left, below=own)
    right = _parenthesized(expression.right, below=own + 1)
    return f"{left} {expression.symbol} {right}"


def _parenthesized(expression: Expression, *, below: int) -> str:
    text = render(expression)
    if isinstance(expression, Operation) and _PRECEDENCE[expression.symbol] < below:
        return f"({text})"
    return text


def parse(text: str) -> Expression:
    """Parse an expression with the usual precedence; operators of equal precedence are left-associative.

    Raises:
        ExpressionError: the text is not an expression; the message names the first unexpected token.
    """
    tokens = _tokenize(text)
    try:
        expression = _parse_sum(tokens)
    except RecursionError:
        raise ExpressionError("its parentheses are nested too deeply") from None
    if tokens:
        raise ExpressionError(f"unexpected {tokens[-1]!r} in {text!r}")
    return expression


def _tokenize(text: str) -> list[str]:
    """Return the tokens in reverse, so that the next one is popped from the end."""
    tokens, position = [], 0
    stripped = text.strip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise ExpressionError(f"unexpected {stripped[position:].strip()[0]!r} in {text!r}")
        tokens.append(match[1])
        position = match.end()
    return tokens[::-1]


def _parse_sum(tokens: list[str]) -> Expression:
    left = _parse_product(tokens)
    while tokens and tokens[-1] in "+-":
        left = Operation(tokens.pop(), left, _parse_product(tokens))
    return left


def _parse_product(tokens: list[str]) -> Expression:
    left = _parse_atom(tokens)
    while tokens and tokens[-1] in "*/":
        left = Operation(tokens.pop(), left, _parse_atom(tokens))
    return left


def _parse_atom(tokens: list[str]) -> Expression:
    if not tokens:
        raise ExpressionError("the expression ends where a number was expected")
    token = tokens.pop()
    if token == "(":
        inner = _parse_sum(tokens)
        if not tokens or tokens.pop() != ")":
            raise ExpressionError("an opening parenthesis is never closed")
        return inner
    if not token.isdigit():
        raise ExpressionError(f"got {token!r} where a number was expected")
    return Number(int(token))


def solve_steps(expression: Expression) -> list[tuple[Fraction, str, Fraction, Fraction]]:
    """Evaluate exactly, innermost and leftmost operation first.

    Returns:
        A tuple (left value, symbol, right value, result) for each operation, in order; the last result is the answer.

    Raises:
        ExpressionError: the expression divides by zero.
    """
    steps: list[tuple[Fraction, str, Fraction, Fraction]] = []
    _evaluate(expression, steps)
    return steps


def _evaluate(expression: Expression, steps: list[tuple[Fraction, str, Fraction, Fraction]]) -> Fraction:
    if isinstance(expression, Number):
        return Fraction(expression.value)
    left, right = _evaluate(expression.left, steps), _evaluate(expression.right, steps)
    result = _apply(expression.symbol, left, right)
    steps.append((left, expression.symbol, right, result))
    return result


def _apply(symbol: str, left: Fraction, right: Fraction) -> Fraction:
    if symbol == "+":
        return left + right
    if symbol == "-":
        return left - right
    if symbol == "*":
        return left * right
    if right == 0:
        raise ExpressionError(f"{left} / 0 divides by zero")
    return left / right
