"""Training checkpoints in safetensors: weights, optimizer state and the number of finished updates."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

__all__ = ["restore_training", "save_training"]

_FILE = "training.safetensors"


def save_training(folder: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], update: int) -> None:
    """Write the state after `update` updates; a crash while writing keeps the previous checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value.detach().clone() for name, value in model.named_parameters()}
    for number, optimizer in enumerate(optimizers):
        for index, entry in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{key}": value.clone() for key, value in entry.items()}
    temporary = folder / (_FILE + ".part")
    save_file(tensors, temporary, metadata={"update": str(update)})
    os.replace(temporary, folder / _FILE)


def restore_training(folder: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> int:
    """Load what `save_training` wrote, and return the number of finished updates; 0 if there is no checkpoint."""
    if not (folder / _FILE).is_file():
        return 0
    with safe_open(folder / _FILE, "pt") as file:
        update = int(file.metadata()["update"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                index, key = name.split(".", 3)[2:]
                state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return update
