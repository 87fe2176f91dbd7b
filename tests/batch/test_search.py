"""The statistics that a batch reads from the samples of one problem."""

import pytest

from its_graph.batch.search import BatchSearches, State
from its_graph.context import SearchContext
from its_graph.contracts import Verifier
from its_graph.testing import ToyGenerator, ToyVerifier


def searches(verifier: Verifier | None) -> BatchSearches:
    return BatchSearches(ToyGenerator(), verifier, SearchContext(), seed=0)


def drawn(*samples: tuple[str, str, float | None]) -> State:
    """Return the logs of samples with these answers, finish reasons and scores."""
    rows = {str(key): row for key, row in enumerate(samples)}
    record = {"parent": None, "tokens": 1, "confidence": None}
    return {
        "steps": {
            key: record | {"text": rf"\boxed{{{answer}}}", "finish": finish}
            for key, (answer, finish, _) in rows.items()
        },
        "scores": {key: {"step": key, "value": score, "steps": [], "tokens": 0} for key, (*_, score) in rows.items()},
    }


def test_difficulty_by_scores_ignores_truncated_and_unscored_samples() -> None:
    state = drawn(("1", "end", 0.75), ("2", "end", None), ("1", "length", 0.5), ("3", "end", 0.25))
    stats = searches(ToyVerifier()).stats(state)
    assert stats.difficulty == 0.5
    assert (stats.correct, stats.incorrect) == (1.5, 2.5)
    assert searches(ToyVerifier()).stats(drawn(("1", "length", 0.5))).difficulty == 1


@pytest.mark.parametrize(
    ("answers", "difficulty"),
    [("1", 0.0), ("112", 1 - 2 / 3), ("123", 1 - 1 / 3)],  # 2 / 3 and 1 - 1 / 3 differ as floats, and so may their bins
)
def test_difficulty_by_votes_equals_that_of_policies_to_the_last_digit(answers: str, difficulty: float) -> None:
    state = drawn(*((answer, "end", None) for answer in answers))
    assert searches(None).stats(state).difficulty == difficulty


@pytest.mark.parametrize("verifier", [ToyVerifier(), None], ids=["judged", "voted"])
def test_a_failed_sample_counts_against_its_problem(verifier: Verifier | None) -> None:
    state = drawn(("1", "end", 0.75)) | {"failures": {"1": {"parent": None, "reason": "out of order"}}}
    whole, part = searches(verifier).stats(state), searches(verifier).stats(drawn(("1", "end", 0.75)))
    assert (whole.samples, whole.failed, part.failed) == (2, 1, 0)
    assert (whole.correct, whole.incorrect) == (part.correct, part.incorrect + 1)
