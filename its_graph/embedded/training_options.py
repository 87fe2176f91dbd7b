"""Command-line options that the training commands share."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from its_graph.embedded import WEIGHTS

__all__ = ["start_training_command", "training_parser"]


def training_parser(module: str, description: str | None, *, out: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every training command.

    Args:
        module: name of the command's module in `its_graph.embedded`.
        description: help text of the command.
        out: default of `--out`.
    """
    parser = argparse.ArgumentParser(prog=f"python -m its_graph.embedded.{module}", description=description)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        help="folder of all results; a stopped run resumes from it (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes that take seconds, to test the pipeline")
    parser.add_argument("--export", type=Path, help=f"destination of the weights, for example {WEIGHTS.name}")
    return parser


def start_training_command(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Parse the command line, log progress to standard output, and limit torch to the fastest number of threads."""
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    torch.set_num_threads(1)
    return options
