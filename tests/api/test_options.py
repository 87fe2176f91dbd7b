"""Strategy options that a request may set, and their valid values."""

import math
from typing import Any, get_type_hints

import pytest

from its_graph.api.errors import ApiError
from its_graph.api.options import MAX_COUNT, settable_options, validate_options
from its_graph.catalog.registry import STRATEGIES, strategy


def test_plain_options_can_be_set_and_rules_cannot() -> None:
    assert settable_options(strategy("best_of_n")) == {"n": 16}
    assert settable_options(strategy("rebase")) == {"n": 16, "temperature": 0.2, "keep_share": 1.0, "max_steps": 25}
    assert settable_options(strategy("budget_forcing"))["style"] is None
    assert len(settable_options(strategy("diverse_prompts"))["prompts"]) > 1


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_option_accepts_a_path(name: str) -> None:
    hints = get_type_hints(strategy(name).factory)
    assert [option for option in settable_options(strategy(name)) if "Path" in str(hints[option])] == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_defaults_of_every_strategy_are_valid(name: str) -> None:
    defaults = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settable_options(strategy(name)).items()
    }
    assert validate_options(strategy(name), defaults) == defaults


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("self_consistency", {"wave": 3}),
        ("self_consistency", {"wave": None}),
        ("rebase", {"temperature": 1}),
        ("budget_forcing", {"max_thinking_tokens": 50_000, "wait": "Hm", "style": "turn"}),
        ("best_of_n", {"n": MAX_COUNT}),
        ("diverse_prompts", {"prompts": ["", "Think."]}),
    ],
)
def test_valid_options_are_accepted(name: str, options: dict[str, Any]) -> None:
    assert validate_options(strategy(name), options) == options


@pytest.mark.parametrize(
    ("name", "options", "param", "says"),
    [
        ("best_of_n", {"n": 3.5}, "options.n", "integer"),
        ("best_of_n", {"n": True}, "options.n", "integer"),
        ("best_of_n", {"n": None}, "options.n", "integer"),
        ("best_of_n", {"n": MAX_COUNT + 1}, "options.n", f"{MAX_COUNT}"),
        (
            "budget_forcing",
            {"max_thinking_tokens": 2**63},
            "options.max_thinking_tokens",
            "less than 9223372036854775808",
        ),
        ("self_consistency", {"wave": MAX_COUNT + 1}, "options.wave", f"{MAX_COUNT}"),
        ("best_of_n", {"choose": "max"}, "options.choose", "no option 'choose'"),
        ("beam_search", {"ask": 2}, "options.ask", "no option 'ask'"),
        ("diverse_prompts", {"prompts": [1]}, "options.prompts", "string"),
        ("compute_optimal", {"policy": "/etc/hostname"}, "options.policy", "no option 'policy'"),
        ("compute_optimal", {"budget": math.inf}, "options.budget", "finite"),
        ("rebase", {"keep_share": math.nan}, "options.keep_share", "finite"),
        ("single", {"temperature": -1.0}, "options.temperature", "greater than or equal to 0"),
        ("single", {"temperature": math.inf}, "options.temperature", "finite"),
    ],
)
def test_invalid_options_are_rejected_by_name(name: str, options: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(ApiError, match=says) as refused:
        validate_options(strategy(name), options)
    assert (refused.value.status, refused.value.param) == (422, param)
