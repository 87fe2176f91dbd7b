"""Monte-Carlo labels: the vectors of docs/reference/algorithms.md 6.1 and 6.4, with scripted completions."""

import itertools
from collections.abc import Callable

import pytest

from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.training.labels import (
    Estimate,
    RolloutPlan,
    Trajectory,
    first_errors,
    hard_labels,
    monte_carlo,
    monte_carlo_batch,
    trusted_labels,
    until_first_error,
)
from its_graph.testing import ScriptedGenerator

QUESTION = ({"role": "user", "content": "q"},)


def _right(text: str) -> bool:
    return text.endswith("right")


def _steps(count: int) -> tuple[str, ...]:
    return tuple(f"s{index}\n\n" for index in range(count))


def _counting(successes: Callable[[int], int]) -> ScriptedGenerator:
    """Return a generator for which the first `successes(j)` completions of a prefix of j steps are right."""
    turns: dict[str, itertools.count[int]] = {}

    def script(request: SampleRequest) -> str:
        turn = next(turns.setdefault(request.prefix, itertools.count()))
        return "right" if turn < successes(request.prefix.count("\n\n")) else "wrong"

    return ScriptedGenerator(script)


@pytest.mark.parametrize(("correct", "value"), [(78, 0.78), (95, 0.95)])
def test_soft_label_is_the_share_of_right_completions(correct: int, value: float) -> None:
    """Reference 6.1: 78/100 -> .78, 95/100 -> .95."""
    generator = _counting(lambda _: correct)
    (estimate,) = monte_carlo(generator, QUESTION, ["s0\n\n"], is_correct=_right, plan=RolloutPlan(100), finished=False)
    assert estimate.value == pytest.approx(value)


def test_hard_label_has_threshold_zero() -> None:
    """Reference 6.1: 1 for 1/8, 0 for 0/8."""
    assert hard_labels([1 / 8, 0 / 8, None]) == [1, 0, None]


def test_labels_end_at_the_first_error() -> None:
    """Reference 6.1: [1, 1, 0, 1] keep [1, 1, 0]."""
    assert until_first_error([1, 1, 0, 1]) == [1, 1, 0]
    assert until_first_error([1, None, 1]) == [1, None, 1]
    assert until_first_error([]) == []


@pytest.mark.parametrize(
    ("values", "question", "labels"),
    [
        ([0.5, 0.25, 0.0, 0.5], None, [1, 1, 0]),
        ([0.5, 0.125, 0.0], None, [1, 1, None]),
        ([0.0, 0.0], 0.25, [0]),
        ([0.0, 0.0], 0.1, [None]),
        ([0.0], None, [None]),
        ([None, 0.0], 0.9, [None, None]),
        ([1.0, 1.0], 0.0, [1, 1]),
        ([], None, []),
    ],
)
def test_an_error_counts_only_if_success_was_likely_before_it(
    values: list[float | None], question: float | None, labels: list[int | None]
) -> None:
    assert trusted_labels(values, question_value=question) == labels


def test_a_finished_solution_needs_no_completions() -> None:
    generator = _counting(lambda _: 4)
    steps = ["s0\n\n", "right"]
    estimates = monte_carlo(generator, QUESTION, steps, is_correct=_right, plan=RolloutPlan(4))
    assert [estimate.value for estimate in estimates] == [1.0, 1.0]
    assert {request.prefix for request in generator.requests} == {"s0\n\n"}


def test_truncated_completions_are_reported_and_not_counted_as_wrong() -> None:
    replies = itertools.cycle([Sample(text="right", finish_reason="end"), Sample(text="rig", finish_reason="length")])
    generator = ScriptedGenerator(lambda _: next(replies))
    (estimate,) = monte_carlo(generator, QUESTION, ["s0\n\n"], is_correct=_right, plan=RolloutPlan(2), finished=False)
    # ScriptedGenerator calls the script once per sample: right, cut.
    assert estimate == Estimate(correct=1, complete=1, truncated=1)
    assert estimate.value == 1.0
    assert Estimate(0, 0, truncated=2).value is None


def test_requests_have_prefix_plan_and_distinct_seeds() -> None:
    generator = _counting(lambda _: 1)
    trajectories = [Trajectory(QUESTION, _steps(2), _right, finished=False)] * 2
    monte_carlo_batch(generator, trajectories, plan=RolloutPlan(3, temperature=0.5, max_tokens=7, seed=1))
    assert [request.prefix for request in generator.requests] == ["s0\n\n", "s0\n\ns1\n\n"] * 2
    assert {(request.n, request.temperature, request.max_tokens) for request in generator.requests} == {(3, 0.5, 7)}
    assert len({request.seed for request in generator.requests}) == 4


def test_estimates_of_a_batch_are_separated_by_trajectory() -> None:
    generator = _counting(lambda length: 2 if length == 1 else 0)
    trajectories = [
        Trajectory(QUESTION, ("a\n\n", "b\n\n"), _right, finished=False),
        Trajectory(QUESTION, ("c\n\n",), _right, finished=False),
    ]
    batch = monte_carlo_batch(generator, trajectories, plan=RolloutPlan(2))
    assert [[estimate.value for estimate in row] for row in batch] == [[1.0, 0.0], [1.0]]


@pytest.mark.parametrize("error", range(8))
def test_binary_search_finds_the_first_error_with_few_states(error: int) -> None:
    """Reference 6.4: first error at index j of M = 8 steps -> at most 4 states estimated."""
    generator = _counting(lambda length: 1 if length <= error else 0)
    (first,) = first_errors(generator, [Trajectory(QUESTION, _steps(8), _right, finished=False)], plan=RolloutPlan(2))
    assert first.index == error
    assert len(first.estimates) <= 4


def test_binary_search_of_right_solutions_sends_no_requests() -> None:
    generator = _counting(lambda _: 0)
    (first,) = first_errors(generator, [Trajectory(QUESTION, (*_steps(3), "right"), _right)])
    assert first.index is None
    assert generator.requests == []


def test_binary_searches_run_in_lockstep() -> None:
    generator = _counting(lambda length: 1 if length <= 2 else 0)
    errors = first_errors(
        generator,
        [Trajectory(QUESTION, (*_steps(7), "wrong"), _right), Trajectory(QUESTION, ("right",), _right)],
        plan=RolloutPlan(1),
    )
    assert [error.index for error in errors] == [2, None]
    assert sorted(errors[0].estimates) == [2, 3, 4, 8]


def test_a_generator_that_cannot_continue_is_rejected() -> None:
    generator = _counting(lambda _: 1)
    generator.can_continue = False
    with pytest.raises(ConfigurationError, match="able to continue a prefix"):
        monte_carlo(generator, QUESTION, ["s0\n\n"], is_correct=_right, finished=False)


def test_k_must_be_positive() -> None:
    with pytest.raises(ConfigurationError, match="must be >= 1; got 0"):
        RolloutPlan(0)
