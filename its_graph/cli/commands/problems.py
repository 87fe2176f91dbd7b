"""`its-graph problems`: write a data set as JSON lines, to inspect, edit or pass to another program."""

from pathlib import Path
from typing import Annotated

import typer

from its_graph.cli.runs.output_files import explain_write_errors, require_distinct_files
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, EMBEDDED_PROBLEMS, load_problems
from its_graph.evaluation.data.problem_file import to_json_lines

__all__ = ["problems_command"]


def problems_command(
    data: Annotated[
        str, typer.Argument(help="`embedded`, `reasoning-gym:chain_sum?size=50&seed=42`, or a JSONL file.")
    ] = EMBEDDED_DATASET,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"Maximum number of problems. Default: {EMBEDDED_PROBLEMS} embedded ones, or all."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the embedded problems.")] = 0,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Output file. Default: standard output.")] = None,
) -> None:
    """Write a data set as JSON lines.

    Each line has `problem`, `answer` and any other fields, in the format that `eval --data` reads. An answer is correct
    if it is equivalent to `answer`. For a reasoning-gym task that accepts several answers, name the task to `eval`
    instead of a file.
    """
    require_distinct_files(("DATA", data), ("--out", out))
    text = "".join(f"{line}\n" for line in to_json_lines(load_problems(data, limit=limit, seed=seed)))
    if out is None:
        typer.echo(text, nl=False)
    else:
        with explain_write_errors(out):
            out.write_text(text, encoding="utf-8")
