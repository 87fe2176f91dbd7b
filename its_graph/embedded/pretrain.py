"""Train a small Qwen2 language model on reference solutions: the embedded generator and the verifier's backbone.

Muon for the matrices, AdamW for the rest, a constant rate and then a short linear anneal to zero. The anneal is
essential: without it the same model is confidently wrong, and its samples hardly differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2Config, Qwen2ForCausalLM

from its_graph.embedded.arithmetic import ArithmeticProblem, arithmetic_problem, reference_solution
from its_graph.prm.training.training_state import restore_training, save_training

__all__ = ["Phase", "PretrainPlan", "build_model", "fit_language_model", "pad_batch", "pretrain", "training_batch"]


@dataclass(frozen=True)
class Phase:
    """A part of the curriculum: which problems, and for how many steps."""

    steps: int
    operations: tuple[int, int] = (1, 8)
    """Smallest and largest number of operations."""
    large: float = 0.15
    """Share of large results, see `arithmetic_problem`."""
    window: int | None = None
    """Operation counts mixed in one batch, a window that moves with every step to reduce padding. None: all."""

    def batch_operations(self, step: int) -> tuple[int, int]:
        """Return the smallest and largest number of operations in the batch of one step."""
        low, high = self.operations
        if self.window is None:
            return low, high
        first = low + step % (high - low - self.window + 2)
        return first, first + self.window - 1


@dataclass(frozen=True)
class PretrainPlan:
    """All hyperparameters of a training run; lengths are in steps, not seconds, so that runs are repeatable."""

    layers: int
    phases: tuple[Phase, ...]
    anneal_steps: int
    """Length of the linear decay to zero; these are the last steps of the last phase."""
    batch: int = 64
    muon_rate: float = 0.02
    adam_rate: float = 0.004
    seed: int = 0
    hidden: int = 64
    """Hidden units; there is one attention head per 64 units."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""

    @property
    def total(self) -> int:
        """Total number of steps."""
        return sum(phase.steps for phase in self.phases)

    def phase(self, step: int) -> Phase:
        """Return the phase that a step belongs to."""
        for phase in self.phases:
            step -= phase.steps
            if step < 0:
                return phase
        return self.phases[-1]


def build_model(tokenizer: Any, layers: int, *, hidden: int = 64, seed: int = 0) -> Qwen2ForCausalLM:
    """Return an untrained Qwen2 with one attention head of width 64 per 64 hidden units, and tied embeddings."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def training_batch(tokenizer: Any, problems: list[ArithmeticProblem]) -> tuple[Tensor, Tensor]:
    """Return input ids and labels [B, T]; labels are -100 on the prompt and the padding."""
    rows, labels = [], []
    for problem in problems:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": problem.text}], add_generation_prompt=True, return_dict=False
        )
        reply = [
            *tokenizer.encode(reference_solution(problem.expression), add_special_tokens=False),
            tokenizer.eos_token_id,
        ]
        rows.append(prompt + reply)
        labels.append([-100] * len(prompt) + reply)
    return pad_batch(rows, labels, tokenizer.pad_token_id)


def pad_batch(rows: Sequence[list[int]], labels: Sequence[list[int]], pad_token: int) -> tuple[Tensor, Tensor]:
    """Return ids and labels [B, T], padded on the right; padding has the label -100."""
    width = max(map(len, rows))
    ids = [row + [pad_token] * (width - len(row)) for row in rows]
    return torch.tensor(ids), torch.tensor([row + [-100] * (width - len(row)) for row in labels])


def pretrain(
    plan: PretrainPlan, tokenizer: Any, *, report: Callable[[str], None], checkpoint: Path | None = None
) -> Qwen2ForCausalLM:
    """Train a model from scratch and return it in eval mode.

    Args:
        plan: sizes, rates and steps.
        tokenizer: from `build_tokenizer`.
        report: called with a progress line every 50 steps.
        checkpoint: folder of checkpoints; an unfinished run found there is resumed.
    """
    return fit_language_model(
        build_model(tokenizer, plan.layers, hidden=plan.hidden, seed=plan.seed),
        plan,
        lambda step: training_batch(tokenizer, _problems(plan, step)),
        report=report,
        checkpoint=checkpoint,
    )


def fit_language_model(
    model: Qwen2ForCausalLM,
    plan: PretrainPlan,
    batch: Callable[[int], tuple[Tensor, Tensor]],
    *,
    report: Callable[[str], None],
    checkpoint: Path | None = None,
) -> Qwen2ForCausalLM:
    """Train `model` with the rates and steps of `plan`, and return it in eval mode.

    Args:
        model: the initial model.
        plan: rates and steps; `batch` decides whether to use the problem ranges of its phases.
        batch: returns ids and labels [B, T] of a step; equal for equal steps, so that a stopped run resumes exactly.
        report: called with a progress line every 50 steps.
        checkpoint: folder of checkpoints; an unfinished run found there is resumed.
    """
    optimizers = _optimizers(model, plan)
    first = restore_training(checkpoint, model, optimizers) if checkpoint else 0
    model.train()
    losses = []
    for step in range(first, plan.total):
        ids, labels = batch(step)
        losses.append(_update(model, optimizers, ids, labels, _rates(plan, step)))
        if (step + 1) % 50 == 0 or step + 1 == plan.total:
            report(f"step {step + 1}/{plan.total}, loss {sum(losses) / len(losses):.4f}")
            losses = []
        if checkpoint and (step + 1) % plan.checkpoint_every == 0:
            save_training(checkpoint, model, optimizers, step + 1)
    return model.eval()


def _problems(plan: PretrainPlan, step: int) -> list[ArithmeticProblem]:
    phase = plan.phase(step)
    return [
        arithmetic_problem(
            step * plan.batch + row,
            seed=plan.seed,
            split="train",
            operations=phase.batch_operations(step),
            large=phase.large,
        )
        for row in range(plan.batch)
    ]


def _rates(plan: PretrainPlan, step: int) -> tuple[float, float]:
    """Return the rates of Muon and AdamW: warmup, plateau, linear anneal to zero."""
    warmup = (step + 1) / 20
    anneal = (plan.total - step) / (plan.anneal_steps + 1)
    factor = min(warmup, anneal, 1.0)
    return plan.muon_rate * factor, plan.adam_rate * factor


def _optimizers(model: Qwen2ForCausalLM, plan: PretrainPlan) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    matrix_ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in matrix_ids]
    return [
        torch.optim.Muon(matrices, lr=plan.muon_rate, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=plan.adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _update(
    model: Qwen2ForCausalLM,
    optimizers: Sequence[torch.optim.Optimizer],
    ids: Tensor,
    labels: Tensor,
    rates: tuple[float, float],
) -> float:
    targets = labels[:, 1:]
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(ids).last_hidden_state[:, :-1]
        logits = model.lm_head(hidden[targets != -100])
    loss = torch.nn.functional.cross_entropy(logits.float(), targets[targets != -100])
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, rate in zip(optimizers, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.item()
