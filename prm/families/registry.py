"""The families of reward models by name, and how the family of a checkpoint is recognized."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from its_graph.errors import ConfigurationError
from its_graph.prm.families.metadata import ScorerMetadata

if TYPE_CHECKING:
    from its_graph.prm.families.base import StepScorer

__all__ = ["FAMILIES", "FamilySpec", "family_of", "reject_adapters", "scorer_class"]


class FamilySpec(NamedTuple):
    """Where a family is implemented, and how its checkpoints are recognized."""

    module: str
    scorer: str
    architectures: tuple[str, ...] = ()
    """Architectures in `config.json` that only this family uses."""
    names: tuple[str, ...] = ()
    """Lowercase words in the names of checkpoints whose architecture is that of any causal language model."""


FAMILIES = {
    "qwen": FamilySpec("its_graph.prm.families.qwen", "QwenScorer", ("Qwen2ForProcessRewardModel",)),
    "likelihood": FamilySpec("its_graph.prm.families.likelihood", "LikelihoodScorer"),
    "implicit": FamilySpec("its_graph.prm.families.likelihood", "ImplicitScorer"),
    "outcome": FamilySpec("its_graph.prm.families.orm", "OutcomeScorer", ("Qwen2ForRewardModel",)),
    "math-shepherd": FamilySpec("its_graph.prm.families.label_token", "MathShepherdScorer", names=("math-shepherd",)),
    "rlhflow": FamilySpec("its_graph.prm.families.label_token", "RLHFlowScorer", names=("llama3.1-8b-prm",)),
    "er-prm": FamilySpec("its_graph.prm.families.label_token", "ERPRMScorer", names=("llama3.1-math-prm", "er-prm")),
    "math-psa": FamilySpec("its_graph.prm.families.label_token", "MathPsaScorer", names=("math-psa",)),
    "skywork": FamilySpec(
        "its_graph.prm.families.value_head", "SkyworkScorer", ("Qwen2ForPrmModel",), names=("skywork-o1-open-prm",)
    ),
    "pqm": FamilySpec("its_graph.prm.families.value_head", "PQMScorer", names=("pqm",)),
    "mlp": FamilySpec("its_graph.prm.families.mlp_head", "MlpHeadScorer", ("MlpHeadModel",)),
}


def scorer_class(name: str) -> "type[StepScorer]":
    """Return the scorer class of a family; ConfigurationError if the family is unknown."""
    family = FAMILIES.get(name)
    if family is None:
        raise ConfigurationError(f"A reward-model family must be one of {', '.join(FAMILIES)}; got {name!r}.")
    return cast("type[StepScorer]", getattr(import_module(family.module), family.scorer))


def family_of(folder: str | Path) -> str:
    """Return the family of a checkpoint, from `its_graph.json`, the architecture in `config.json`, or its name.

    The name is that of the folder, or of the repository if the folder is a snapshot from the hub.

    Raises:
        ConfigurationError: none of them identifies a known family, or a file cannot be read.
    """
    metadata = ScorerMetadata.load(folder)
    if metadata is not None:
        return metadata.family
    reject_adapters(folder)
    architectures = _read_config(folder).get("architectures") or []
    for name, family in FAMILIES.items():
        if set(architectures) & set(family.architectures):
            return name
    model_name = _model_name(Path(folder))
    for name, family in FAMILIES.items():
        # A classifier trained on the data of a family may share its name, but is read differently.
        if _is_language_model(architectures) and any(_has_words(model_name, words) for words in family.names):
            return name
    raise ConfigurationError(
        f"The family of {folder} must be one of {', '.join(FAMILIES)}; it has no its_graph.json, and neither its "
        f"architectures {architectures} nor its name identify one. Pass the family: family='likelihood' "
        "(--family likelihood on the command line) judges with any causal language model."
    )


def reject_adapters(folder: str | Path) -> None:
    """Raise ConfigurationError if `folder` holds a LoRA adapter, which is not a complete model."""
    files = [name for name in ("adapter_config.json", "adapter_model.safetensors") if Path(folder, name).exists()]
    if files:
        raise ConfigurationError(
            f"{folder} must hold a complete model; got {files[0]}: an adapter. Merge it first, with peft: "
            "AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().save_pretrained(target); save the "
            "tokenizer to target as well, and load target without the adapter's files."
        )


def _is_language_model(architectures: list[str]) -> bool:
    return all(name.endswith("ForCausalLM") for name in architectures)


def _has_words(name: str, words: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(words)}(?![a-z0-9])", name) is not None


def _model_name(folder: Path) -> str:
    """Return the last part of the name; a hub snapshot is in `models--owner--name/snapshots/revision`."""
    folder = folder.absolute()
    in_hub = folder.parent.name == "snapshots"
    return (folder.parent.parent.name.split("--")[-1] if in_hub else folder.name).lower()


def _read_config(folder: str | Path) -> dict[str, Any]:
    path = Path(folder, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} must be a readable config.json; got {error}. Pass the folder of a model."
        ) from error
    if not isinstance(config, dict):
        raise ConfigurationError(
            f"{path} must hold a JSON object; got {type(config).__name__}. Pass the folder of a model."
        )
    return config
