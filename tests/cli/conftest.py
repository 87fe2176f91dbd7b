"""The command line with toy models: `call("solve", ...)` returns the exit code and what was printed."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from its_graph.cli import main
from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, Verifier
from its_graph.testing import ToyGenerator, ToyVerifier


class Called(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run one command line with toy models; `--model` without `--prm` comes without a verifier."""

    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        return ToyGenerator(parameters=1_000), ToyVerifier(
            parameters=2_000
        ) if options.model is None or options.prm else None

    monkeypatch.setattr(ModelOptions, "load", load)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Called:
        code = main.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Called(code, out, err)

    return call
