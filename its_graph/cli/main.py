"""The command `its-graph`: its subcommands, and the one place where failures and warnings become a line."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from its_graph.cli.commands.api import api_command
from its_graph.cli.commands.calibrate import calibrate_command
from its_graph.cli.commands.eval import eval_command
from its_graph.cli.commands.eval_prm import eval_prm_command
from its_graph.cli.commands.eval_sizes import eval_sizes_command
from its_graph.cli.commands.problems import write_problems
from its_graph.cli.commands.serve import serve_command
from its_graph.cli.commands.solve import solve_command
from its_graph.cli.commands.solve_batch import solve_batch_command
from its_graph.cli.commands.strategies import draw, guide, list_strategies
from its_graph.cli.display.formatting import one_line
from its_graph.cli.exit_codes import INTERRUPTED, MISUSED, exit_code, tell
from its_graph.errors import ItsGraphError

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="its-graph",
    help="Inference-time scaling: answer a problem by searching, with a budget that holds.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("solve")(solve_command)
app.command("solve-batch")(solve_batch_command)
app.command("eval")(eval_command)
app.command("eval-prm")(eval_prm_command)
app.command("eval-sizes")(eval_sizes_command)
app.command("problems")(write_problems)
app.command("calibrate")(calibrate_command)
app.command("strategies")(list_strategies)
app.command("draw")(draw)
app.command("recommend")(guide)
app.command("serve")(serve_command)
app.command("api")(api_command)

# Typer names the base class of its usage errors differently from release to release.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"its-graph {version('its-graph')}")
        except PackageNotFoundError:
            typer.echo("its-graph, version unknown: run from a source tree that is not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code: 0, 1 (search failed), 2 (misused) or 130 (Ctrl-C)."""
    try:
        with _warnings_as_notes():
            code: Any = app(list(arguments), prog_name="its-graph", standalone_mode=False)
    except ItsGraphError as error:
        tell(str(error))
        return exit_code(error)
    except _UsageError as error:
        tell(_usage(error))
        return MISUSED
    except (KeyboardInterrupt, typer.Abort):
        tell("Interrupted before there was an answer.")
        return INTERRUPTED
    return code if isinstance(code, int) else 0


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Tell what this library warns of as one `note: ...` line on stderr; where it stands in the code helps nobody."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__module__.partition(".")[0] == "its_graph":
            typer.echo(f"note: {one_line(str(message))}", err=True)
        else:
            usual(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _usage(error: Any) -> str:
    command = error.ctx.command_path if error.ctx else "its-graph"
    return f"{error.format_message().rstrip('.')}. See: {command} --help"


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a character shows "?"
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # The search's threads may sit in a model call for minutes; a normal exit would wait for them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
