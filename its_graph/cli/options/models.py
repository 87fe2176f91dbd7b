"""Model options: which generator and which reward model are used."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["MODELS_PANEL", "BaseUrl", "Family", "ModelPath", "PrmPath", "PrmUrl"]

MODELS_PANEL = "Models"

ModelPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a causal language model, or `thinker` or `larger` (embedded). Default: the embedded generator.",
        rich_help_panel=MODELS_PANEL,
    ),
]
PrmPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a reward model, for strategies with a verifier. Default: the embedded verifier, if the model "
        "is embedded.",
        rich_help_panel=MODELS_PANEL,
    ),
]
Family: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Reward-model family of --prm. `auto` reads it from the files; `likelihood` works with any causal "
        "language model.",
        rich_help_panel=MODELS_PANEL,
    ),
]
BaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Chat server (.../v1) to use instead of a folder; --model is then a model name on it. The API key is read "
        "from ITS_GRAPH_SERVER_KEY or OPENAI_API_KEY.",
        rich_help_panel=MODELS_PANEL,
    ),
]
PrmUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Reward-model server; --prm is then the folder or hub id of its model.", rich_help_panel=MODELS_PANEL
    ),
]
