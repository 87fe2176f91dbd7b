"""Budget options: what one search, or a whole batch, may spend."""

from typing import Annotated, NamedTuple, TypeAlias

import typer

from its_graph.cli.options.number_types import non_negative_float, non_negative_int

__all__ = ["BudgetOptions", "BudgetSeconds"]

_PANEL = "Budget (hard limits)"


class BudgetOptions(NamedTuple):
    """Limits of a search or a batch; None for no limit. The fields are those of `Budget`."""

    tokens: Annotated[
        int | None,
        typer.Option(
            "--budget-tokens",
            parser=non_negative_int,
            metavar="N",
            help="Prompt, generated and verifier tokens together, e.g. 2e6.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    generated_tokens: Annotated[
        int | None,
        typer.Option(
            "--budget-generated-tokens",
            parser=non_negative_int,
            metavar="N",
            help="Generated tokens.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    calls: Annotated[
        int | None,
        typer.Option(
            "--budget-calls",
            parser=non_negative_int,
            metavar="N",
            help="Samples plus verified candidates.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    flops: Annotated[
        float | None,
        typer.Option(
            "--budget-flops",
            parser=non_negative_float,
            metavar="N",
            help="FLOPs of generator and verifier.",
            rich_help_panel=_PANEL,
        ),
    ] = None


BudgetSeconds: TypeAlias = Annotated[
    float | None,
    typer.Option(parser=non_negative_float, metavar="N", help="Seconds in model calls.", rich_help_panel=_PANEL),
]
