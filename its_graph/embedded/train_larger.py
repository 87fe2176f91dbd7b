"""Train the larger generator from scratch: `python -m its_graph.embedded.train_larger [--out DIR] [--quick]`.

It is trained on as many problems as the generator, from the same distribution. Only its size differs, so that the two
can be compared as Snell et al. (2408.03314, section 7) compare a model with a larger one. A stopped run can be resumed.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from its_graph.embedded.export import write_training_record
from its_graph.embedded.pretrain import PretrainPlan
from its_graph.embedded.train import pretrain_to_folder
from its_graph.embedded.train_plans import LARGER_GENERATOR, QUICK_LARGER
from its_graph.embedded.training_options import start_training_command, training_parser

__all__ = ["run_larger_training_command", "train_larger_generator"]


def train_larger_generator(plan: PretrainPlan, out: Path, *, export: Path | None = None) -> Path:
    """Train the model unless `out` contains it, and return its folder.

    Args:
        plan: sizes, rates and steps.
        out: folder of all results.
        export: destination of the weights, as `larger`; None: they are not copied.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = out / "larger"
    if not folder.exists():
        pretrain_to_folder(plan, folder)
        write_training_record(folder, {"pretraining": asdict(plan)})
    if export is not None:
        shutil.copytree(folder, export / "larger", dirs_exist_ok=True)
    return folder


def run_larger_training_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = start_training_command(training_parser("train_larger", __doc__, out="larger-training"), arguments)
    train_larger_generator(QUICK_LARGER if options.quick else LARGER_GENERATOR, options.out, export=options.export)
    return 0


if __name__ == "__main__":
    sys.exit(run_larger_training_command())
