"""`--family` reaches the reward model of every command that searches, and belongs to its run."""

from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions

COMMANDS: dict[str, tuple[str, ...]] = {
    "solve": ("Add 1, 2.",),
    "solve-batch": ("sums.jsonl", "--budget-calls", "30", "--out", "out.jsonl"),
    "eval": ("--data", "sums.jsonl"),
    "calibrate": ("--data", "sums.jsonl", "--bins", "1", "--out", "policy.json"),
    "eval-sizes": ("--data", "sums.jsonl", "--larger", "."),
    "api": ("--port", "0"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_it(call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str) -> None:
    class Seen(Exception):
        """Carries the options that the command would load models with."""

    def load(options: ModelOptions) -> Any:
        if options.prm is not None:
            raise Seen(options)
        return load_toys(options)

    load_toys = ModelOptions.load
    monkeypatch.setattr(ModelOptions, "load", load)
    monkeypatch.chdir(tmp_path)
    Path("sums.jsonl").write_text('{"problem": "Add 1, 2.", "answer": 3}\n{"problem": "Add 1, 3.", "answer": 4}\n')
    with pytest.raises(Seen) as seen:
        call(command, *COMMANDS[command], "--prm", "folder", "--family", "likelihood")
    (options,) = seen.value.args
    assert (options.base_url, options.prm_url, options.family) == (None, None, "likelihood")


def test_it_belongs_to_the_run() -> None:
    options = ModelOptions(prm=Path("folder"))
    assert "family" not in options.identity()
    assert options._replace(family="likelihood").identity()["family"] == "likelihood"
