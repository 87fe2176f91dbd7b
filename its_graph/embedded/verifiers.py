"""Three reward models trained on the same labels: the shipped one and two for comparison."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, Qwen2ForCausalLM

from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.likelihood import ImplicitScorer, LikelihoodScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.qwen import QwenScorer
from its_graph.prm.training.train import Progress, TrainingExample, TrainPlan, train

__all__ = ["TRAINED_ON", "head_scorer", "implicit_scorer", "likelihood_scorer", "train_scorer"]

TRAINED_ON = "its_graph.embedded generator"


def likelihood_scorer(backbone: Path) -> LikelihoodScorer:
    """Return the shipped family: the backbone's likelihood of the least likely token of a step."""
    metadata = ScorerMetadata(
        family="likelihood", aggregation="min", label_kind="mc", trained_on=TRAINED_ON, max_tokens=512
    )
    return LikelihoodScorer(_model(backbone), _tokenizer(backbone), metadata)


def head_scorer(backbone: Path) -> QwenScorer:
    """Return a linear head on the backbone, read on a mark after each step."""
    metadata = ScorerMetadata(family="qwen", aggregation="min", label_kind="mc", trained_on=TRAINED_ON, max_tokens=512)
    return QwenScorer.on_backbone(_model(backbone), _tokenizer(backbone), metadata)


def implicit_scorer(generator: Path) -> ImplicitScorer:
    """Return the generator against a frozen copy of itself: a reward model that needs no stronger model."""
    metadata = ScorerMetadata(
        family="implicit", aggregation="min", label_kind="mc", trained_on=TRAINED_ON, max_tokens=512
    )
    return ImplicitScorer(_model(generator), _model(generator), _tokenizer(generator), metadata)


def train_scorer(
    scorer: StepScorer, data: Sequence[TrainingExample], plan: TrainPlan, report: Callable[[str], None]
) -> None:
    """Train a scorer, and report the loss every 50 updates."""
    name, losses = scorer.metadata.family, []

    def progress(update: Progress) -> None:
        losses.append(update.loss)
        if update.update % 50 == 0 or update.update == update.updates:
            recent = losses[-50:]
            report(f"{name}: update {update.update}/{update.updates}, loss {sum(recent) / len(recent):.4f}")

    train(scorer, data, plan, report=progress)


def _model(folder: Path) -> Any:
    return Qwen2ForCausalLM.from_pretrained(str(folder), dtype="float32")


def _tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(str(folder))
