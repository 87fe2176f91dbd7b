"""docs/reference/algorithms.md 5.7."""

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Verdict
from its_graph.errors import ConfigurationError
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.prm.calibration import (
    AbstainingVerifier,
    VerifierCalibration,
    VerifierWarning,
    abstain_if_uninformative,
    calibrate,
    calibration_of,
    check_generator,
    expected_calibration_error,
    roc_auc,
)
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.function import FunctionVerifier
from its_graph.testing import ToyGenerator

Fixed = Callable[..., Any]


def solved(text: str) -> Candidate:
    return Candidate(messages=({"role": "user", "content": "?"},), steps=(text,), finished=True)


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.9, 0.1], [True, False], 1.0),
        ([0.1, 0.9], [True, False], 0.0),
        ([0.5, 0.5], [True, False], 0.5),
        ([0.9, 0.8, 0.3, 0.8], [True, True, False, False], 0.875),
        ([0.5, 0.4], [True, True], None),
        ([], [], None),
    ],
)
def test_auc(scores: list[float], labels: list[bool], expected: float | None) -> None:
    assert roc_auc(scores, labels) == expected


def test_auc_counts_pairs() -> None:
    chance = random.Random(0)
    scores = [round(chance.random(), 1) for _ in range(200)]
    labels = [chance.random() < score for score in scores]
    positives = [score for score, label in zip(scores, labels, strict=True) if label]
    negatives = [score for score, label in zip(scores, labels, strict=True) if not label]
    wins = [(positive > negative) + (positive == negative) / 2 for positive in positives for negative in negatives]
    assert roc_auc(scores, labels) == pytest.approx(sum(wins) / len(wins))


def test_expected_calibration_error() -> None:
    """One bin holds .9 and .9 (one right), the other .2 (wrong): (2 |.9 - .5| + |.2 - 0|) / 3."""
    assert expected_calibration_error([0.9, 0.9, 0.2], [True, False, False]) == pytest.approx(1 / 3)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert expected_calibration_error([1.0, 0.95], [False, True]) == pytest.approx(0.475)


def test_missing_values_are_only_counted_as_missing() -> None:
    nan = float("nan")
    assert calibration_of([0.9, None, 0.1, nan], [True, True, False, False]) == VerifierCalibration(
        right=1,
        wrong=1,
        missing=2,
        auc=1.0,
        ece=pytest.approx(0.1),  # type: ignore[arg-type]
    )
    assert calibration_of([None], [True]) == VerifierCalibration(right=0, wrong=0, missing=1, auc=None, ece=None)
    assert calibration_of([7.0, -3.0], [True, False], bounded=False).ece is None


@pytest.mark.parametrize(
    ("right", "wrong", "area", "better"),
    [
        (3, 3, 1.0, True),
        (2, 2, 1.0, False),
        (1, 1, 1.0, False),
        (100, 100, 0.5, False),
        (100, 100, 0.55, False),
        (100, 100, 0.6, True),
        (100, 100, 0.2, False),
        (5, 0, None, False),
    ],
)
def test_better_than_chance(right: int, wrong: int, area: float | None, better: bool) -> None:
    assert VerifierCalibration(right, wrong, 0, area, None).better_than_chance is better


def test_calibrate_runs_the_verifier() -> None:
    def judge(candidate: Candidate) -> float:
        if candidate.steps == ("fails",):
            raise ValueError("no")
        return 0.9 if candidate.steps == ("good",) else 0.1

    labeled = [(solved("good"), True)] * 3 + [(solved("bad"), False)] * 3 + [(solved("fails"), True)]
    calibration = calibrate(FunctionVerifier(judge), labeled)
    assert calibration == VerifierCalibration(right=3, wrong=3, missing=1, auc=1.0, ece=pytest.approx(0.1))  # type: ignore[arg-type]
    assert calibrate(FunctionVerifier(judge, score_range="real"), labeled).ece is None
    with pytest.raises(ConfigurationError, match="labeled must not be empty"):
        calibrate(FunctionVerifier(judge), [])


def test_a_good_verifier_is_kept(fixed: Fixed) -> None:
    verifier = fixed(Verdict(scores=(None,), value=0.5))
    assert abstain_if_uninformative(verifier, VerifierCalibration(50, 50, 0, 0.9, 0.1)) is verifier


@pytest.mark.parametrize("area", [0.5, 0.4, None])
def test_a_bad_verifier_is_replaced_with_a_warning(area: float | None, fixed: Fixed) -> None:
    verifier = fixed(Verdict(scores=(None,), value=0.5))
    with pytest.warns(VerifierWarning, match="not better than chance.*the vote decides"):
        safe = abstain_if_uninformative(verifier, VerifierCalibration(50, 50, 0, area, None))
    assert isinstance(safe, AbstainingVerifier)
    assert safe.invoke(solved("x")) == Verdict(scores=(None,), value=None)
    assert (safe.tokens(solved("x")), safe.parameters) == (0, 0)


def test_a_search_with_an_abstaining_verifier_is_the_vote() -> None:
    """A verifier that prefers wrong solutions selects one; if it abstains, the majority is right."""
    inverted = FunctionVerifier(lambda candidate: 0.01 if "{18}" in candidate.steps[-1] else 0.99)

    def answer(verifier: Any) -> dict[str, Any]:
        graph: Any = create_best_of_n(ToyGenerator(0.2), verifier, n=16).compile()
        return dict(graph.invoke({"problem": "Add 3, 5, 4, 6."}, context=SearchContext(seed=3))["result"])

    assert answer(inverted)["answer"] != "18"
    with pytest.warns(VerifierWarning):
        safe = abstain_if_uninformative(inverted, VerifierCalibration(50, 50, 0, 0.1, None))
    result = answer(safe)
    assert result["answer"] == "18"
    assert result["spend"]["verifier_tokens"] == 0
    assert any("vote" in note for note in result["notes"])


@pytest.mark.parametrize(
    ("generator", "fits"),
    [
        ("Qwen2.5-Math-Instruct", True),
        ("Qwen/Qwen2.5-Math-7B-Instruct", True),
        ("qwen2-math-1.5b-instruct", True),
        ("Qwen/Qwen2.5-Math-7B", False),
        ("meta-llama/Llama-3.1-8B-Instruct", False),
    ],
)
def test_a_different_generator_than_the_one_trained_on(generator: str, fits: bool) -> None:
    metadata = ScorerMetadata(family="qwen", trained_on="Qwen2-Math-Instruct and Qwen2.5-Math-Instruct")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert check_generator(metadata, generator) is fits
    assert [warning.category for warning in caught] == [VerifierWarning] * (not fits)


def test_an_unknown_training_set_gives_no_warning() -> None:
    assert check_generator(ScorerMetadata(family="qwen"), "anything")
