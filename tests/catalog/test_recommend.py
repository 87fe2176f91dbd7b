"""The practical guide: docs/reference/algorithms.md 8.2, case by case."""

from typing import Any

import pytest

from its_graph.catalog.recommend import DifficultyLevel, Latency, Task, recommend
from its_graph.errors import ConfigurationError
from its_graph.testing import ToyGenerator, ToyVerifier

SHORT_THINKING = {"n": 1, "ignores": 0, "max_thinking_tokens": 1024}


@pytest.mark.parametrize(
    ("task", "difficulty", "latency", "strategy", "options", "others"),
    [
        ("verifiable", "easy", "relaxed", "self_consistency", {"n": 16}, []),
        ("verifiable", "hard", "relaxed", "beam_search", {"n": 16, "width": 4}, ["mcts"]),
        ("free_form", "easy", "relaxed", "best_of_n", {"n": 16}, ["extended_cot"]),
        ("free_form", "hard", "relaxed", "best_of_n", {"n": 16}, ["extended_cot"]),
        ("verifiable", "hard", "real_time", "budget_forcing", SHORT_THINKING, ["best_of_n"]),
        ("free_form", "easy", "real_time", "budget_forcing", SHORT_THINKING, ["best_of_n"]),
    ],
)
def test_the_guide(
    task: Task, difficulty: DifficultyLevel, latency: Latency, strategy: str, options: dict[str, Any], others: list[str]
) -> None:
    recommendation = recommend(task, difficulty, latency)
    assert (recommendation.strategy, dict(recommendation.options)) == (strategy, options)
    assert [other.strategy for other in recommendation.alternatives] == others
    assert recommendation.reason


def test_real_time_with_a_light_reward_model_is_best_of_four() -> None:
    (other,) = recommend("verifiable", latency="real_time").alternatives
    assert dict(other.options) == {"n": 4}


def test_without_a_verifier_nothing_that_needs_one_is_recommended() -> None:
    assert recommend("verifiable", "hard", verifier=False).strategy == "self_consistency"
    assert recommend("free_form", verifier=False).strategy == "extended_cot"
    assert recommend("verifiable", latency="real_time", verifier=False).alternatives == ()


def test_free_form_texts_do_not_vote() -> None:
    assert dict(recommend("free_form", verifier=False).options) == {"n": 1}


def test_the_reason_names_the_thinking_limit() -> None:
    recommendation = recommend("verifiable", latency="real_time")
    assert f"at most {recommendation.options['max_thinking_tokens']} tokens" in recommendation.reason


@pytest.mark.parametrize("task", ["verifiable", "free_form"])
@pytest.mark.parametrize("difficulty", ["easy", "hard"])
@pytest.mark.parametrize("latency", ["relaxed", "real_time"])
def test_what_is_recommended_runs(task: Task, difficulty: DifficultyLevel, latency: Latency) -> None:
    recommendation = recommend(task, difficulty, latency)
    for choice in (recommendation, *recommendation.alternatives):
        graph = choice.create(ToyGenerator(0.1), ToyVerifier()).compile()
        assert graph.invoke({"problem": "Add 3, 5, 4."})["answer"] is not None


def test_an_unknown_value_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"task must be one of verifiable, free_form; got 'poetry'\."):
        recommend("poetry")  # type: ignore[arg-type]
