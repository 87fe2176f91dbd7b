"""Which strategy runs on which model, and by which name."""

from typing import Any

import pytest

from its_graph.api.errors import ApiError
from its_graph.api.model_catalog import ModelCatalog, ServedModel
from its_graph.errors import ConfigurationError
from its_graph.routing.default_policy import default_policy
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier


class Whole(ToyGenerator):
    """Answers whole, as clouds do."""

    can_continue = False


@pytest.fixture
def catalog() -> ModelCatalog:
    return ModelCatalog(
        {
            "toy": ServedModel(ToyGenerator(), ToyVerifier()),
            "org/whole": ServedModel(Whole(), ToyVerifier()),
            "alone": ServedModel(ScriptedGenerator(str)),
        }
    )


def test_a_strategy_needs_what_it_needs(catalog: ModelCatalog) -> None:
    assert catalog.missing_needs("beam_search", "toy") == []
    assert catalog.missing_needs("beam_search", "org/whole") == ["continuation"]
    assert catalog.missing_needs("beam_search", "alone") == ["verifier"] + ["continuation"] * (
        not catalog.models["alone"].generator.can_continue
    )
    assert [catalog.default_strategy(model) for model in catalog.models] == [
        "best_of_n",
        "best_of_n",
        "self_consistency",
    ]


def test_a_name_is_a_strategy_and_a_model_or_a_model(catalog: ModelCatalog) -> None:
    chosen = [catalog.resolve_id(name) for name in ("beam_search/toy", "best_of_n/org/whole", "org/whole", "toy")]
    assert [(one.strategy.name, one.model) for one in chosen] == [
        ("beam_search", "toy"),
        ("best_of_n", "org/whole"),
        ("single", "org/whole"),
        ("single", "toy"),
    ]
    assert all(catalog.resolve_id(name) for name in catalog.model_ids())


@pytest.mark.parametrize(
    "name", ["", "/", "beam_search", "beam_search/", "beam_search/alone", "best/toy", "toy/best_of_n"]
)
def test_another_name_is_no_model(catalog: ModelCatalog, name: str) -> None:
    with pytest.raises(ApiError, match="does not exist") as refused:
        catalog.resolve_id(name)
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_what_a_model_lacks_is_named_with_what_it_serves(catalog: ModelCatalog) -> None:
    with pytest.raises(
        ApiError,
        match=r"beam_search needs continuation, which org/whole does not have. Strategies that org/whole "
        "supports: single",
    ):
        catalog.resolve("beam_search", "org/whole")


def test_without_a_model_there_is_nothing_to_serve() -> None:
    with pytest.raises(ConfigurationError, match="models must not be empty"):
        ModelCatalog({})


def test_what_the_server_sets_stands_under_what_a_request_sets() -> None:
    policy = default_policy("agreement")
    catalog = ModelCatalog(
        {"toy": ServedModel(ToyGenerator(), ToyVerifier())},
        {"best_of_n": {"n": 3}, "compute_optimal": {"policy": policy}},
    )
    assert catalog.resolve("best_of_n", None).options == {"n": 3}
    assert catalog.resolve("single", None).options == {}
    shown = {one["name"]: one["options"] for one in catalog.describe()["strategies"]}
    assert (shown["best_of_n"], shown["compute_optimal"]) == ({"n": 3}, {"budget": None})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"beam": {"n": 4}}, "There is no strategy 'beam'"),
        ({"best_of_n": {"m": 4}}, "best_of_n has no option m"),
        ({"best_of_n": {"n": 0}}, "at least one sample"),
    ],
)
def test_what_the_server_sets_wrong_is_told_when_it_starts(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        ModelCatalog({"toy": ServedModel(ToyGenerator(), ToyVerifier())}, options)
