"""`its-graph serve`: a generator and a reward model on this machine, supervised until Ctrl-C."""

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from its_graph.errors import MissingExtraError
from its_graph.serving.commands import CPU_ENVIRONMENT, Address, generator_command, reward_command
from its_graph.serving.memory import ModelShare, check_models_fit, gpu_bytes, split_gpu_memory
from its_graph.serving.process import ServerError, ServerProcess

__all__ = ["serve_command"]

_POLL_S = 2.0


def serve_command(
    model: Annotated[str, typer.Option(help="Folder or hub id of the generator.")],
    prm: Annotated[str | None, typer.Option(help="Folder or hub id of a reward model.")] = None,
    gpu_split: Annotated[
        float, typer.Option(help="Generator's share of the GPU memory; the reward model gets the rest.")
    ] = 0.6,
    cpu: Annotated[bool, typer.Option("--cpu", help="Serve on the CPU, for laptops and tests.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on. The default is not reachable from elsewhere.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port of the generator; the reward model gets the next one.")] = 8000,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Maximum context length, in tokens.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="ITS_GRAPH_API_KEY", help="API key that both servers require.")
    ] = None,
    log_dir: Annotated[Path, typer.Option(help="Folder for the logs of the servers.")] = Path("its-graph-serve"),
    startup_timeout: Annotated[float, typer.Option(min=1, help="Seconds until a server must be healthy.")] = 900.0,
) -> None:
    """Serve a generator, and optionally a reward model, with vLLM. Ctrl-C stops them.

    Example: its-graph serve --model Qwen/Qwen2.5-1.5B-Instruct --prm Qwen/Qwen2.5-Math-PRM-7B --gpu-split 0.3
    """
    if find_spec("vllm") is None:
        raise MissingExtraError("vllm", "vllm")
    generator_share, prm_share = split_gpu_memory(gpu_split, with_reward_model=prm is not None)
    parts = [ModelShare("generator", model, generator_share)]
    if prm:
        parts.append(ModelShare("reward model", prm, prm_share))
    if not cpu:
        check_models_fit(parts, gpu_bytes())
    addresses = [Address(host, port), Address(host, port + 1)]
    environment = {**(CPU_ENVIRONMENT if cpu else {}), **({"VLLM_API_KEY": api_key} if api_key else {})}
    servers = [
        ServerProcess(
            part.name,
            command,
            health=f"{address.url}/health",
            log=log_dir / f"{part.name.replace(' ', '-')}.log",
            environment=environment,
        )
        for part, command, address in zip(
            parts, _commands(parts, addresses, cpu=cpu, max_model_len=max_model_len), addresses, strict=False
        )
    ]
    _supervise(servers, startup_timeout, _usage_hint(parts, addresses, with_key=api_key is not None))


def _commands(
    parts: Sequence[ModelShare], addresses: Sequence[Address], *, cpu: bool, max_model_len: int | None
) -> list[list[str]]:
    """Return the command of each server."""
    extra_args = ["--max-model-len", str(max_model_len)] if max_model_len else []
    shares = [None if cpu else part.share for part in parts]
    commands = [generator_command(parts[0].model, addresses[0], gpu_share=shares[0], extra_args=extra_args)]
    for part, share, address in zip(parts[1:], shares[1:], addresses[1:], strict=False):
        tag = _step_tag(part.model)
        commands.append(reward_command(part.model, address, gpu_share=share, step_tag_id=tag, extra_args=extra_args))
    return commands


def _step_tag(prm: str) -> int | None:
    """Return the id of the token that closes a step, for families that vLLM pools at it; otherwise None."""
    from its_graph.prm.families.checkpoints import load_chat_tokenizer, local_folder
    from its_graph.prm.families.qwen import STEP_MARK
    from its_graph.prm.families.registry import family_of

    folder = local_folder(prm)
    if family_of(folder) != "qwen":
        return None
    ids: list[int] = load_chat_tokenizer(folder).encode(STEP_MARK, add_special_tokens=False)
    return ids[0]


def _supervise(servers: Sequence[ServerProcess], startup_timeout: float, hint: str) -> None:
    """Start the servers one after the other (each measures the memory that the others left), and poll them."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill must not leave the servers running
    with ExitStack() as running:
        running.callback(signal.signal, signal.SIGTERM, previous)
        try:
            for server in servers:
                typer.echo(f"starting the {server.name} (log: {server.log})")
                running.enter_context(server).wait_healthy(startup_timeout)
            typer.echo(hint)
            while True:
                for server in servers:
                    server.check()
                sleep(_POLL_S)
        except KeyboardInterrupt:
            typer.echo("stopping")
        except ServerError:
            typer.echo("stopping: a server exited")
            raise


def _usage_hint(parts: Sequence[ModelShare], addresses: Sequence[Address], *, with_key: bool) -> str:
    """Return the URLs, and lines of Python and shell that use them."""
    key = ", api_key=..." if with_key else ""
    lines = [f"{part.name}: {address.url}/v1" for part, address in zip(parts, addresses, strict=False)]
    lines += ["", "In Python:", f'    generator = OpenAIGenerator.connect("{addresses[0].url}/v1"{key})']
    if len(parts) > 1:
        lines.append(f'    verifier = ServedPRM.connect("{addresses[1].url}", "{parts[1].model}"{key})')
    arguments = f"{'generator, verifier' if len(parts) > 1 else 'generator'}, n=16"
    strategy = "best_of_n" if len(parts) > 1 else "self_consistency"
    lines.append(f"    graph = create_{strategy}({arguments}).compile()")
    prm = f" --prm-url {addresses[1].url} --prm {parts[1].model}" if len(parts) > 1 else ""
    lines += [
        "In a shell:",
        *(["    export ITS_GRAPH_SERVER_KEY=..."] if with_key else []),
        f'    its-graph solve "..." --strategy {strategy} --base-url {addresses[0].url}/v1{prm}',
        "",
        f"Press Ctrl-C to stop {'both servers' if len(parts) > 1 else 'the server'}.",
    ]
    return "\n".join(lines)
