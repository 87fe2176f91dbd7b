"""Whether two models fit onto a GPU, told before an engine fails half a minute later with a page of traces."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["USABLE_SHARE", "ModelShare", "check_models_fit", "gpu_bytes", "split_gpu_memory", "weight_bytes"]

USABLE_SHARE = 0.9
"""Share of a GPU's memory that the engines may take together."""
_BESIDE_WEIGHTS = 2 << 30
"""Bytes that an engine needs beside its weights: activations, graphs, and a KV cache worth the name."""


class ModelShare(NamedTuple):
    """A model and its share of the GPU's memory, in (0, 1)."""

    name: str
    model: str
    share: float


def split_gpu_memory(split: float, *, with_reward_model: bool) -> tuple[float, float]:
    """Return the shares of generator and reward model; `split` is the generator's part of what is usable.

    Raises:
        ConfigurationError: `split` is not between 0 and 1.
    """
    if not 0 < split < 1:
        raise ConfigurationError(f"The generator's share was given as {split:g}; expected more than 0 and less than 1.")
    return (USABLE_SHARE * split, USABLE_SHARE * (1 - split)) if with_reward_model else (USABLE_SHARE, 0.0)


def weight_bytes(model: str) -> int | None:
    """Return the size of a folder's safetensors files; None for a hub id, of which nothing is known here."""
    folder = Path(model)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else None


def gpu_bytes() -> int:
    """Return the memory of the first GPU.

    Raises:
        ConfigurationError: there is none.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise ConfigurationError("No GPU was found (there is no nvidia-smi). Use --cpu to serve on the CPU.")
    asked = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    lines = done.stdout.split()
    if done.returncode or not lines or not lines[0].isdigit():
        raise ConfigurationError(f"No GPU was found (nvidia-smi: {(done.stdout or done.stderr).strip()}). Use --cpu.")
    return int(lines[0]) << 20


def check_models_fit(parts: list[ModelShare], total: int) -> None:
    """Refuse what cannot fit.

    Raises:
        ConfigurationError: the weights of a model, and a little, are larger than its share; all sizes are told.
    """
    sizes = [(part, weight_bytes(part.model)) for part in parts]
    small = [part.name for part, size in sizes if size is not None and size + _BESIDE_WEIGHTS > part.share * total]
    if small:
        told = "; ".join(
            f"{part.name} {part.model}: {'unknown size' if size is None else _gib(size) + ' of weights'}, "
            f"its share is {_gib(part.share * total)}"
            for part, size in sizes
        )
        raise ConfigurationError(
            f"The GPU is too small for the {' and the '.join(small)}: it has {_gib(total)}. {told}. Each needs its "
            f"weights and about {_gib(_BESIDE_WEIGHTS)} more. Change --gpu-split, or take a smaller or quantised model."
        )


def _gib(size: float) -> str:
    return f"{size / (1 << 30):.1f} GiB"
