"""The families of reward models by name, and how a checkpoint tells which one it is."""

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
    """Where a family is implemented, and by what its checkpoints are known."""

    module: str
    scorer: str
    architectures: tuple[str, ...] = ()
    """Architectures of `config.json` that are its own."""
    names: tuple[str, ...] = ()
    """Words in the names of its checkpoints, in small letters, where the architecture is that of any language model."""


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
    """Return the scorer class of a family; ConfigurationError if there is no such family."""
    family = FAMILIES.get(name)
    if family is None:
        raise ConfigurationError(f"Unknown reward-model family {name!r}; known: {', '.join(FAMILIES)}.")
    return cast("type[StepScorer]", getattr(import_module(family.module), family.scorer))


def family_of(folder: str | Path) -> str:
    """Return the family of a checkpoint, from `its_graph.json`, the architecture in `config.json`, or its name.

    The name is that of the folder, or of the repository in a snapshot of the hub.

    Raises:
        ConfigurationError: none of them names a known family, or a file cannot be read.
    """
    metadata = ScorerMetadata.load(folder)
    if metadata is not None:
        return metadata.family
    reject_adapters(folder)
    architectures = _config(folder).get("architectures") or []
    for name, family in FAMILIES.items():
        if set(architectures) & set(family.architectures):
            return name
    called = _name(Path(folder))
    for name, family in FAMILIES.items():
        # A classifier that was trained on the data of a family has its name, but is read in another way.
        if _is_language_model(architectures) and any(_has_words(called, words) for words in family.names):
            return name
    raise ConfigurationError(
        f"{folder} has no its_graph.json, its architectures {architectures} belong to no known family, and neither "
        f"does its name ({', '.join(FAMILIES)}). Name one: family='likelihood', on the command line "
        "--family likelihood, judges with any causal language model."
    )


def reject_adapters(folder: str | Path) -> None:
    """Raise ConfigurationError where `folder` holds a LoRA adapter, which alone is no model."""
    found = [name for name in ("adapter_config.json", "adapter_model.safetensors") if Path(folder, name).exists()]
    if found:
        raise ConfigurationError(
            f"{folder} holds {found[0]}: an adapter, not a whole model. Merge it first, with peft: "
            "AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().save_pretrained(target), the "
            "tokenizer beside it, and load target without the adapter's files."
        )


def _is_language_model(architectures: list[str]) -> bool:
    return all(name.endswith("ForCausalLM") for name in architectures)


def _has_words(name: str, words: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(words)}(?![a-z0-9])", name) is not None


def _name(folder: Path) -> str:
    """Return the last part of the name; a snapshot of the hub lies in `models--owner--name/snapshots/revision`."""
    folder = folder.absolute()
    in_hub = folder.parent.name == "snapshots"
    return (folder.parent.parent.name.split("--")[-1] if in_hub else folder.name).lower()


def _config(folder: str | Path) -> dict[str, Any]:
    path = Path(folder, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}); give the folder of a model.") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} holds {type(config).__name__}, expected an object; give a model's folder.")
    return config
