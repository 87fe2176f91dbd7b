"""A reward model without its weights: the tokens that it reads and where its scores stand, in no memory to speak of."""

from pathlib import Path
from typing import Any

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import load_tokenizer, load_chat_tokenizer
from its_graph.prm.families.label_token import LabelTokenScorer
from its_graph.prm.families.likelihood import LikelihoodScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.qwen import PUBLISHED, Qwen2ForProcessRewardModel, QwenScorer
from its_graph.prm.families.registry import family_of, scorer_class

try:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["load_weightless"]


def load_weightless(folder: str | Path, family: str = "auto") -> StepScorer:
    """Return a scorer of `folder` whose tensors hold nothing: for those who ask a server for the scores.

    Raises:
        ConfigurationError: the files name no family, or one that no server of ours serves.
    """
    found = family_of(folder) if family == "auto" else family
    metadata = ScorerMetadata.load(folder)
    if found == "qwen":
        empty = _empty(Qwen2ForProcessRewardModel, folder)
        return QwenScorer(empty, load_chat_tokenizer(folder), metadata or PUBLISHED)
    if found == "likelihood":
        return LikelihoodScorer(_empty(AutoModelForCausalLM.from_config, folder), load_chat_tokenizer(folder), metadata)
    labelled = scorer_class(found)
    if issubclass(labelled, LabelTokenScorer):
        return labelled(_empty(AutoModelForCausalLM.from_config, folder), load_tokenizer(folder), metadata)
    raise ConfigurationError(
        f"vLLM serves no reward model of the family {found!r}; it does qwen, likelihood and those that answer with a "
        "word (math-shepherd, rlhflow, er-prm, math-psa). Load it into this process: PRM.from_pretrained(folder)."
    )


def _empty(make: Any, folder: str | Path) -> Any:
    with torch.device("meta"):
        return make(AutoConfig.from_pretrained(str(folder)))
