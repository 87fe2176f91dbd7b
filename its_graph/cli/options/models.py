"""Options that commands have in common: which models they use."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["BaseUrl", "FamilyOption", "ModelOption", "Prm", "PrmUrl"]

_PANEL = "Models"

ModelOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a causal language model, or `thinker`, or `larger`. (Without it: the embedded one.)",
        rich_help_panel=_PANEL,
    ),
]
Prm: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a reward model, for strategies that verify. (Without it: the embedded one.)",
        rich_help_panel=_PANEL,
    ),
]
BaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A chat server (.../v1) in place of a folder; --model is a name on it. Its key: ITS_GRAPH_SERVER_KEY or "
        "OPENAI_API_KEY of the environment.",
        rich_help_panel=_PANEL,
    ),
]
FamilyOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="How --prm judges. `auto` asks its files; `likelihood` judges with any causal language model.",
        rich_help_panel=_PANEL,
    ),
]
PrmUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A reward model's server; --prm is the model's folder there and here.", rich_help_panel=_PANEL),
]
