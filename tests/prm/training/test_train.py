"""The trainer: loss vectors of docs/reference/algorithms.md 6.1, learning, resuming, splitting, AUC."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.prm.calibration import roc_auc
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.training.train import (
    Progress,
    TrainingExample,
    TrainPlan,
    held_out_auc,
    split_by_question,
    step_loss,
    train,
)


class _Bytes:
    pad_token_id = 0


class CountingScorer(StepScorer):
    """Reads one letter per step and learns a number per letter."""

    def __init__(self) -> None:
        model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=8))
        super().__init__(model, _Bytes(), ScorerMetadata(family="test"))
        torch.manual_seed(0)
        self.letters = torch.nn.Embedding(128, 1)
        self.dropout = torch.nn.Dropout(0.0)

    def layout(self, candidate: Candidate) -> StepLayout:
        ids = [ord(step[0]) for step in candidate.steps]
        return StepLayout(ids, [(index, index + 1) for index in range(len(ids))])

    def step_logits(self, batch: StepBatch) -> Any:
        hidden = self.letters(batch.input_ids).squeeze(-1)
        return torch.where(batch.step_mask, hidden.gather(1, batch.starts), 0.0)


def _row(question: str, steps: str, *labels: float | None) -> TrainingExample:
    candidate = Candidate(messages=({"role": "user", "content": question},), steps=tuple(steps))
    return TrainingExample(question, candidate, labels)


DATA = [_row(f"q{index}", "gb", 1.0, 0.0) for index in range(6)] + [_row("q9", "ggx", 1.0, 1.0)]


def test_loss_vectors() -> None:
    """Reference 6.1: BCE(y=.78, p=.5) = .693147; its minimum, at p = .78, is .526908."""
    target, mask = torch.tensor([[0.78]]), torch.tensor([[True]])
    assert step_loss(torch.tensor([[0.0]]), target, mask).item() == pytest.approx(0.693147, abs=1e-6)
    logit = torch.logit(target).requires_grad_()
    loss = step_loss(logit, target, mask)
    assert loss.item() == pytest.approx(0.526908, abs=1e-6)
    torch.autograd.backward(loss)
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(0.0, abs=1e-6)


def test_loss_is_the_mean_over_labeled_steps_only() -> None:
    logits = torch.tensor([[0.0, 5.0], [-5.0, float("inf")]])
    targets, mask = torch.zeros(2, 2), torch.tensor([[True, False], [False, False]])
    assert step_loss(logits, targets, mask).item() == pytest.approx(0.693147, abs=1e-6)


def test_an_empty_mask_gives_zero_and_no_nan() -> None:
    logits = torch.tensor([[3.0]], requires_grad=True)
    loss = step_loss(logits, torch.tensor([[0.0]]), torch.tensor([[False]]))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.item() == 0


def test_training_separates_good_from_bad_and_reports() -> None:
    scorer = CountingScorer()
    reports: list[Progress] = []
    train(scorer, DATA, TrainPlan(epochs=40, batch=4, rate=0.1), report=reports.append)
    batch = scorer.encode([row.candidate for row in DATA[:1]])
    good, bad = scorer.step_logits(batch)[0].sigmoid().tolist()
    assert good > 0.9
    assert bad < 0.1
    assert not scorer.training
    assert isinstance(reports[0], Progress)
    assert [progress.update for progress in reports] == list(range(1, 81))
    assert reports[-1].loss < reports[0].loss
    assert held_out_auc(scorer, DATA) == 1.0


def test_unlabeled_steps_are_not_trained() -> None:
    scorer = CountingScorer()
    before = scorer.letters.weight[ord("x")].item()
    train(scorer, DATA, TrainPlan(epochs=2, batch=4, rate=0.1))
    assert scorer.letters.weight[ord("x")].item() == before


def test_training_without_labels_keeps_finite_weights() -> None:
    scorer = CountingScorer()
    train(scorer, [_row("q", "gb", None, None)], TrainPlan(epochs=2))
    assert torch.isfinite(scorer.letters.weight).all()


def test_rate_decays_linearly_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    original = torch.optim.AdamW.step

    def step(self: Any, closure: Any = None) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return original(self, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    train(CountingScorer(), DATA[:4], TrainPlan(epochs=4, batch=4, rate=0.4))
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1])


class _StopError(Exception):
    pass


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    plan = TrainPlan(epochs=5, batch=2, rate=0.05, checkpoint_every=3)
    whole = CountingScorer()
    train(whole, DATA, plan)

    def stop(progress: Progress) -> None:
        if progress.update == 8:
            raise _StopError

    with pytest.raises(_StopError):
        train(CountingScorer(), DATA, plan, checkpoint=tmp_path, report=stop)
    resumed, updates = CountingScorer(), []
    train(resumed, DATA, plan, checkpoint=tmp_path, report=lambda progress: updates.append(progress.update))
    assert updates[0] == 7
    assert torch.equal(resumed.letters.weight, whole.letters.weight)


def test_too_long_is_an_error() -> None:
    with pytest.raises(TruncationError):
        train(CountingScorer(), [_row("q", "g" * 9, 1.0)], TrainPlan())


def test_no_data_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="must not be empty"):
        train(CountingScorer(), [], TrainPlan())


def test_labels_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="at most one label per step"):
        _row("q", "g", 1.0, 0.0)
    with pytest.raises(ConfigurationError, match=r"in \[0, 1\]"):
        _row("q", "g", 1.5)


def test_split_shares_no_question() -> None:
    data = [_row(f"q{index % 10}", "g", 1.0) for index in range(40)]
    training, validation = split_by_question(data, 0.2, seed=1)
    assert len(training) == 32
    assert len(validation) == 8
    assert not {row.question for row in training} & {row.question for row in validation}
    assert split_by_question(data, 0.2, seed=1) == (training, validation)
    with pytest.raises(ConfigurationError, match="held_out must be"):
        split_by_question(data[:1], 0.2)


def test_auc_by_hand() -> None:
    assert roc_auc([0.9, 0.8, 0.1], [True, True, False]) == 1.0
    assert roc_auc([0.1, 0.9], [True, False]) == 0.0
    assert roc_auc([0.5, 0.5, 0.5], [True, False, False]) == 0.5
    assert roc_auc([0.9, 0.4, 0.6, 0.4], [True, True, False, False]) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert roc_auc([0.9], [True]) is None
