"""Train any `StepScorer` on step labels: binary cross-entropy on its step logits, soft or hard targets.

AdamW, gradient clipping, linear decay to zero, split by question. Solutions of one question in both training and
validation make a useless model look good. Evaluate a reward model by selection on unseen questions; AUC is only a hint.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.calibration import roc_auc
from its_graph.prm.families.base import StepScorer
from its_graph.prm.training.training_state import restore_training, save_training

__all__ = [
    "Progress",
    "TrainPlan",
    "TrainingExample",
    "held_out_auc",
    "split_by_question",
    "step_loss",
    "train",
]


@dataclass(frozen=True)
class TrainingExample:
    """One solution with a target for each step."""

    question: str
    """Identifier of the question; a split never separates solutions of one question."""
    candidate: Candidate
    labels: tuple[float | None, ...]
    """Targets in [0, 1], one per step from the first; steps with None, or past the last label, are not trained on."""

    def __post_init__(self) -> None:
        if len(self.labels) > len(self.candidate.steps):
            raise ConfigurationError(
                f"There must be at most one label per step; got {len(self.labels)} labels for "
                f"{len(self.candidate.steps)} steps of {self.question!r}."
            )
        if bad := [label for label in self.labels if label is not None and not 0 <= label <= 1]:
            raise ConfigurationError(f"Labels must be in [0, 1]; got {bad} for {self.question!r}.")


@dataclass(frozen=True)
class TrainPlan:
    """All hyperparameters of a run."""

    epochs: int = 3
    batch: int = 32
    """Solutions per update."""
    rate: float = 3e-5
    """Learning rate of the first update; it decays linearly to zero."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Maximum norm of the gradient."""
    seed: int = 0
    checkpoint_every: int = 500
    """Updates between checkpoints."""

    def updates(self, solutions: int) -> int:
        """Return the number of updates for a number of solutions."""
        return self.epochs * math.ceil(solutions / self.batch)


@dataclass(frozen=True)
class Progress:
    """One update of a run."""

    update: int
    updates: int
    loss: float
    """Mean cross-entropy of the labeled steps in the batch, natural logarithm."""


def step_loss(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of -(y log p + (1 - y) log(1 - p)) over `mask`, with p = sigmoid(logits); all are [B, S].

    Without any label the loss and its gradient are 0, never NaN.
    """
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return torch.where(mask, losses, 0.0).sum() / mask.sum().clamp(min=1)


def train(
    scorer: StepScorer,
    data: Sequence[TrainingExample],
    plan: TrainPlan,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] | None = None,
) -> None:
    """Train `scorer` in place and leave it in eval mode.

    Args:
        scorer: any family.
        data: labeled solutions of the training questions.
        plan: hyperparameters.
        checkpoint: folder of checkpoints; an unfinished run found there is resumed exactly.
        report: called after each update.

    Raises:
        ConfigurationError: there is no data.
        TruncationError: a solution is longer than the model's context.
    """
    if not data:
        raise ConfigurationError("Training data must not be empty. Label at least one solution.")
    optimizer = torch.optim.AdamW(
        (p for p in scorer.parameters() if p.requires_grad), lr=plan.rate, weight_decay=plan.weight_decay
    )
    updates = plan.updates(len(data))
    first = restore_training(checkpoint, scorer, [optimizer]) if checkpoint else 0
    scorer.train()
    for update in range(first, updates):
        optimizer.param_groups[0]["lr"] = plan.rate * (updates - update) / updates
        loss = _update(scorer, optimizer, [data[i] for i in _rows(len(data), plan, update)], plan.clip)
        if checkpoint and ((update + 1) % plan.checkpoint_every == 0 or update + 1 == updates):
            save_training(checkpoint, scorer, [optimizer], update + 1)
        if report:
            report(Progress(update + 1, updates, loss))
    scorer.eval()


def _rows(solutions: int, plan: TrainPlan, update: int) -> list[int]:
    """Return the rows of one update: a new order each epoch, which depends only on seed and update."""
    epoch, batch = divmod(update, math.ceil(solutions / plan.batch))
    order = random.Random(f"{plan.seed}/{epoch}").sample(range(solutions), solutions)
    return order[batch * plan.batch : (batch + 1) * plan.batch]


def _update(
    scorer: StepScorer, optimizer: torch.optim.Optimizer, rows: Sequence[TrainingExample], clip: float
) -> float:
    batch = scorer.encode([row.candidate for row in rows])
    targets, labeled = _targets(rows, batch.step_mask.shape[1])
    logits = scorer.step_logits(batch)
    mask = (labeled & batch.step_mask).to(logits.device)
    loss = step_loss(logits, targets.to(logits.device), mask)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(scorer.parameters(), clip)
    optimizer.step()
    return loss.item()


def _targets(rows: Sequence[TrainingExample], columns: int) -> tuple[Tensor, Tensor]:
    """Return targets [B, S], 0 for steps without a label, and a mask of the labeled steps."""
    padded = [row.labels + (None,) * (columns - len(row.labels)) for row in rows]
    targets = torch.tensor([[label or 0.0 for label in labels] for labels in padded])
    return targets, torch.tensor([[label is not None for label in labels] for labels in padded])


def split_by_question(
    data: Sequence[TrainingExample], held_out: float = 0.1, *, seed: int = 0
) -> tuple[list[TrainingExample], list[TrainingExample]]:
    """Return (training, validation) without a common question.

    Args:
        data: labeled solutions of at least two questions.
        held_out: share of the questions for validation, in (0, 1); at least one question is held out.
        seed: selects the questions.

    Raises:
        ConfigurationError: `held_out` is out of range, or there are fewer than two questions.
    """
    questions = sorted({row.question for row in data})
    if not 0 < held_out < 1 or len(questions) < 2:
        raise ConfigurationError(
            f"held_out must be in (0, 1), of at least two questions; got {held_out} of {len(questions)}."
        )
    validation = set(random.Random(seed).sample(questions, max(1, round(held_out * len(questions)))))
    return [row for row in data if row.question not in validation], [row for row in data if row.question in validation]


@torch.inference_mode()
def held_out_auc(scorer: StepScorer, data: Sequence[TrainingExample], *, batch: int = 64) -> float | None:
    """Return the AUC over all labeled steps of `data`; targets above 1/2 are positive. None without both kinds."""
    scores: list[float] = []
    labels: list[bool] = []
    scorer.eval()
    for start in range(0, len(data), batch):
        rows = data[start : start + batch]
        encoded = scorer.encode([row.candidate for row in rows])
        targets, labeled = _targets(rows, encoded.step_mask.shape[1])
        mask = labeled & encoded.step_mask
        scores += scorer.step_logits(encoded).cpu()[mask].tolist()
        labels += (targets[mask] > 0.5).tolist()
    return roc_auc(scores, labels)
