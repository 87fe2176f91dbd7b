"""Commands that start vLLM as a generator and as a reward model, on a GPU that both share or on the CPU.

The server is started as a module: the command `vllm` fails in builds whose distribution has another name.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["CPU_ENVIRONMENT", "ON_CPU", "Address", "generator_command", "reward_command"]

CPU_ENVIRONMENT: Mapping[str, str] = {
    # Two engines that bind their own threads would both bind to core 0.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}

ON_CPU: Mapping[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 256 << 20,
    # vLLM 0.32 crashes when the prompt of a request with a seed is prefilled in two chunks: a CPU's random generator
    # cannot rewind past the token that is discarded.
    "enable_chunked_prefill": False,
}
"""Arguments of an engine on the CPU, named as in `AsyncEngineArgs`."""


class Address(NamedTuple):
    """Host and port that a server listens on."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL of the server, as seen from this machine."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        return f"http://{host}:{self.port}"


def generator_command(
    model: str, address: Address, *, gpu_share: float | None, extra_args: Sequence[str] = ()
) -> list[str]:
    """Return the command that serves a generator.

    Args:
        model: Folder or hub id.
        address: Host and port to listen on.
        gpu_share: Share of the GPU's memory, in (0, 1); None runs on the CPU.
        extra_args: Further arguments of vLLM.
    """
    # Prompt details include the count of cached tokens, without which the ledger cannot be exact.
    return [*_server_command(model, address, gpu_share), "--enable-prompt-tokens-details", *extra_args]


def reward_command(
    model: str, address: Address, *, gpu_share: float | None, step_tag_id: int | None, extra_args: Sequence[str] = ()
) -> list[str]:
    """Return the command that serves a reward model.

    Args:
        model: Folder or hub id.
        address: Host and port to listen on.
        gpu_share: As in `generator_command`.
        step_tag_id: Id of the token that closes a step, always from the model's own tokenizer: with a wrong id, vLLM
            returns no scores at all, and no error. None serves a model whose scores are the log-probabilities of its
            prompt, which a generator's server returns.
        extra_args: Further arguments of vLLM.
    """
    command = _server_command(model, address, gpu_share)
    if step_tag_id is not None:
        pooler = {"tok_pooling_type": "STEP", "step_tag_id": step_tag_id}
        command += ["--runner", "pooling", "--pooler-config", json.dumps(pooler)]
    return [*command, *extra_args]


def _server_command(model: str, address: Address, gpu_share: float | None) -> list[str]:
    device_options = _to_options(ON_CPU) if gpu_share is None else ["--gpu-memory-utilization", f"{gpu_share:.3f}"]
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", model),
        *("--host", address.host, "--port", str(address.port)),
        "--enable-prefix-caching",
        *device_options,
    ]


def _to_options(arguments: Mapping[str, Any]) -> list[str]:
    """Return engine arguments as command-line options of the server."""
    options: list[str] = []
    for name, value in arguments.items():
        name = name.replace("_", "-")
        options += [f"--{'' if value else 'no-'}{name}"] if isinstance(value, bool) else [f"--{name}", str(value)]
    return options
