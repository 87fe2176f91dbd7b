"""Training checkpoints in safetensors: weights, optimiser state and the number of updates done."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

__all__ = ["restore_training", "save_training"]

_FILE = "training.safetensors"


def save_training(folder: Path, model: nn.Module, optimisers: Sequence[torch.optim.Optimizer], update: int) -> None:
    """Write the state after `update` updates; a crash while writing leaves the previous one in place."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value.detach().clone() for name, value in model.named_parameters()}
    for number, optimiser in enumerate(optimisers):
        for index, entry in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{index}.{key}": value.clone() for key, value in entry.items()}
    temporary = folder / (_FILE + ".part")
    save_file(tensors, temporary, metadata={"update": str(update)})
    os.replace(temporary, folder / _FILE)


def restore_training(folder: Path, model: nn.Module, optimisers: Sequence[torch.optim.Optimizer]) -> int:
    """Load what `save_training` wrote and return the number of updates done; 0 where there is nothing."""
    if not (folder / _FILE).is_file():
        return 0
    with safe_open(folder / _FILE, "pt") as file:
        update = int(file.metadata()["update"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    for number, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimiser.{number}."):
                index, key = name.split(".", 3)[2:]
                state.setdefault(int(index), {})[key] = value
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    return update
