"""Errors are one line on stderr, and the exit code says which kind."""

import builtins
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli import main
from its_graph.cli.runs.models import ModelOptions
from its_graph.errors import EmbeddedScopeError
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7."


def assert_one_line(called: Any, code: int, *parts: str) -> None:
    assert called.code == code
    assert called.out == ""
    assert called.err.startswith("error: ")
    assert called.err.count("\n") == 1
    for part in parts:
        assert part in called.err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([""], ["empty"]),
        (["  \n "], ["empty"]),
        ([PROBLEM, "--n", "0"], ["n=0"]),
        ([PROBLEM, "--n", "-3", "-s", "self_consistency"], ["n=-3"]),
        ([PROBLEM, "--n", "0", "-s", "beam_search"], ["n=0"]),
        ([PROBLEM, "-s", "beam_search", "--width", "32"], ["width=32", "n=16"]),
        ([PROBLEM, "-s", "dvts", "--width", "0"], ["width=0"]),
        ([PROBLEM, "-s", "beam_search", "--width", "5"], ["divide"]),
        ([PROBLEM, "-s", "beam"], ["'beam'", "beam_search", "dvts"]),
        ([PROBLEM, "--n", "many"], ["--n", "its-graph solve --help"]),
        ([PROBLEM, "--temperature", "-1"], ["--temperature"]),
        ([PROBLEM, "--temperature", "nan"], ["--temperature"]),
        ([PROBLEM, "--budget-tokens", "-1"], ["--budget-tokens"]),
        ([PROBLEM, "--budget-seconds", "nan"], ["--budget-seconds"]),
        ([PROBLEM, "--stop", "soon", "-s", "self_consistency"], ["--stop", "adaptive_consistency"]),
        ([PROBLEM, "--nope"], ["--nope"]),
        ([], ["problem"]),
        ([PROBLEM, "--stop", "e_value"], ["--stop e_value does not apply to best_of_n", "self_consistency"]),
        ([PROBLEM, "--max-steps", "3"], ["--max-steps 3", "beam_search, dvts"]),
        ([PROBLEM, "-s", "single", "--n", "8"], ["--n 8", "best_of_n"]),
        ([PROBLEM, "-s", "self_consistency", "--choose", "argmax"], ["--choose argmax", "majority", "best_of_n"]),
        ([PROBLEM, "-s", "beam_search", "--model", "m"], ["--prm", "single, self_consistency"]),
    ],
)
def test_bad_input(call: Any, arguments: list[str], parts: list[str]) -> None:
    assert_one_line(call("solve", *arguments), 2, *parts)


def test_unknown_command_and_drawing(call: Any) -> None:
    assert_one_line(call("solv"), 2, "solv")
    assert_one_line(call("draw", "nope"), 2, "'nope'", "best_of_n")


@pytest.mark.parametrize("arguments", [["--n", "16"], ["--width", "4"], ["--lookahead", "0"]])
def test_a_flag_at_its_default_is_never_wrong(call: Any, arguments: list[str]) -> None:
    assert call("solve", PROBLEM, "-s", "single", *arguments).code == 0


def test_a_search_of_which_every_sample_failed_exits_1(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: object) -> str:
        raise ValueError("no\nmemory")

    monkeypatch.setattr(ModelOptions, "load", lambda options: (ScriptedGenerator(fail), ToyVerifier()))
    for flag in ([], ["--json"]):
        assert_one_line(call("solve", PROBLEM, *flag), 1, "All samples failed (16 of 16)", "no memory")


def test_a_question_that_the_generator_refuses_exits_2(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(ToyGenerator):
        def prompt_tokens(self, request: Any) -> int:
            raise EmbeddedScopeError("Only arithmetic.")

    monkeypatch.setattr(ModelOptions, "load", lambda options: (Refusing(), ToyVerifier()))
    assert_one_line(call("solve", "Who?"), 2, "Only arithmetic.")


def test_a_generator_that_cannot_continue_exits_2(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(ToyGenerator):
        can_continue = False

    monkeypatch.setattr(ModelOptions, "load", lambda options: (Whole(), ToyVerifier()))
    assert_one_line(call("solve", PROBLEM, "-s", "dvts"), 2, "cannot continue", "best_of_n")


def test_an_endless_message_stays_one_readable_line(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Verbose(ToyGenerator):
        def prompt_tokens(self, request: Any) -> int:
            raise EmbeddedScopeError("word\x1b[31m \n" * 1_000)

    monkeypatch.setattr(ModelOptions, "load", lambda options: (Verbose(), ToyVerifier()))
    called = call("solve", PROBLEM)
    assert_one_line(called, 2, "word[31m word")
    assert len(called.err) < 700
    assert "\x1b" not in called.err


def test_no_arguments_print_the_help(call: Any) -> None:
    called = call()
    assert called.code == 0
    assert "Usage: its-graph" in called.out


# --- warnings -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")
def test_a_warning_of_ours_is_one_line_and_not_in_the_way(call: Any) -> None:
    usual = warnings.showwarning
    called = call("solve", PROBLEM, "-s", "self_consistency", "--n", "65", "--json")
    assert called.code == 0
    assert len(json.loads(called.out)["candidates"]) == 65
    assert called.err.startswith("note: self_consistency with n=65: above 64, gains are usually small.")
    assert called.err.count("\n") == 1
    assert warnings.showwarning is usual


@pytest.mark.filterwarnings("default")
def test_a_warning_of_others_is_shown_as_python_shows_it(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(options: ModelOptions) -> tuple[ToyGenerator, ToyVerifier]:
        warnings.warn("of another library", UserWarning, stacklevel=1)
        return ToyGenerator(), ToyVerifier()

    monkeypatch.setattr(ModelOptions, "load", load)
    with pytest.warns(UserWarning, match="of another library"):
        assert call("solve", PROBLEM, "-s", "single", "-q").err == ""


# --- real model options, without weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [["--base-url", "nonsense"], ["--prm-url", "nonsense", "--prm", "absent"]])
def test_invalid_server_url(capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    assert main.run(["solve", PROBLEM, "-s", "self_consistency" if "--prm" not in flags else "best_of_n", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: 'nonsense' is not a server URL. Use http://")
    assert error.count("\n") == 1


def test_a_missing_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for flag in (["--model", "{}"], ["--model", str(tmp_path), "--prm", "{}"]):
        arguments = [one.format(tmp_path / "absent") for one in flag]
        assert main.run(["solve", PROBLEM, *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert "absent" in error or "--prm" in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("content", [None, "{", json.dumps({"model_type": "qwen2"}), json.dumps({"model_type": "?"})])
def test_a_broken_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert main.run(["solve", PROBLEM, "-s", "single", "--model", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("error: ")
    assert str(tmp_path) in error
    assert error.count("\n") == 1


def test_a_missing_extra(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    original_import = builtins.__import__

    def without_transformers(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "transformers":
            raise ImportError("No module named 'transformers'")
        return original_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_transformers)
    assert main.run(["solve", PROBLEM]) == 2
    assert capsys.readouterr().err == (
        "error: transformers is not installed. Install the extra: pip install 'its-graph[local]'\n"
    )
