"""Train the larger generator from nothing: `python -m its_graph.embedded.train_larger [--out DIR] [--quick]`.

It reads as many problems as the generator, drawn alike; only its size differs, so that the two can be compared as Snell
et al. (2408.03314, section 7) compare a model with a larger one. A stopped run goes on.
"""

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from its_graph.embedded import WEIGHTS
from its_graph.embedded.export import write_training_record
from its_graph.embedded.pretrain import PretrainPlan
from its_graph.embedded.train import pretrain_to_folder
from its_graph.embedded.train_plans import LARGER_GENERATOR, QUICK_LARGER

__all__ = ["run_larger_training_command", "train_larger_generator"]


def train_larger_generator(plan: PretrainPlan, out: Path, *, export: Path | None = None) -> Path:
    """Train the model, unless `out` holds it already, and return its folder.

    Args:
        plan: sizes, rates and steps.
        out: folder of all results.
        export: folder that receives the weights as `larger`.
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
    """Read the command line and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m its_graph.embedded.train_larger", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("larger-training"), help="folder of all results (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="seconds: proves the path, not the model")
    parser.add_argument("--export", type=Path, help=f"folder for the weights, for example {WEIGHTS.name}")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    train_larger_generator(QUICK_LARGER if options.quick else LARGER_GENERATOR, options.out, export=options.export)
    return 0


if __name__ == "__main__":
    sys.exit(run_larger_training_command())
