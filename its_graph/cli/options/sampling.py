"""Options that commands have in common: how the model is asked. A run with others is another run."""

from typing import Annotated, TypeAlias

import typer

from its_graph.cli.options.number_types import at_least_one, finite

__all__ = ["MaxTokens", "System", "Temperature"]

_PANEL = "How the model is asked"

Temperature: TypeAlias = Annotated[
    float | None,
    typer.Option(
        parser=finite,
        metavar="T",
        help="Of sampling; 0 is greedy. Default: what suits the model.",
        rich_help_panel=_PANEL,
    ),
]
MaxTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        parser=at_least_one,
        metavar="N",
        help="Longest solution, in tokens. Default: the model's.",
        rich_help_panel=_PANEL,
    ),
]
System: TypeAlias = Annotated[
    str | None, typer.Option(help="System prompt put before every question.", rich_help_panel=_PANEL)
]
