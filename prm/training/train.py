"""Train any `StepScorer` on step labels: binary cross-entropy on its step logits, soft or hard targets.

AdamW, gradient clipping, linear decay to zero, split by question. Siblings of one question in training and
validation make a useless model look good; judge a reward model by selection on fresh questions, AUC is a hint.
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
from its_graph.prm.families.base import StepScorer
from its_graph.prm.training.training_state import restore_training, save_training

__all__ = [
    "LabeledSolution",
    "Progress",
    "TrainPlan",
    "auc",
    "held_out_auc",
    "split_by_question",
    "step_loss",
    "train",
]


@dataclass(frozen=True)
class LabeledSolution:
    """One solution with a target for each step."""

    question: str
    """Identity of the question; solutions of one question stay on one side of every split."""
    candidate: Candidate
    labels: tuple[float | None, ...]
    """Targets in [0, 1], one per step from the first; None and missing ones at the end are not trained on."""

    def __post_init__(self) -> None:
        if len(self.labels) > len(self.candidate.steps):
            raise ConfigurationError(
                f"{len(self.labels)} labels for {len(self.candidate.steps)} steps of {self.question!r}; "
                "give at most one label per step."
            )
        if bad := [label for label in self.labels if label is not None and not 0 <= label <= 1]:
            raise ConfigurationError(f"Labels must lie in [0, 1], given {bad} for {self.question!r}.")


@dataclass(frozen=True)
class TrainPlan:
    """Everything that decides a run."""

    epochs: int = 3
    batch: int = 32
    """Solutions per update."""
    rate: float = 3e-5
    """Learning rate of the first update; it falls to zero in a line."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    checkpoint_every: int = 500
    """Updates between checkpoints."""

    def updates(self, solutions: int) -> int:
        """Return the number of updates for that many solutions."""
        return self.epochs * math.ceil(solutions / self.batch)


@dataclass(frozen=True)
class Progress:
    """One update of a run."""

    update: int
    updates: int
    loss: float
    """Mean cross-entropy of the labelled steps in the batch, natural logarithm."""


def step_loss(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of -(y log p + (1 - y) log(1 - p)) over `mask`, with p = sigmoid(logits); all are [B, S].

    A batch without a single label gives 0, with a gradient of 0, never NaN.
    """
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return torch.where(mask, losses, 0.0).sum() / mask.sum().clamp(min=1)


def train(
    scorer: StepScorer,
    data: Sequence[LabeledSolution],
    plan: TrainPlan,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] | None = None,
) -> None:
    """Train `scorer` in place and leave it in eval mode.

    Args:
        scorer: any family.
        data: labelled solutions of the training questions.
        plan: epochs, batch, rate, seed.
        checkpoint: folder; an unfinished run found there is continued exactly, update by update.
        report: called after each update.

    Raises:
        TruncationError: a solution is longer than the model's context.
    """
    if not data:
        raise ConfigurationError("There is nothing to train on; label at least one solution.")
    optimiser = torch.optim.AdamW(
        (p for p in scorer.parameters() if p.requires_grad), lr=plan.rate, weight_decay=plan.weight_decay
    )
    updates = plan.updates(len(data))
    first = restore_training(checkpoint, scorer, [optimiser]) if checkpoint else 0
    scorer.train()
    for update in range(first, updates):
        optimiser.param_groups[0]["lr"] = plan.rate * (updates - update) / updates
        loss = _update(scorer, optimiser, [data[i] for i in _rows(len(data), plan, update)], plan.clip)
        if checkpoint and ((update + 1) % plan.checkpoint_every == 0 or update + 1 == updates):
            save_training(checkpoint, scorer, [optimiser], update + 1)
        if report:
            report(Progress(update + 1, updates, loss))
    scorer.eval()


def _rows(solutions: int, plan: TrainPlan, update: int) -> list[int]:
    """Return the rows of one update: a new order each epoch, a function of seed and update alone."""
    epoch, place = divmod(update, math.ceil(solutions / plan.batch))
    order = random.Random(f"{plan.seed}/{epoch}").sample(range(solutions), solutions)
    return order[place * plan.batch : (place + 1) * plan.batch]


def _update(
    scorer: StepScorer, optimiser: torch.optim.Optimizer, rows: Sequence[LabeledSolution], clip: float
) -> float:
    batch = scorer.encode([row.candidate for row in rows])
    targets, labelled = _targets(rows, batch.step_mask.shape[1])
    logits = scorer.step_logits(batch)
    mask = (labelled & batch.step_mask).to(logits.device)
    loss = step_loss(logits, targets.to(logits.device), mask)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(scorer.parameters(), clip)
    optimiser.step()
    return loss.item()


def _targets(rows: Sequence[LabeledSolution], columns: int) -> tuple[Tensor, Tensor]:
    """Return targets [B, S] (0 where there is none) and where there is one."""
    padded = [row.labels + (None,) * (columns - len(row.labels)) for row in rows]
    targets = torch.tensor([[label or 0.0 for label in labels] for labels in padded])
    return targets, torch.tensor([[label is not None for label in labels] for labels in padded])


def split_by_question(
    data: Sequence[LabeledSolution], held_out: float = 0.1, *, seed: int = 0
) -> tuple[list[LabeledSolution], list[LabeledSolution]]:
    """Return (training, validation) that share no question; `held_out` is the share of questions, at least one."""
    questions = sorted({row.question for row in data})
    if not 0 < held_out < 1 or len(questions) < 2:
        raise ConfigurationError(
            f"Cannot hold out {held_out} of {len(questions)} questions; expected a share in (0, 1) of at least two."
        )
    chosen = set(random.Random(seed).sample(questions, max(1, round(held_out * len(questions)))))
    return [row for row in data if row.question not in chosen], [row for row in data if row.question in chosen]


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return the chance that a positive outscores a negative, ties half; None where one kind is missing."""
    positive, negative = sum(labels), len(labels) - sum(labels)
    if not positive or not negative:
        return None
    values = torch.tensor(scores, dtype=torch.float64)
    _, inverse, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[inverse]
    rank_sum = float(ranks[torch.tensor(labels, dtype=torch.bool)].sum().item())
    return (rank_sum - positive * (positive + 1) / 2) / (positive * negative)


@torch.inference_mode()
def held_out_auc(scorer: StepScorer, data: Sequence[LabeledSolution], *, batch: int = 64) -> float | None:
    """Return the AUC over all labelled steps of `data`; targets above one half are positive."""
    scores: list[float] = []
    labels: list[bool] = []
    scorer.eval()
    for start in range(0, len(data), batch):
        rows = data[start : start + batch]
        encoded = scorer.encode([row.candidate for row in rows])
        targets, labelled = _targets(rows, encoded.step_mask.shape[1])
        chosen = labelled & encoded.step_mask
        scores += scorer.step_logits(encoded).cpu()[chosen].tolist()
        labels += (targets[chosen] > 0.5).tolist()
    return auc(scores, labels)
