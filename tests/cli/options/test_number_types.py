"""Numbers on the command line: one way to write them, whatever the command."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from its_graph.cli.options.number_types import at_least_one, finite, whole, whole_numbers
from its_graph.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "number"),
    [("2e6", 2_000_000), ("2_000_000", 2_000_000), ("0", 0), ("1.5e1", 15), (str(2**63 - 1), 2**63 - 1)],
)
def test_whole_numbers_are_read_exactly(text: str, number: int) -> None:
    assert (whole(text), type(whole(text))) == (number, int)


@pytest.mark.parametrize("text", ["", "few", "-1", "1.5", "nan", "inf", str(2**63), "1e999999999"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    for read in (whole, at_least_one):
        with pytest.raises(typer.BadParameter, match="no whole number from"):
            read(text)


def test_nothing_is_less_than_one() -> None:
    assert at_least_one("1") == 1
    with pytest.raises(typer.BadParameter, match="'0' is no whole number from 1 on"):
        at_least_one("0")


@pytest.mark.parametrize("text", ["", "few", "-1", "nan", "inf", "1e999"])
def test_a_limit_without_end_is_none(text: str) -> None:
    assert finite("2.5e9") == 2.5e9
    with pytest.raises(typer.BadParameter, match="no number from 0 on"):
        finite(text)


def test_lists_hold_such_numbers_once_and_have_an_example_of_their_own() -> None:
    assert whole_numbers("--n", "4, 1_0,2e1,4", "1,2") == [4, 10, 20]
    with pytest.raises(ConfigurationError, match="Expected for example --budget-tokens 500,1e3"):
        whole_numbers("--budget-tokens", "5,few", "500,1e3")


@pytest.mark.parametrize("flag", ["--budget-generated-tokens", "--budget-generated"])
def test_one_name_and_one_way_to_write_a_limit_in_every_command(call: Any, tmp_path: Path, flag: str) -> None:
    data = tmp_path / "sums.jsonl"
    data.write_text('{"problem": "Add 1, 2.", "answer": "3"}\n')
    assert call("solve", "Add 1, 2.", flag, "1e3", "--budget-tokens", "2e3", "-q").code == 0
    assert call("solve-batch", data, "--out", tmp_path / "out.jsonl", flag, "1e3", "--budget-tokens", "2_000").code == 0
    measured = call("eval", "--strategies", "single", "--data", data, "--budget-tokens", "2e3", "--json")
    assert [row["budget_tokens"] for row in json.loads(measured.out)] == [2_000]
