"""The learned estimate finds the signal in features, and none in noise."""

import json
import random

import pytest

from its_graph.errors import ConfigurationError, InputError
from its_graph.routing.learned_difficulty import by_regressor, cross_val_difficulties, fit_regressor
from its_graph.routing.regressor import Regressor
from its_graph.search.tree import Tree

CHANCE = random.Random(5)
FEATURES = [[CHANCE.gauss(0, 1), CHANCE.gauss(3, 10), 7.0] for _ in range(200)]
HARD = [0.9 if row[0] > 0 else 0.1 for row in FEATURES]


def spread(values: list[float]) -> float:
    return sum(value for value, hard in zip(values, HARD, strict=True) if hard > 0.5) / sum(
        hard > 0.5 for hard in HARD
    ) - sum(value for value, hard in zip(values, HARD, strict=True) if hard < 0.5) / sum(hard < 0.5 for hard in HARD)


def test_it_learns_from_the_features() -> None:
    regressor = fit_regressor(FEATURES, HARD)
    assert regressor.difficulty([2.0, 3.0, 7.0]) > 0.75
    assert regressor.difficulty([-2.0, 3.0, 7.0]) < 0.25
    assert regressor.scales[2] == 1.0
    assert abs(regressor.weights[2]) < 1e-9
    assert all(0 <= regressor.difficulty([factor, -factor, 0.0]) <= 1 for factor in (-1e6, 1e6))


def test_a_large_penalty_predicts_the_mean() -> None:
    regressor = fit_regressor(FEATURES, HARD, penalty=1e9)
    assert regressor.difficulty([5.0, 3.0, 7.0]) == pytest.approx(sum(HARD) / len(HARD), abs=1e-3)


def test_questions_are_estimated_by_regressors_fitted_without_them() -> None:
    assert spread(cross_val_difficulties(FEATURES, HARD)) > 0.4
    noise = [[CHANCE.random() for _ in range(60)] for _ in HARD]
    itself = fit_regressor(noise, HARD, penalty=0.1)
    overfitted = spread([itself.difficulty(row) for row in noise])
    assert overfitted > 0.15
    assert spread(cross_val_difficulties(noise, HARD, penalty=0.1)) < overfitted / 2


def test_it_survives_json() -> None:
    regressor = fit_regressor(FEATURES, HARD)
    again = Regressor.model_validate(json.loads(regressor.model_dump_json()))
    assert again == regressor


def test_the_estimate_reads_the_last_message() -> None:
    embedded: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        embedded.extend(texts)
        return [[2.0, 3.0, 7.0] for _ in texts]

    pieces = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "it?"},
    ]
    estimate = by_regressor(fit_regressor(FEATURES, HARD), embed)  # type: ignore[arg-type]
    for content in ("Add 1, 2.", pieces):
        question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
        assert estimate(Tree.of({"question": question})) > 0.75
    assert embedded == ["Add 1, 2.", "What is\nit?"]


def test_a_wrong_number_of_features() -> None:
    with pytest.raises(InputError, match="fitted on 3 features"):
        fit_regressor(FEATURES, HARD).difficulty([1.0])


@pytest.mark.parametrize(
    ("features", "difficulties"),
    [([[1.0]], [0.5, 0.5]), ([[float("nan")]], [0.5]), ([], []), ([[1.0], [2.0]], [0.5, 1.5])],
)
def test_inputs_that_cannot_be_fitted(features: list[list[float]], difficulties: list[float]) -> None:
    with pytest.raises(ConfigurationError, match=r"A regressor needs|Difficulties must be"):
        fit_regressor(features, difficulties)
    with pytest.raises(ConfigurationError, match="2 <= folds"):
        cross_val_difficulties([[1.0]], [0.5])
