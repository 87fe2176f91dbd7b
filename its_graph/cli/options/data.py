"""Data options: which problems are run."""

from typing import Annotated, TypeAlias

import typer

__all__ = ["DATA_PANEL", "Data", "Seed"]

DATA_PANEL = "Problems"

Data: TypeAlias = Annotated[
    str,
    typer.Option(
        help="JSONL file with `problem` and `answer` (GSM8K and MATH files work as they are), `embedded`, or "
        "`reasoning-gym:chain_sum?size=50&seed=42`.",
        rich_help_panel=DATA_PANEL,
    ),
]
Seed: TypeAlias = Annotated[
    int, typer.Option(help="Seed of the searches and of the embedded problems.", rich_help_panel=DATA_PANEL)
]
