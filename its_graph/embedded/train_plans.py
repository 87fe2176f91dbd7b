"""Hyperparameters of the training runs: the full one that produced the shipped weights, and a quick one for tests."""

from dataclasses import dataclass, replace

from its_graph.embedded.dataset import LabelPlan
from its_graph.embedded.gate import GatePlan
from its_graph.embedded.pretrain import Phase, PretrainPlan
from its_graph.prm.training.train import TrainPlan

__all__ = ["FULL", "LARGER_GENERATOR", "QUICK", "QUICK_LARGER", "TrainingRunPlan"]


@dataclass(frozen=True)
class TrainingRunPlan:
    """One training run, stage by stage."""

    generator: PretrainPlan
    backbone: PretrainPlan
    labels: LabelPlan
    likelihood: TrainPlan
    head: TrainPlan
    implicit: TrainPlan
    gate: GatePlan


def _curriculum(last: int) -> tuple[Phase, ...]:
    """Short problems, then all with large numbers, then `last` steps on the distribution of the evaluation."""
    return (
        Phase(300, operations=(1, 4), large=1.0),
        Phase(1950, large=1.0),
        Phase(last, large=0.15, window=4),
    )


FULL = TrainingRunPlan(
    # The generator stops early on purpose: search cannot improve one that is always right.
    generator=PretrainPlan(layers=4, phases=_curriculum(750), anneal_steps=900, seed=3),
    backbone=PretrainPlan(layers=5, phases=_curriculum(3000), anneal_steps=1500, seed=5),
    labels=LabelPlan(questions=1500),
    likelihood=TrainPlan(epochs=1, batch=32, rate=1e-4),
    head=TrainPlan(epochs=3, batch=32, rate=1e-3),
    implicit=TrainPlan(epochs=3, batch=32, rate=1e-3),
    gate=GatePlan(),
)

# Several times the parameters of the generator on the same problems, for the comparison at equal FLOPs.
LARGER_GENERATOR = replace(FULL.generator, layers=5, hidden=128)

_QUICK_PRETRAINING = PretrainPlan(layers=1, phases=(Phase(4, operations=(1, 2)),), anneal_steps=2, batch=8)

QUICK = TrainingRunPlan(
    generator=_QUICK_PRETRAINING,
    backbone=_QUICK_PRETRAINING,
    labels=LabelPlan(questions=4, samples=2, k=2),
    likelihood=TrainPlan(epochs=1, batch=4),
    head=TrainPlan(epochs=1, batch=4),
    implicit=TrainPlan(epochs=1, batch=4),
    gate=GatePlan(problems=3, samples=4, n=4),
)

QUICK_LARGER = replace(_QUICK_PRETRAINING, hidden=128)
