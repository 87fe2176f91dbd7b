"""The domain: solutions by hand, disjoint splits, repeatable streams."""

import pytest

from its_graph.embedded import problems as evaluation_problems
from its_graph.embedded.arithmetic import (
    LIMIT,
    DataSplit,
    arithmetic_problem,
    arithmetic_problems,
    problem_text,
    reference_solution,
    split_of,
)
from its_graph.embedded.expressions import count_operations, parse, render, solve_steps


def test_solution_by_hand() -> None:
    assert problem_text(parse("(34+57)*2-8")) == "Compute (34 + 57) * 2 - 8."
    assert reference_solution(parse("(34+57)*2-8")) == (
        "Step 1: 34 + 57 = 91\n\nStep 2: 91 * 2 = 182\n\nStep 3: 182 - 8 = 174\n\\boxed{174}"
    )
    assert reference_solution(parse("3 - 5")) == "Step 1: 3 - 5 = -2\n\\boxed{-2}"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_problem_is_exact_bounded_and_in_its_split(split: DataSplit) -> None:
    for item in arithmetic_problems(150, seed=4, split=split):
        results = [result for *_, result in solve_steps(item.expression)]
        assert str(results[-1]) == item.answer
        assert all(result.denominator == 1 and abs(result) <= LIMIT for result in results)
        assert 3 <= count_operations(item.expression) <= 8
        assert split_of(item.expression) == split
        assert split_of(parse(render(item.expression))) == split


def test_splits_share_no_problem_even_among_the_shortest() -> None:
    """With one operation the streams collide constantly, so only the split rule separates them."""
    texts = {
        split: {item.text for item in arithmetic_problems(800, seed=1, split=split, operations=(1, 1))}
        for split in ("train", "validation", "test")
    }
    assert all(len(split_texts) > 100 for split_texts in texts.values())
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["validation"]
    assert not texts["validation"] & texts["test"]


def test_streams_repeat_and_differ_by_seed() -> None:
    first = [item.text for item in arithmetic_problems(20, seed=1)]
    assert first == [item.text for item in arithmetic_problems(20, seed=1)]
    assert first[7] == arithmetic_problem(7, seed=1).text
    assert not set(first) & {item.text for item in arithmetic_problems(20, seed=2)}


def test_operation_counts_are_in_range() -> None:
    counts = [count_operations(item.expression) for item in arithmetic_problems(60, seed=3, operations=(2, 4))]
    assert set(counts) == {2, 3, 4}


def test_evaluation_problems_are_pairs_of_the_test_split() -> None:
    pairs = list(evaluation_problems(5, seed=9))
    assert pairs == [(item.text, item.answer) for item in arithmetic_problems(5, seed=9, split="test")]
