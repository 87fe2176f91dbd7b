"""A reward model without its weights: which tokens it reads and where its scores are, in almost no memory."""

from pathlib import Path
from typing import Any

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.label_token import LabelTokenScorer
from its_graph.prm.families.likelihood import LikelihoodScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.qwen import QwenScorer
from its_graph.prm.families.registry import family_of, scorer_class

try:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["load_weightless", "unserved_family_error"]


def load_weightless(folder: str | Path, family: str = "auto") -> StepScorer:
    """Return a scorer of `folder` whose tensors are empty, for callers that get the scores from a server.

    Raises:
        ConfigurationError: the files identify no family, or vLLM does not serve it.
    """
    family = family_of(folder) if family == "auto" else family
    scorer: Any = scorer_class(family)
    if not issubclass(scorer, (QwenScorer, LikelihoodScorer, LabelTokenScorer)):
        raise unserved_family_error(family)
    make = AutoModelForCausalLM.from_config if scorer.model_class is AutoModelForCausalLM else scorer.model_class
    with torch.device("meta"):
        model = make(AutoConfig.from_pretrained(str(folder)))
    weightless: StepScorer = scorer(model, scorer.load_tokenizer(folder), ScorerMetadata.load(folder))
    return weightless


def unserved_family_error(family: str) -> ConfigurationError:
    """Return the error for a family that vLLM does not serve."""
    return ConfigurationError(
        "A reward model on vLLM must be of the family qwen, likelihood, or one that answers with a label token "
        f"(math-shepherd, rlhflow, er-prm, math-psa); got {family!r}. Load it in this process: "
        "PRM.from_pretrained(folder)."
    )
