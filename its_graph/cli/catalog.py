"""`strategies` and `draw`: what there is, without loading any model."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from its_graph.registry import Strategy, strategies, strategy
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["draw", "list_strategies"]


def list_strategies(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")] = False,
) -> None:
    """List the strategies, one line each."""
    if as_json:
        typer.echo(json.dumps([_described(one) for one in strategies()], indent=2))
        return
    names = max(len(one.name) for one in strategies())
    for one in strategies():
        needs = "" if one.needs_verifier else " (no verifier needed)"
        typer.echo(f"{one.name:<{names}}  {one.summary}{needs}")


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
        "needs_verifier": one.needs_verifier,
        "options": {name: _plain(default) for name, default in one.options.items()},
    }


def _plain(default: Any) -> Any:
    """Return a default as JSON can write it: a rule by its name."""
    return getattr(default, "__name__", None) or default
