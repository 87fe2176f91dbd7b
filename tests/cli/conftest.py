"""The command line in the toy world: `call("solve", ...)` gives the exit code and what was printed."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from its_graph.cli import main
from its_graph.cli.runs import models
from its_graph.contracts import Generator, Verifier
from its_graph.testing import ToyGenerator, ToyVerifier


class Called(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run one command line with models of the toy world; a folder for the generator comes without a verifier."""

    def toy(
        model: Path | None, prm: Path | None, base_url: str | None = None, prm_url: str | None = None, *family: str
    ) -> tuple[Generator, Verifier | None]:
        return ToyGenerator(parameters=1_000), ToyVerifier(parameters=2_000) if model is None or prm else None

    monkeypatch.setattr(models, "models", toy)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Called:
        code = main.run([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Called(code, out, err)

    return call
