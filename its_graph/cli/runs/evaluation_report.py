"""The plots and the report of `eval`: checked before a model is loaded, written at the end."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from its_graph.cli.runs.output_files import explain_write_errors, require_folder, require_writable
from its_graph.evaluation import GridCell, Outcome
from its_graph.evaluation.reports.page import require_report_path
from its_graph.evaluation.reports.plots import require_matplotlib, save_plots
from its_graph.evaluation.reports.report import Provenance, report_plots, write_report
from its_graph.evaluation.reports.series import on_shared_problems

__all__ = ["OUTPUT_PANEL", "ReportOptions", "provenance"]

OUTPUT_PANEL = "Output"


class ReportOptions(NamedTuple):
    """Where plots and reports are written."""

    report: Annotated[
        list[Path] | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE",
            help="Report with tables, plots and the command that made it: .html or .md. Repeatable.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    plots: Annotated[
        Path | None, typer.Option(help="Folder for the plots, as PNG and SVG.", rich_help_panel=OUTPUT_PANEL)
    ] = None

    def check(self) -> None:
        """Check that everything can be written at the end.

        Raises:
            ConfigurationError: the suffix of a report is neither .md nor .html, or the folder of the plots is a file.
            MissingExtraError: matplotlib is needed and not installed.
            StorageError: a report or a plot cannot be written.
        """
        for path in self.report or ():
            require_report_path(path)
            require_writable(path)
        if self.plots is not None:
            require_folder("--plots", self.plots)
        if self.report or self.plots is not None:
            require_matplotlib()

    def write(self, measured: Mapping[GridCell, Sequence[Outcome]], source: Provenance) -> None:
        """Write everything; nothing if no problem was finished in every cell.

        Raises:
            StorageError: a file cannot be written, for example because the disk is full.
        """
        if not on_shared_problems(measured):
            return
        for path in self.report or ():
            with explain_write_errors(path):
                write_report(path, measured, source)
        if self.plots is not None:
            with explain_write_errors(self.plots, "Give another folder."):
                save_plots(report_plots(measured), self.plots)


def provenance(context: typer.Context, data: str, shared: Mapping[str, Any]) -> Provenance:
    """Return where an evaluation comes from.

    Args:
        context: of the command.
        data: its problems.
        shared: its seed, and the identity of its models.
    """
    models = ", ".join(f"{name} {value}" for name, value in shared.items() if name != "seed" and value is not None)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(command=_command_line(context), data=data, models=models, seed=shared["seed"], date=date)


def _command_line(context: typer.Context) -> str:
    """Return the command as typed, quoted for a shell."""
    words = context.command_path.split()
    for option in context.command.params:
        name = option.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            words += _option_words(option, context.params[name])
    return shlex.join(words)


def _option_words(option: Any, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [word for item in values for word in (option.opts[0], str(item))]
