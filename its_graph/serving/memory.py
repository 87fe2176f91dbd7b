"""Checks that models fit in GPU memory, before an engine starts and fails half a minute later with a traceback."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["USABLE_SHARE", "ModelShare", "check_models_fit", "gpu_bytes", "split_gpu_memory", "weight_bytes"]

USABLE_SHARE = 0.9
"""Share of a GPU's memory that all engines together may use."""
_OVERHEAD_BYTES = 2 << 30
"""Memory that an engine needs in addition to its weights: activations, CUDA graphs, and a useful KV cache."""


class ModelShare(NamedTuple):
    """A model and its share of the GPU's memory."""

    name: str
    """What the model is for, in messages: "generator", "reward model"."""
    model: str
    """Folder or hub id."""
    share: float
    """In (0, 1)."""


def split_gpu_memory(split: float, *, with_reward_model: bool) -> tuple[float, float]:
    """Return the shares of generator and reward model; `split` is the generator's part of the usable memory.

    Raises:
        ConfigurationError: `split` is not in (0, 1).
    """
    if not 0 < split < 1:
        raise ConfigurationError(
            f"The generator's share of the GPU memory must be in (0, 1); got {split:g}. Example: --gpu-split 0.6."
        )
    return (USABLE_SHARE * split, USABLE_SHARE * (1 - split)) if with_reward_model else (USABLE_SHARE, 0.0)


def weight_bytes(model: str) -> int | None:
    """Return the size of a folder's safetensors files; None for a hub id, whose size is unknown here."""
    folder = Path(model)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else None


def gpu_bytes() -> int:
    """Return the memory of the first GPU.

    Raises:
        ConfigurationError: There is no GPU.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise ConfigurationError("No GPU found (nvidia-smi is not installed). Use --cpu to serve on the CPU.")
    command = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    mebibytes = process.stdout.split()
    if process.returncode or not mebibytes or not mebibytes[0].isdigit():
        output = (process.stdout or process.stderr).strip()
        raise ConfigurationError(f"No GPU found (nvidia-smi: {output}). Use --cpu to serve on the CPU.")
    return int(mebibytes[0]) << 20


def check_models_fit(models: list[ModelShare], total: int) -> None:
    """Check that each model fits in its share of `total` bytes; models of unknown size pass.

    Raises:
        ConfigurationError: A model's weights plus overhead are larger than its share; the message lists all sizes.
    """
    sizes = [(model, weight_bytes(model.model)) for model in models]
    too_large = [
        model.name for model, size in sizes if size is not None and size + _OVERHEAD_BYTES > model.share * total
    ]
    if too_large:
        listing = "; ".join(
            f"{model.name} {model.model}: {'unknown size' if size is None else _gib(size) + ' of weights'}, "
            f"its share is {_gib(model.share * total)}"
            for model, size in sizes
        )
        raise ConfigurationError(
            f"The GPU is too small for the {' and the '.join(too_large)}: it has {_gib(total)}. {listing}. Each model "
            f"needs its weights and about {_gib(_OVERHEAD_BYTES)} more. Change --gpu-split, or use a smaller or "
            "quantized model."
        )


def _gib(size: float) -> str:
    return f"{size / (1 << 30):.1f} GiB"
