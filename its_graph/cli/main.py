"""The `its-graph` command: its subcommands, and the one place that turns errors and warnings into single lines."""

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from its_graph.cli.commands.api import api_command
from its_graph.cli.commands.calibrate import calibrate_command
from its_graph.cli.commands.eval import eval_command
from its_graph.cli.commands.eval_prm import eval_prm_command
from its_graph.cli.commands.eval_sizes import eval_sizes_command
from its_graph.cli.commands.problems import problems_command
from its_graph.cli.commands.serve import serve_command
from its_graph.cli.commands.solve import solve_command
from its_graph.cli.commands.solve_batch import solve_batch_command
from its_graph.cli.commands.strategies import draw_command, recommend_command, strategies_command
from its_graph.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE, exit_code, print_error
from its_graph.cli.options.records import expand_records
from its_graph.errors import ItsGraphError
from its_graph.text.printable import one_line

__all__ = ["app", "main", "run"]


class _Commands(TyperGroup):
    """Turns an error of this library into one line and an exit code, whichever command raised it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ItsGraphError as error:
            print_error(str(error))
            raise typer.Exit(exit_code(error)) from error


app = typer.Typer(
    name="its-graph",
    cls=_Commands,
    help="Inference-time scaling: search for better answers under a hard compute budget.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "solve": solve_command,
    "solve-batch": solve_batch_command,
    "eval": eval_command,
    "eval-prm": eval_prm_command,
    "eval-sizes": eval_sizes_command,
    "problems": problems_command,
    "calibrate": calibrate_command,
    "strategies": strategies_command,
    "draw": draw_command,
    "recommend": recommend_command,
    "serve": serve_command,
    "api": api_command,
}


def _help_text(command: Callable[..., None]) -> str:
    """Return the docstring with every paragraph on one line: the terminal wraps it."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


for _name, _command in _COMMANDS.items():
    app.command(_name, help=_help_text(_command))(expand_records(_command))

# Typer names the base class of its usage errors differently from release to release.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]


def _show_version(requested: bool) -> None:
    if requested:
        try:
            typer.echo(f"its-graph {version('its-graph')}")
        except PackageNotFoundError:
            typer.echo("its-graph, unknown version: running from a source tree that is not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0, 1 (search failed), 2 (usage error) or 130 (Ctrl-C)."""
    try:
        with _warnings_as_notes():
            code: Any = app(list(arguments), prog_name="its-graph", standalone_mode=False)
    except _UsageError as error:
        print_error(_usage_message(error))
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        print_error("Interrupted before an answer was found.")
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Print warnings of this library as one `note: ...` line on stderr, without their place in the code."""
    original = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if category.__module__.partition(".")[0] == "its_graph":
            typer.echo(f"note: {one_line(str(message))}", err=True)
        else:
            original(message, category, *where, **options)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = original


def _usage_message(error: Any) -> str:
    command = error.ctx.command_path if error.ctx else "its-graph"
    return f"{error.format_message().rstrip('.')}. See: {command} --help"


def main() -> None:
    """Run the console script."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a character shows "?"
    code = run(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # The threads of the search may wait for a model call for minutes; a normal exit would join them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
