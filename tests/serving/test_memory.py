"""Which models fit in GPU memory, and the error if they do not."""

from pathlib import Path

import pytest

from its_graph.errors import ConfigurationError
from its_graph.serving.memory import ModelShare, check_models_fit, gpu_bytes, split_gpu_memory, weight_bytes

GIB = 1 << 30


def model(folder: Path, name: str, gib: int) -> str:
    (folder / name).mkdir()
    with (folder / name / "model.safetensors").open("wb") as file:
        file.truncate(gib * GIB)  # sparse: nothing is written
    return str(folder / name)


def test_the_split_is_of_the_usable_memory() -> None:
    assert split_gpu_memory(0.6, with_reward_model=True) == pytest.approx((0.54, 0.36))
    assert split_gpu_memory(0.6, with_reward_model=False) == (0.9, 0.0)
    with pytest.raises(ConfigurationError, match=r"must be in \(0, 1\); got 1"):
        split_gpu_memory(1, with_reward_model=True)


def test_models_that_do_not_fit_are_rejected_with_their_sizes(tmp_path: Path) -> None:
    small, large = model(tmp_path, "small", 3), model(tmp_path, "large", 15)
    models = [ModelShare("generator", small, 0.3), ModelShare("reward model", large, 0.6)]
    check_models_fit(models, 40 * GIB)
    with pytest.raises(ConfigurationError, match=r"too small for the reward model: it has 24\.0 GiB") as caught:
        check_models_fit(models, 24 * GIB)
    assert "15.0 GiB of weights, its share is 14.4 GiB" in str(caught.value)
    assert "--gpu-split" in str(caught.value)


def test_the_size_of_a_hub_id_is_unknown() -> None:
    assert weight_bytes("Qwen/Qwen2.5-0.5B") is None
    check_models_fit([ModelShare("generator", "Qwen/Qwen2.5-0.5B", 0.1)], GIB)


def test_the_memory_size_comes_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 143771\necho 143771\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpu_bytes() == 143771 << 20
    program.write_text("#!/bin/sh\necho 'no devices were found' >&2; exit 6\n")
    with pytest.raises(ConfigurationError, match=r"no devices were found.*--cpu"):
        gpu_bytes()
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="nvidia-smi is not installed"):
        gpu_bytes()
