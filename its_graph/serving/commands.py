"""How vLLM is started as a generator and as a reward model, on a GPU that both share or on the CPU.

The server is started as a module: the command `vllm` fails with builds whose distribution has another name.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["CPU_ENVIRONMENT", "ON_CPU", "Address", "generator_command", "reward_command"]

CPU_ENVIRONMENT: Mapping[str, str] = {
    # Two engines that bind themselves would both take core 0.
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
    # vLLM 0.32 dies when the prompt of a request with a seed is read in two parts: a CPU's random generator cannot go
    # back by the number that is thrown away.
    "enable_chunked_prefill": False,
}
"""Arguments of an engine on the CPU, as `AsyncEngineArgs` names them."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the URL of the server."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        return f"http://{host}:{self.port}"


def generator_command(model: str, address: Address, *, gpu_share: float | None, more: Sequence[str] = ()) -> list[str]:
    """Return the command of a generator's server.

    Args:
        model: folder or hub id.
        address: where it listens.
        gpu_share: its share of the GPU's memory, in (0, 1); None runs on the CPU.
        more: further arguments of vLLM.
    """
    # Prompt details carry the count of cached tokens, without which a ledger cannot be exact.
    return [*_server(model, address, gpu_share), "--enable-prompt-tokens-details", *more]


def reward_command(
    model: str, address: Address, *, gpu_share: float | None, step_tag_id: int | None, more: Sequence[str] = ()
) -> list[str]:
    """Return the command of a reward model's server.

    Args:
        model: folder or hub id.
        address: where it listens.
        gpu_share: as in `generator_command`.
        step_tag_id: id of the token that closes a step, always from the model's own tokenizer: with a wrong one vLLM
            returns no scores at all, and no error. None serves a model that is read by the log-probabilities of its
            prompt, which a generator's server gives.
        more: further arguments of vLLM.
    """
    command = _server(model, address, gpu_share)
    if step_tag_id is not None:
        pooler = {"tok_pooling_type": "STEP", "step_tag_id": step_tag_id}
        command += ["--runner", "pooling", "--pooler-config", json.dumps(pooler)]
    return [*command, *more]


def _server(model: str, address: Address, gpu_share: float | None) -> list[str]:
    where = _options(ON_CPU) if gpu_share is None else ["--gpu-memory-utilization", f"{gpu_share:.3f}"]
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", model),
        *("--host", address.host, "--port", str(address.port)),
        "--enable-prefix-caching",
        *where,
    ]


def _options(arguments: Mapping[str, Any]) -> list[str]:
    """Write arguments of an engine as options of the server's command."""
    options: list[str] = []
    for name, value in arguments.items():
        name = name.replace("_", "-")
        options += [f"--{'' if value else 'no-'}{name}"] if isinstance(value, bool) else [f"--{name}", str(value)]
    return options
