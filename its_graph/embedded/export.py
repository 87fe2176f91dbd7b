"""Write models in Hugging Face layout: bf16 safetensors, config, tokenizer, and a training record."""

import json
from pathlib import Path
from typing import Any

import torch

from its_graph.prm.families.likelihood import LikelihoodScorer

__all__ = ["LONGEST_SOLUTION", "TRAINING_FILE", "export_generator", "export_verifier", "write_training_record"]

TRAINING_FILE = "training.json"
LONGEST_SOLUTION = 192
"""Tokens; the longest reference solution of eight operations has about 130."""


def export_generator(model: Any, tokenizer: Any, folder: Path, *, longest: int = LONGEST_SOLUTION) -> None:
    """Write a language model in bf16; run it in fp32, which is faster at this size.

    Args:
        model: the trained model.
        tokenizer: its tokenizer.
        folder: destination.
        longest: default limit of a reply in tokens.
    """
    model.generation_config.max_new_tokens = longest
    model.to(torch.bfloat16).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    _set_tokenizer_class(folder)


def export_verifier(scorer: LikelihoodScorer, folder: Path) -> None:
    """Write the likelihood reward model with `its_graph.json`."""
    scorer.model.generation_config.max_new_tokens = LONGEST_SOLUTION
    scorer.model.to(torch.bfloat16)
    scorer.save_pretrained(folder)
    _set_tokenizer_class(folder)


def write_training_record(folder: Path, record: dict[str, Any]) -> None:
    """Write how the weights in `folder` were trained, as readable JSON."""
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
    Path(folder, TRAINING_FILE).write_text(text + "\n", encoding="utf-8")


def _set_tokenizer_class(folder: Path) -> None:
    """Name a tokenizer class that transformers 4 and 5, and the servers built on them, support."""
    path = Path(folder, "tokenizer_config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config.pop("backend", None)
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
