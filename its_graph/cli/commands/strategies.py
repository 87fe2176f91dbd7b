"""`strategies` and `draw`: what there is, without loading any model."""

import json
import shutil
import textwrap
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from its_graph.catalog.recommend import DifficultyLevel, Latency, Task, recommend
from its_graph.catalog.registry import Strategy, strategies, strategy
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["draw", "guide", "list_strategies"]


def list_strategies(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")] = False,
) -> None:
    """List the strategies: what each does, costs and needs, and when to use it."""
    if as_json:
        typer.echo(json.dumps([_described(one) for one in strategies()], indent=2))
        return
    names = max(len(one.name) for one in strategies())
    width = max(60, shutil.get_terminal_size((120, 24)).columns)
    for one in strategies():
        typer.echo(_block(one.name, one.summary, names, width))
        for title, text in (("needs", ", ".join(one.needs)), ("cost", one.cost), ("when", one.when)):
            if text:
                typer.echo(_block("", f"{title}: {text}", names, width))


def guide(
    task: Annotated[Task, typer.Argument(help="Whether answers can be compared or checked.")],
    difficulty: Annotated[DifficultyLevel, typer.Option(help="easy: single answers are mostly right.")] = "hard",
    latency: Annotated[Latency, typer.Option(help="real_time: a person waits for the answer.")] = "relaxed",
    verifier: Annotated[bool, typer.Option(help="Whether a reward model is at hand.")] = True,
) -> None:
    """Name the strategy to begin with, as a command line of `solve`, and why."""
    found = recommend(task, difficulty, latency, verifier=verifier)
    for one in (found, *found.alternatives):
        flags = "".join(f" --set {name}={value}" for name, value in one.options.items())
        typer.echo(f"--strategy {one.strategy}{flags}\n    {one.reason}")


def _block(name: str, text: str, names: int, width: int) -> str:
    """Return `text` beside `name`, its further lines under its first."""
    return textwrap.fill(text, width, initial_indent=f"{name:<{names}}  ", subsequent_indent=" " * (names + 2))


def draw(
    name: Annotated[str, typer.Argument(metavar="STRATEGY", help="A name from `its-graph strategies`.")],
) -> None:
    """Print the graph of a strategy as a Mermaid diagram."""
    chosen = strategy(name)
    # The models are never called: a drawing needs something to put into the nodes.
    graph = chosen.create(ToyGenerator(), ToyVerifier(), {}).compile(name=chosen.name)
    typer.echo(graph.get_graph().draw_mermaid(with_styles=False).rstrip())


def _described(one: Strategy) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "summary": one.summary,
        "cost": one.cost,
        "needs": list(one.needs),
        "when": one.when,
        "needs_verifier": one.needs_verifier,
        "options": {name: _plain(default) for name, default in one.options.items()},
    }


def _plain(default: Any) -> Any:
    """Return a default as JSON can write it: a rule by its name, a record by its words."""
    if default is None or isinstance(default, (bool, int, float, str)):
        return default
    return getattr(default, "__name__", None) or str(default)
