"""Numbers on the command line are written the same way in every command."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from its_graph.cli.options.number_types import int_list, non_negative_float, non_negative_int, positive_int
from its_graph.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "number"),
    [("2e6", 2_000_000), ("2_000_000", 2_000_000), ("0", 0), ("1.5e1", 15), (str(2**63 - 1), 2**63 - 1)],
)
def test_integers_are_parsed_exactly(text: str, number: int) -> None:
    assert (non_negative_int(text), type(non_negative_int(text))) == (number, int)


@pytest.mark.parametrize("text", ["", "few", "-1", "1.5", "nan", "inf", str(2**63), "1e999999999"])
def test_anything_but_an_integer_is_rejected(text: str) -> None:
    for parse in (non_negative_int, positive_int):
        with pytest.raises(typer.BadParameter, match=r"must be an integer >= [01] and below"):
            parse(text)


def test_a_positive_integer_is_at_least_one() -> None:
    assert positive_int("1") == 1
    with pytest.raises(typer.BadParameter, match=r"must be an integer >= 1 and below .* got '0'"):
        positive_int("0")


@pytest.mark.parametrize("text", ["", "few", "-1", "nan", "inf", "1e999"])
def test_infinity_is_not_a_limit(text: str) -> None:
    assert non_negative_float("2.5e9") == 2.5e9
    with pytest.raises(typer.BadParameter, match="is not a finite number >= 0"):
        non_negative_float(text)


def test_lists_drop_duplicates_and_errors_have_an_example() -> None:
    assert int_list("--n", "4, 1_0,2e1,4", "1,2") == [4, 10, 20]
    with pytest.raises(ConfigurationError, match="Example: --budget-tokens 500,1e3"):
        int_list("--budget-tokens", "5,few", "500,1e3")


def test_limits_have_one_name_and_one_notation_in_every_command(call: Any, tmp_path: Path) -> None:
    flag = "--budget-generated-tokens"
    data = tmp_path / "sums.jsonl"
    data.write_text('{"problem": "Add 1, 2.", "answer": "3"}\n')
    assert call("solve", "Add 1, 2.", flag, "1e3", "--budget-tokens", "2e3", "-q").code == 0
    assert call("solve-batch", data, "--out", tmp_path / "out.jsonl", flag, "1e3", "--budget-tokens", "2_000").code == 0
    measured = call("eval", "--strategies", "single", "--data", data, "--budget-tokens", "2e3", "--json")
    assert [row["budget_tokens"] for row in json.loads(measured.out)] == [2_000]
