"""Train the thinking variant of the embedded generator: `python -m its_graph.embedded.train_thinker [--out DIR]`.

The shipped generator samples attempts at training problems. The variant starts from its weights and learns to check and
revise them (see `its_graph.embedded.thinker`). A stage is skipped if its result exists, so a stopped run can be
resumed.
"""

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from transformers import AutoTokenizer, Qwen2ForCausalLM

from its_graph.embedded import WEIGHTS
from its_graph.embedded.arithmetic import arithmetic_problems
from its_graph.embedded.export import export_generator, write_training_record
from its_graph.embedded.models import ArithmeticGenerator
from its_graph.embedded.pretrain import Phase, PretrainPlan, fit_language_model
from its_graph.embedded.thinker import AttemptPlan, Attempts, sample_attempts, thinking_batch
from its_graph.embedded.training_options import start_training_command, training_parser
from its_graph.seeds import derive_seed

__all__ = ["FULL_THINKER", "QUICK_THINKER", "ThinkerPlan", "run_thinker_training_command", "train_thinker"]

_LOG = logging.getLogger("its_graph.embedded.train_thinker")
_CONTEXT = 1024
LONGEST_THOUGHT = 640
"""Tokens; enough for four attempts of maximum length and the answer."""


@dataclass(frozen=True)
class ThinkerPlan:
    """Hyperparameters of a run."""

    attempts: AttemptPlan
    training: PretrainPlan


FULL_THINKER = ThinkerPlan(
    attempts=AttemptPlan(),
    training=PretrainPlan(
        layers=4, phases=(Phase(1600),), anneal_steps=1200, batch=32, muon_rate=0.01, adam_rate=0.002, seed=11
    ),
)
QUICK_THINKER = ThinkerPlan(
    attempts=AttemptPlan(questions=4, samples=2),
    training=PretrainPlan(layers=1, phases=(Phase(4),), anneal_steps=2, batch=4),
)


def train_thinker(plan: ThinkerPlan, generator: Path, out: Path, *, export: Path | None = None) -> Path:
    """Run the stages without a result in `out`, and return the folder of the variant.

    Args:
        plan: hyperparameters of all stages.
        generator: folder of the plain generator, which samples the attempts and provides the initial weights.
        out: folder of all results.
        export: destination of the weights, as `thinker`; None: they are not copied.
    """
    out.mkdir(parents=True, exist_ok=True)
    pool = _attempts(plan.attempts, generator, out / "attempts.jsonl")
    folder = out / "thinker"
    if not folder.exists():
        _train(plan.training, generator, pool, folder)
        write_training_record(folder, {"attempts": asdict(plan.attempts), "training": asdict(plan.training)})
    if export is not None:
        shutil.copytree(folder, export / "thinker", dirs_exist_ok=True)
    return folder


def _attempts(plan: AttemptPlan, generator: Path, path: Path) -> list[Attempts]:
    """Sample the attempts, or read those of an earlier run."""
    problems = list(arithmetic_problems(plan.questions, seed=plan.seed, split="train"))
    if not path.exists():
        with ArithmeticGenerator.from_pretrained(generator, device="cpu", max_batch=256) as model:
            pool = sample_attempts(model, plan)
        path.write_text(
            "".join(json.dumps([attempts.right, attempts.wrong]) + "\n" for attempts in pool), encoding="utf-8"
        )
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    pool = [
        Attempts(problem, tuple(right), tuple(wrong)) for problem, (right, wrong) in zip(problems, rows, strict=True)
    ]
    right, wrong = sum(len(attempts.right) for attempts in pool), sum(len(attempts.wrong) for attempts in pool)
    _LOG.info("%s attempts, %s of them wrong", right + wrong, wrong)
    return pool


def _train(plan: PretrainPlan, generator: Path, pool: list[Attempts], folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(generator), model_max_length=_CONTEXT)
    model = Qwen2ForCausalLM.from_pretrained(str(generator), dtype="float32", max_position_embeddings=_CONTEXT)
    fit_language_model(
        model,
        plan,
        lambda step: thinking_batch(tokenizer, pool, plan.batch, derive_seed(plan.seed, f"batch {step}")),
        report=partial(_LOG.info, "thinker: %s"),
        checkpoint=folder.with_name("thinker-checkpoint"),
    )
    export_generator(model, tokenizer, folder, longest=LONGEST_THOUGHT)


def run_thinker_training_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = training_parser("train_thinker", __doc__, out="thinker-training")
    parser.add_argument("--generator", type=Path, default=WEIGHTS / "generator", help="folder of the plain generator")
    options = start_training_command(parser, arguments)
    train_thinker(
        QUICK_THINKER if options.quick else FULL_THINKER, options.generator, options.out, export=options.export
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_thinker_training_command())
