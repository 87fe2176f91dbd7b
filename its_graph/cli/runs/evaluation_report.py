"""The pictures and the report of `eval`: what must hold before a model is loaded, and writing them after."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import typer

from its_graph.cli.runs.output_files import require_folder, require_writable, writing
from its_graph.evaluation import GridCell, Outcome
from its_graph.evaluation.reports.page import require_report_path
from its_graph.evaluation.reports.plots import require_matplotlib, save_plots
from its_graph.evaluation.reports.report import Provenance, report_plots, write_report
from its_graph.evaluation.reports.series import on_shared_problems

__all__ = ["Prints", "command_line", "origin_of"]


class Prints(NamedTuple):
    """Where pictures and reports go."""

    reports: Sequence[Path]
    plots: Path | None

    def check(self) -> None:
        """Refuse what could not be written in the end.

        Raises:
            ConfigurationError: a report has another ending than .md or .html, or the pictures' folder is a file.
            MissingExtraError: matplotlib is wanted and not installed.
            StorageError: a report or the pictures cannot be written.
        """
        for path in self.reports:
            require_report_path(path)
            require_writable(path)
        if self.plots is not None:
            require_folder("--plots", self.plots)
        if self.reports or self.plots is not None:
            require_matplotlib()

    def write(self, measured: Mapping[GridCell, Sequence[Outcome]], origin: Provenance) -> None:
        """Write everything; nothing at all where no problem was ended by all arms.

        Raises:
            StorageError: the disk is full, or the like.
        """
        if not on_shared_problems(measured):
            return
        for path in self.reports:
            with writing(path):
                write_report(path, measured, origin)
        if self.plots is not None:
            with writing(self.plots, "Give another folder."):
                save_plots(report_plots(measured), self.plots)


def command_line(context: typer.Context) -> str:
    """Return the command that was given, as a shell would take it again."""
    words = context.command_path.split()
    for option in context.command.params:
        name = option.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            words += _words(option, context.params[name])
    return shlex.join(words)


def _words(option: Any, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [word for one in values for word in (option.opts[0], str(one))]


def origin_of(context: typer.Context, data: str, shared: Mapping[str, Any]) -> Provenance:
    """Return where an evaluation comes from; `shared` is its seed, and the models by name."""
    models = ", ".join(f"{name} {value}" for name, value in shared.items() if name != "seed" and value is not None)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(command=command_line(context), data=data, models=models, seed=shared["seed"], date=date)
