"""Which models support which strategies, and their ids."""

from typing import Any

import pytest

from its_graph.api.errors import ApiError
from its_graph.api.model_catalog import ModelCatalog, ServedModel
from its_graph.errors import ConfigurationError
from its_graph.routing.default_policy import default_policy
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier


class NonContinuingGenerator(ToyGenerator):
    """Cannot continue a partial solution, like most hosted APIs."""

    can_continue = False


@pytest.fixture
def catalog() -> ModelCatalog:
    return ModelCatalog(
        {
            "toy": ServedModel(ToyGenerator(), ToyVerifier()),
            "org/whole": ServedModel(NonContinuingGenerator(), ToyVerifier()),
            "alone": ServedModel(ScriptedGenerator(str)),
        }
    )


def test_missing_needs_of_strategies(catalog: ModelCatalog) -> None:
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


def test_a_model_id_is_a_bare_model_or_a_strategy_and_a_model(catalog: ModelCatalog) -> None:
    resolved_ids = [catalog.resolve_id(name) for name in ("beam_search/toy", "best_of_n/org/whole", "org/whole", "toy")]
    assert [(resolved.strategy.name, resolved.model) for resolved in resolved_ids] == [
        ("beam_search", "toy"),
        ("best_of_n", "org/whole"),
        ("single", "org/whole"),
        ("single", "toy"),
    ]
    assert all(catalog.resolve_id(name) for name in catalog.model_ids())


@pytest.mark.parametrize(
    "name", ["", "/", "beam_search", "beam_search/", "beam_search/alone", "best/toy", "toy/best_of_n"]
)
def test_other_model_ids_do_not_exist(catalog: ModelCatalog, name: str) -> None:
    with pytest.raises(ApiError, match="does not exist") as refused:
        catalog.resolve_id(name)
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_the_error_names_missing_needs_and_supported_strategies(catalog: ModelCatalog) -> None:
    with pytest.raises(
        ApiError,
        match=r"beam_search needs continuation, which org/whole does not have. Strategies that org/whole "
        "supports: single",
    ):
        catalog.resolve("beam_search", "org/whole")


def test_an_empty_catalog_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="models must not be empty"):
        ModelCatalog({})


def test_server_options_replace_defaults() -> None:
    policy = default_policy("agreement")
    catalog = ModelCatalog(
        {"toy": ServedModel(ToyGenerator(), ToyVerifier())},
        {"best_of_n": {"n": 3}, "compute_optimal": {"policy": policy}},
    )
    assert catalog.resolve("best_of_n", None).options == {"n": 3}
    assert catalog.resolve("single", None).options == {}
    options_of = {strategy["name"]: strategy["options"] for strategy in catalog.describe()["strategies"]}
    assert (options_of["best_of_n"], options_of["compute_optimal"]) == ({"n": 3}, {"budget": None})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"beam": {"n": 4}}, "Unknown strategy 'beam'"),
        ({"best_of_n": {"m": 4}}, "best_of_n has no option 'm'"),
        ({"best_of_n": {"n": 0}}, "n >= 1"),
    ],
)
def test_invalid_server_options_fail_at_startup(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        ModelCatalog({"toy": ServedModel(ToyGenerator(), ToyVerifier())}, options)
