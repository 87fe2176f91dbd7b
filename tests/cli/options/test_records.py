"""Option records: the fields of a record are options of the command that takes it."""

from typing import Annotated, NamedTuple

import typer
from typer.testing import CliRunner

from its_graph.cli.options.records import expand_records


class _Size(NamedTuple):
    width: Annotated[int, typer.Option("--w")] = 2
    height: int = 3


def test_fields_become_options_in_the_place_of_the_record() -> None:
    calls: list[tuple[str, _Size, bool]] = []

    def draw(name: Annotated[str, typer.Argument()], *, size: _Size, wide: bool = False) -> None:
        calls.append((name, size, wide))

    app = typer.Typer()
    app.command()(expand_records(draw))
    run = CliRunner().invoke
    assert run(app, ["a"]).exit_code == run(app, ["b", "--w", "7", "--height", "1", "--wide"]).exit_code == 0
    assert calls == [("a", _Size(2, 3), False), ("b", _Size(7, 1), True)]
    assert [param.name for param in typer.main.get_command(app).params][:4] == ["name", "width", "height", "wide"]


def test_a_command_without_records_keeps_its_options() -> None:
    def draw(*, n: int = 4) -> None:
        raise typer.Exit(n)

    app = typer.Typer()
    app.command()(expand_records(draw))
    assert CliRunner().invoke(app, ["--n", "5"]).exit_code == 5
