"""Which options of a strategy plain data can set."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from its_graph.catalog.option_schema import is_integer, plain_types
from its_graph.catalog.registry import STRATEGIES, strategy


def test_rules_and_models_have_no_type_here() -> None:
    assert set(plain_types(strategy("beam_search"))) == {"n", "width", "max_steps", "lookahead"}
    assert set(plain_types(strategy("self_refine"))) == {"rounds"}


def test_options_that_may_be_paths_can_be_left_out() -> None:
    assert set(plain_types(strategy("compute_optimal"))) == {"policy", "budget"}
    assert set(plain_types(strategy("compute_optimal"), without=(Path,))) == {"budget"}


def test_integers_are_recognized() -> None:
    kinds = plain_types(strategy("deepconf"))
    assert {name: is_integer(kind) for name, kind in kinds.items()} == {"n": True, "keep": False, "window": True}


@pytest.mark.parametrize("name", STRATEGIES)
def test_defaults_have_their_types(name: str) -> None:
    for option, kind in plain_types(strategy(name)).items():
        default = strategy(name).options[option]
        TypeAdapter(kind).validate_python(list(default) if isinstance(default, tuple) else default, strict=True)


@pytest.mark.parametrize(("option", "value"), [("n", 2**63), ("n", 4.5), ("keep", float("nan")), ("window", "wide")])
def test_values_that_no_search_can_use_are_refused(option: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(plain_types(strategy("deepconf"))[option]).validate_python(value, strict=True)
