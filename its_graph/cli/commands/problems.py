"""its-graph problems: a data set as JSON lines, to look at, to change, or to give to another program."""

from pathlib import Path
from typing import Annotated

import typer

from its_graph.cli.runs.output_files import require_apart, writing
from its_graph.evaluation.data.datasets import EMBEDDED_DATASET, EMBEDDED_PROBLEMS, load_problems
from its_graph.evaluation.data.problem_file import to_json_lines

__all__ = ["write_problems"]


def write_problems(
    data: Annotated[
        str, typer.Argument(help="`embedded`, `reasoning-gym:chain_sum?size=50&seed=42`, or a JSONL file.")
    ] = EMBEDDED_DATASET,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Problems to take. ({EMBEDDED_PROBLEMS} embedded ones; of others, all.)")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the embedded problems.")] = 0,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="File to write. (Without it: print them.)")] = None,
) -> None:
    """Write a data set as JSON lines with `problem`, `answer` and whatever else it knows, as `eval --data` reads them.

    Answers in such a file are right if they are equivalent to `answer`; a task of reasoning-gym that takes several
    answers is better named to `eval` itself.
    """
    require_apart(("DATA", data), ("--out", out))
    text = "".join(f"{line}\n" for line in to_json_lines(load_problems(data, limit=limit, seed=seed)))
    if out is None:
        typer.echo(text, nl=False)
    else:
        with writing(out):
            out.write_text(text, encoding="utf-8")
