"""The domain of the embedded models: arithmetic problems, their reference solutions and their three splits."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from its_graph.embedded.expressions import Expression, Number, Operation, render, solve_steps

__all__ = [
    "LIMIT",
    "MAX_OPERATIONS",
    "ArithmeticProblem",
    "DataSplit",
    "arithmetic_problem",
    "arithmetic_problems",
    "problem_text",
    "reference_solution",
    "split_of",
]

DataSplit: TypeAlias = Literal["train", "validation", "test"]

LIMIT = 999
"""Largest absolute value of any intermediate result."""
MAX_OPERATIONS = 8

_FACTOR = 12
_SMALL = 199
_SPLITS: tuple[DataSplit, ...] = ("train",) * 8 + ("validation", "test")


@dataclass(frozen=True)
class ArithmeticProblem:
    """One problem as the models read it, with its answer and its expression."""

    text: str
    answer: str
    expression: Expression


def split_of(expression: Expression) -> DataSplit:
    """Return the split of an expression, which depends only on its text: 8 : 1 : 1.

    Two splits therefore never have a problem in common, whatever the seeds.
    """
    digest = hashlib.sha256(render(expression).encode()).digest()
    return _SPLITS[int.from_bytes(digest[:4], "big") % len(_SPLITS)]


def problem_text(expression: Expression) -> str:
    """Return the only phrasing that the models were trained on."""
    return f"Compute {render(expression)}."


def reference_solution(expression: Expression) -> str:
    r"""Return the exact solution: `Step 1: 34 + 57 = 91`, a blank line, ..., and `\boxed{174}` after the last step.

    The box shares a step with the last operation: a separate step would cost a search a round without any choice.
    """
    steps = solve_steps(expression)
    lines = [
        f"Step {index}: {left} {symbol} {right} = {result}"
        for index, (left, symbol, right, result) in enumerate(steps, start=1)
    ]
    return "\n\n".join(lines) + f"\n\\boxed{{{steps[-1][-1]}}}"


def arithmetic_problem(
    index: int,
    *,
    seed: int = 0,
    split: DataSplit = "test",
    operations: tuple[int, int] = (3, MAX_OPERATIONS),
    large: float = 0.15,
) -> ArithmeticProblem:
    """Return problem number `index` of the stream `seed` of one split.

    Args:
        index: position in the stream, from 0.
        seed: selects the stream.
        split: which of the three disjoint sets to draw from.
        operations: smallest and largest number of operations, drawn uniformly.
        large: share of the results beyond +-199 to keep, in [0, 1]; the others are drawn again.
    """
    rng = random.Random(f"{split}/{seed}/{index}")
    count = rng.randint(*operations)
    while True:
        expression = _draw(rng, count, large)
        if expression is not None and split_of(expression[0]) == split:
            tree, value = expression
            return ArithmeticProblem(problem_text(tree), str(value), tree)


def arithmetic_problems(
    n: int, *, seed: int = 0, split: DataSplit = "test", operations: tuple[int, int] = (3, MAX_OPERATIONS)
) -> Iterator[ArithmeticProblem]:
    """Yield the first `n` problems of a stream, see `arithmetic_problem`."""
    return (arithmetic_problem(index, seed=seed, split=split, operations=operations) for index in range(n))


def _draw(rng: random.Random, count: int, large: float) -> tuple[Expression, int] | None:
    """Draw an expression of `count` operations with its value; None if a result exceeds the limit."""
    if count == 0:
        value = rng.randint(0, 99)
        return Number(value), value
    left_count = max(rng.randrange(count), rng.randrange(count))
    left, right = _draw(rng, left_count, large), _draw(rng, count - 1 - left_count, large)
    if left is None or right is None:
        return None
    symbol = rng.choice("+-*/")
    if symbol in "*/":
        left, right = _fit_factors(rng, symbol, left, right)
    drawn = _combine(rng, symbol, left, right)
    too_large = drawn is not None and abs(drawn[1]) > _SMALL and large < 1 and rng.random() >= large
    return None if too_large else drawn


def _fit_factors(
    rng: random.Random, symbol: str, left: tuple[Expression, int], right: tuple[Expression, int]
) -> tuple[tuple[Expression, int], tuple[Expression, int]]:
    """Redraw a plain number next to * or /, so that the operation is likely to be exact and small."""
    if isinstance(right[0], Number):
        choices = [n for n in range(2, _FACTOR + 1) if symbol == "*" or left[1] % n == 0]
        if symbol == "/" and isinstance(left[0], Number):
            divisor = rng.randint(2, _FACTOR)
            return _leaf(divisor * rng.randint(1, 99 // divisor)), _leaf(divisor)
        if choices and rng.random() < 0.9:
            return left, _leaf(rng.choice(choices))
    elif isinstance(left[0], Number):
        if symbol == "*":
            return _leaf(rng.randint(2, _FACTOR)), right
        if 0 < abs(right[1]) <= 49:
            return _leaf(abs(right[1]) * rng.randint(1, 99 // abs(right[1]))), right
    return left, right


def _leaf(value: int) -> tuple[Expression, int]:
    return Number(value), value


def _combine(
    rng: random.Random, symbol: str, left: tuple[Expression, int], right: tuple[Expression, int]
) -> tuple[Expression, int] | None:
    (left_tree, a), (right_tree, b) = left, right
    if symbol == "-" and a < b and rng.random() < 0.7:
        symbol = "+"
    if symbol == "/" and (b == 0 or a % b):
        symbol = rng.choice("+-")
    if symbol == "*" and min(abs(a), abs(b)) > _FACTOR and rng.random() < 0.7:
        symbol = rng.choice("+-")
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[symbol]
    return (Operation(symbol, left_tree, right_tree), value) if abs(value) <= LIMIT else None
