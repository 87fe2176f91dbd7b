"""Options that commands have in common: what a search, or a whole batch, may spend."""

from typing import Annotated, TypeAlias

import typer

from its_graph.cli.options.number_types import finite, whole

__all__ = ["LIMITS", "BudgetCalls", "BudgetFlops", "BudgetGenerated", "BudgetTokens"]

LIMITS = "Budget (hard limits)"

BudgetTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        parser=whole,
        metavar="N",
        help="Tokens in all: prompt, generated, read by the verifier; 2e6 will do.",
        rich_help_panel=LIMITS,
    ),
]
BudgetGenerated: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--budget-generated-tokens",
        "--budget-generated",
        parser=whole,
        metavar="N",
        help="Generated tokens.",
        rich_help_panel=LIMITS,
    ),
]
BudgetCalls: TypeAlias = Annotated[
    int | None,
    typer.Option(parser=whole, metavar="N", help="Samples drawn plus candidates verified.", rich_help_panel=LIMITS),
]
BudgetFlops: TypeAlias = Annotated[
    float | None,
    typer.Option(parser=finite, metavar="N", help="FLOPs of generator and verifier.", rich_help_panel=LIMITS),
]
