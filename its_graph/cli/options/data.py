"""Options that commands have in common: which problems they take."""

from typing import Annotated, TypeAlias

import typer

__all__ = ["PANEL", "Data", "Seed"]

PANEL = "On which problems"

Data: TypeAlias = Annotated[
    str,
    typer.Option(
        help="JSONL file with `problem` and `answer` (GSM8K, MATH as they are), `embedded`, or "
        "`reasoning-gym:chain_sum?size=50&seed=42`.",
        rich_help_panel=PANEL,
    ),
]
Seed: TypeAlias = Annotated[
    int, typer.Option(help="Seed of the searches, and of the embedded problems.", rich_help_panel=PANEL)
]
