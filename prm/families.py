"""The families of reward models by name, and how a checkpoint tells which one it is."""

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from its_graph.errors import ConfigurationError
from its_graph.prm.metadata import ScorerMetadata

if TYPE_CHECKING:
    from its_graph.prm.base import StepScorer

__all__ = ["FAMILIES", "Family", "family_of", "scorer_class"]


class Family(NamedTuple):
    """Where a family is implemented, and which published architectures are its own."""

    module: str
    scorer: str
    architectures: tuple[str, ...] = ()


FAMILIES = {
    "qwen": Family("its_graph.prm.qwen", "QwenScorer", ("Qwen2ForProcessRewardModel",)),
    "likelihood": Family("its_graph.prm.likelihood", "LikelihoodScorer"),
    "implicit": Family("its_graph.prm.likelihood", "ImplicitScorer"),
    "outcome": Family("its_graph.prm.orm", "OutcomeScorer", ("Qwen2ForRewardModel",)),
}


def scorer_class(name: str) -> "type[StepScorer]":
    """Return the scorer class of a family; ConfigurationError if there is no such family."""
    family = FAMILIES.get(name)
    if family is None:
        raise ConfigurationError(f"Unknown reward-model family {name!r}; known: {', '.join(FAMILIES)}.")
    return cast("type[StepScorer]", getattr(import_module(family.module), family.scorer))


def family_of(folder: str | Path) -> str:
    """Return the family of a checkpoint, from `its_graph.json` or from the architecture in `config.json`.

    Raises:
        ConfigurationError: neither file names a known family, or one cannot be read.
    """
    metadata = ScorerMetadata.load(folder)
    if metadata is not None:
        return metadata.family
    architectures = _config(folder).get("architectures") or []
    for name, family in FAMILIES.items():
        if set(architectures) & set(family.architectures):
            return name
    raise ConfigurationError(
        f"{folder} has no its_graph.json, and its architectures {architectures} belong to no known family "
        f"({', '.join(FAMILIES)}). Name one: family='likelihood' judges with any causal language model."
    )


def _config(folder: str | Path) -> dict[str, Any]:
    path = Path(folder, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}); give the folder of a model.") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} holds {type(config).__name__}, expected an object; give a model's folder.")
    return config
