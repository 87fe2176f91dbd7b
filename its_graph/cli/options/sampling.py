"""Sampling options: how the generator is called. Other values make another run."""

from typing import Annotated, NamedTuple

import typer

from its_graph.cli.options.number_types import non_negative_float, positive_int
from its_graph.context import SearchContext

__all__ = ["SamplingOptions"]

_PANEL = "Sampling"


class SamplingOptions(NamedTuple):
    """Sampling settings of every search in a run. The fields are those of `SearchContext`."""

    temperature: Annotated[
        float | None,
        typer.Option(
            parser=non_negative_float,
            metavar="T",
            help="Sampling temperature; 0 is greedy. Default: the model's.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(
            parser=positive_int,
            metavar="N",
            help="Maximum length of a solution, in tokens. Default: the model's.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    system: Annotated[
        str | None, typer.Option(help="System prompt, placed before every question.", rich_help_panel=_PANEL)
    ] = None

    def context(self) -> SearchContext:
        """Return the context of a search with these settings."""
        return SearchContext(**self._asdict())
