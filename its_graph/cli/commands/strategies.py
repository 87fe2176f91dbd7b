"""`its-graph strategies`, `draw` and `recommend`: what the library offers, without loading any model."""

import json
import shutil
import textwrap
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from its_graph.catalog.recommend import DifficultyLevel, Latency, Task, recommend
from its_graph.catalog.registry import Strategy, strategies, strategy
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["draw_command", "recommend_command", "strategies_command"]


def strategies_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the strategies: what each does, needs and costs, and when to use it."""
    if as_json:
        typer.echo(json.dumps([_as_data(listed) for listed in strategies()], indent=2))
        return
    name_width = max(len(listed.name) for listed in strategies())
    width = max(60, shutil.get_terminal_size((120, 24)).columns)
    for listed in strategies():
        typer.echo(_block(listed.name, listed.summary, name_width, width))
        for title, text in (("needs", ", ".join(listed.needs)), ("cost", listed.cost), ("when", listed.when)):
            if text:
                typer.echo(_block("", f"{title}: {text}", name_width, width))


def recommend_command(
    task: Annotated[
        Task, typer.Argument(help="verifiable: answers can be compared or checked; free_form: they cannot.")
    ],
    difficulty: Annotated[DifficultyLevel, typer.Option(help="easy: single answers are mostly correct.")] = "hard",
    latency: Annotated[Latency, typer.Option(help="real_time: a person waits for the answer.")] = "relaxed",
    verifier: Annotated[bool, typer.Option(help="Whether a reward model is available.")] = True,
) -> None:
    """Recommend a strategy to start with, as options of `solve`, and alternatives."""
    recommendation = recommend(task, difficulty, latency, verifier=verifier)
    for choice in (recommendation, *recommendation.alternatives):
        flags = "".join(f" --set {name}={value}" for name, value in choice.options.items())
        typer.echo(f"--strategy {choice.strategy}{flags}\n    {choice.reason}")


def draw_command(
    name: Annotated[str, typer.Argument(metavar="STRATEGY", help="A name from `its-graph strategies`.")],
) -> None:
    """Print the graph of a strategy as a Mermaid diagram."""
    drawn = strategy(name)
    # The models are never called; the nodes only need something to hold.
    graph = drawn.create(ToyGenerator(), ToyVerifier(), {}).compile(name=drawn.name)
    typer.echo(graph.get_graph().draw_mermaid(with_styles=False).rstrip())


def _block(name: str, text: str, name_width: int, width: int) -> str:
    """Return `text` beside `name`, wrapped under its first line."""
    indent = " " * (name_width + 2)
    return textwrap.fill(text, width, initial_indent=f"{name:<{name_width}}  ", subsequent_indent=indent)


def _as_data(listed: Strategy) -> Mapping[str, Any]:
    return {
        "name": listed.name,
        "summary": listed.summary,
        "cost": listed.cost,
        "needs": list(listed.needs),
        "when": listed.when,
        "needs_verifier": listed.needs_verifier,
        "options": {name: _default_as_data(default) for name, default in listed.options.items()},
    }


def _default_as_data(default: Any) -> Any:
    """Return a default as JSON can represent it: a rule by its name, any other object as text."""
    if default is None or isinstance(default, (bool, int, float, str)):
        return default
    return getattr(default, "__name__", None) or str(default)
