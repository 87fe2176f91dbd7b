"""Train the embedded models from scratch: `python -m its_graph.embedded.train [--out DIR] [--quick]`.

Generator and verifier backbone (two processes) -> step labels by rollouts -> three reward models -> gate -> export.
Every stage writes its result to DIR and is skipped if that result exists, so a stopped run can be resumed.
"""

import logging
import multiprocessing
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen2ForCausalLM

from its_graph.embedded.dataset import label_solutions, read_labels, write_labels
from its_graph.embedded.export import export_generator, export_verifier, write_training_record
from its_graph.embedded.gate import GatePlan, GateReport, run_gate
from its_graph.embedded.models import ArithmeticPRM
from its_graph.embedded.pretrain import PretrainPlan, pretrain
from its_graph.embedded.tokenizer import build_tokenizer
from its_graph.embedded.train_plans import FULL, QUICK, TrainingRunPlan
from its_graph.embedded.training_options import start_training_command, training_parser
from its_graph.embedded.verifiers import head_scorer, implicit_scorer, likelihood_scorer, train_scorer
from its_graph.generators.transformers import TransformersGenerator
from its_graph.prm.families.likelihood import ImplicitScorer
from its_graph.prm.families.qwen import QwenScorer

__all__ = ["GateFailedError", "run_training_command", "train_embedded"]

_LOG = logging.getLogger("its_graph.embedded.train")


class GateFailedError(RuntimeError):
    """The models failed the gate, so nothing was exported."""


@dataclass(frozen=True)
class _Stages:
    """Paths of the results of the stages."""

    out: Path

    @property
    def generator(self) -> Path:
        return self.out / "generator"

    @property
    def backbone(self) -> Path:
        return self.out / "backbone"

    @property
    def labels(self) -> Path:
        return self.out / "labels.jsonl"

    @property
    def verifier(self) -> Path:
        return self.out / "verifier"

    @property
    def head(self) -> Path:
        return self.out / "head"

    @property
    def implicit(self) -> Path:
        return self.out / "implicit"


def train_embedded(plan: TrainingRunPlan, out: Path, *, enforce: bool = True, export: Path | None = None) -> GateReport:
    """Run all stages without a result in `out`.

    Args:
        plan: hyperparameters of all stages.
        out: folder of all results.
        enforce: whether a failed gate is an error; if not, the report is only printed.
        export: destination of `generator` and `verifier`; None: they are not copied.

    Raises:
        Rejected: the gate failed and `enforce` is set.
    """
    stages = _Stages(out)
    out.mkdir(parents=True, exist_ok=True)
    _pretrain_both(plan, stages)
    _label(plan, stages)
    _train_verifiers(plan, stages)
    report = _evaluate(plan.gate, stages)
    _LOG.info("%s", report)
    (out / "gate.txt").write_text(str(report) + "\n", encoding="utf-8")
    if enforce and not report.passed:
        raise GateFailedError(
            f"The models failed the gate; nothing was exported. See {out / 'gate.txt'} for all figures."
        )
    _record(plan, stages, report)
    if export is not None:
        for folder in (stages.generator, stages.verifier):
            shutil.copytree(folder, export / folder.name, dirs_exist_ok=True)
    return report


def _pretrain_both(plan: TrainingRunPlan, stages: _Stages) -> None:
    """Train the two language models in parallel, one thread each."""
    context = multiprocessing.get_context("spawn")
    missing = [
        (task, folder)
        for task, folder in ((plan.generator, stages.generator), (plan.backbone, stages.backbone))
        if not folder.exists()
    ]
    workers = [context.Process(target=pretrain_to_folder, args=item) for item in missing]
    for worker in workers:
        worker.start()
    for worker, (_, folder) in zip(workers, missing, strict=True):
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"Training of {folder.name} failed with exit code {worker.exitcode}; see its output.")


def pretrain_to_folder(plan: PretrainPlan, folder: Path) -> None:
    """Train one language model and write it to `folder`; runs in a separate process."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    torch.set_num_threads(1)
    tokenizer = build_tokenizer()
    checkpoint = folder.with_name(folder.name + "-checkpoint")
    model = pretrain(plan, tokenizer, report=lambda line: _LOG.info("%s: %s", folder.name, line), checkpoint=checkpoint)
    export_generator(model, tokenizer, folder)


def _generator(folder: Path) -> TransformersGenerator:
    model = Qwen2ForCausalLM.from_pretrained(str(folder), dtype="float32")
    return TransformersGenerator(model, AutoTokenizer.from_pretrained(str(folder)), max_batch=256)


def _label(plan: TrainingRunPlan, stages: _Stages) -> None:
    if stages.labels.exists():
        return
    with _generator(stages.generator) as generator:
        rows, report = label_solutions(generator, plan.labels)
    write_training_record(stages.out, {"labels": asdict(report)})
    write_labels(stages.labels, rows)
    _LOG.info("labels: %s", report)


def _train_verifiers(plan: TrainingRunPlan, stages: _Stages) -> None:
    data = read_labels(stages.labels)
    if not stages.verifier.exists():
        shipped = likelihood_scorer(stages.backbone)
        train_scorer(shipped, data, plan.likelihood, _LOG.info)
        export_verifier(shipped, stages.verifier)
    if not stages.head.exists():
        head = head_scorer(stages.backbone)
        train_scorer(head, data, plan.head, _LOG.info)
        head.save_pretrained(stages.head)
    if not stages.implicit.exists():
        implicit = implicit_scorer(stages.generator)
        train_scorer(implicit, data, plan.implicit, _LOG.info)
        implicit.save_pretrained(stages.implicit)


def _evaluate(plan: GatePlan, stages: _Stages) -> GateReport:
    """Evaluate the saved models, which include the rounding to bf16."""
    others = {
        "plain head": ArithmeticPRM(QwenScorer.from_pretrained(stages.head), max_batch=64),
        "implicit PRM": ArithmeticPRM(ImplicitScorer.from_pretrained(stages.implicit), max_batch=64),
    }
    shipped = ArithmeticPRM.from_pretrained(stages.verifier, device="cpu")
    try:
        with _generator(stages.generator) as generator, _generator(stages.verifier) as alone:
            return run_gate(generator, shipped, plan, others=others, verifier_alone=alone, report=_LOG.info)
    finally:
        for verifier in (shipped, *others.values()):
            verifier.close()


def _record(plan: TrainingRunPlan, stages: _Stages, report: GateReport) -> None:
    gate_record = {"plan": asdict(plan.gate), "percent": report.figures, "checks": report.checks}
    write_training_record(stages.generator, {"pretraining": asdict(plan.generator), "gate": gate_record})
    write_training_record(
        stages.verifier,
        {
            "pretraining": asdict(plan.backbone),
            "labels": asdict(plan.labels) | {"kind": "Monte-Carlo, hard, first error by binary search"},
            "tuning": asdict(plan.likelihood),
            "gate": gate_record,
        },
    )


def run_training_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = training_parser("train", __doc__, out="embedded-training")
    parser.add_argument(
        "--gate", choices=("enforce", "report"), default="enforce", help="whether a failed gate is an error"
    )
    options = start_training_command(parser, arguments)
    try:
        train_embedded(
            QUICK if options.quick else FULL, options.out, enforce=options.gate == "enforce", export=options.export
        )
    except GateFailedError as rejection:
        _LOG.error("%s", rejection)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run_training_command())
