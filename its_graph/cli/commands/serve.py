"""`serve_command`: a generator and a reward model side by side on this machine, watched until Ctrl-C."""

import signal
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

_WATCH_S = 2.0


def serve_command(
    generator: Annotated[str, typer.Option(help="Folder or hub id of the generator.")],
    prm: Annotated[str | None, typer.Option(help="Folder or hub id of a reward model.")] = None,
    gpu_split: Annotated[
        float, typer.Option(help="The generator's part of the GPU memory; the rest is the reward model's.")
    ] = 0.6,
    cpu: Annotated[bool, typer.Option("--cpu", help="Serve on the CPU: for laptops and tests.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine only if you say so.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Of the generator; the reward model takes the next one.")] = 8000,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Longest context, in tokens.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="ITS_GRAPH_API_KEY", help="Key that both servers ask for.")
    ] = None,
    logs: Annotated[Path, typer.Option(help="Folder of the servers' logs.")] = Path("its-graph-serve"),
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until a server must answer.")] = 900.0,
) -> None:
    """Serve a generator, and a reward model beside it, with vLLM; Ctrl-C ends both.

    Example: its-graph serve --generator Qwen/Qwen2.5-1.5B-Instruct --prm Qwen/Qwen2.5-Math-PRM-7B --gpu-split 0.3
    """
    if find_spec("vllm") is None:
        raise MissingExtraError("vllm", "vllm")
    first, second = split_gpu_memory(gpu_split, with_reward_model=prm is not None)
    parts = [ModelShare("generator", generator, first), *([ModelShare("reward model", prm, second)] if prm else [])]
    if not cpu:
        check_models_fit(parts, gpu_bytes())
    more = ["--max-model-len", str(max_model_len)] if max_model_len else []
    environment = {**(CPU_ENVIRONMENT if cpu else {}), **({"VLLM_API_KEY": api_key} if api_key else {})}
    addresses = [Address(host, port), Address(host, port + 1)]
    commands = [generator_command(generator, addresses[0], gpu_share=None if cpu else first, extra_args=more)]
    if prm:
        tag = _step_tag(prm)
        commands.append(
            reward_command(prm, addresses[1], gpu_share=None if cpu else second, step_tag_id=tag, extra_args=more)
        )
    servers = [
        ServerProcess(
            part.name,
            command,
            health=f"{address.url}/health",
            log=logs / f"{part.name.replace(' ', '-')}.log",
            environment=environment,
        )
        for part, command, address in zip(parts, commands, addresses, strict=False)
    ]
    _run(servers, timeout, _hint(parts, addresses, with_key=api_key is not None))


def _run(servers: list[ServerProcess], timeout: float, hint: str) -> None:
    """Start the servers one after the other (each must see what the others left of the memory) and watch them."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill must not leave the servers behind
    with ExitStack() as running:
        running.callback(signal.signal, signal.SIGTERM, before)
        try:
            for server in servers:
                typer.echo(f"starting the {server.name}, log: {server.log}")
                running.enter_context(server).wait_healthy(timeout)
            typer.echo(hint)
            while True:
                for server in servers:
                    server.check()
                sleep(_WATCH_S)
        except KeyboardInterrupt:
            typer.echo("stopping")
        except ServerError:
            typer.echo("stopping: a server died")
            raise


def _step_tag(prm: str) -> int | None:
    """Return the id of the token that closes a step for the families that vLLM pools by it, else None."""
    from its_graph.prm.families.checkpoints import load_chat_tokenizer, local_folder
    from its_graph.prm.families.qwen import STEP_MARK
    from its_graph.prm.families.registry import family_of

    folder = local_folder(prm)
    if family_of(folder) != "qwen":
        return None
    ids: list[int] = load_chat_tokenizer(folder).encode(STEP_MARK, add_special_tokens=False)
    return ids[0]


def _hint(parts: list[ModelShare], addresses: list[Address], *, with_key: bool) -> str:
    """Return the URLs, and the lines of Python and of the shell that use them."""
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
        "Ctrl-C ends both." if len(parts) > 1 else "Ctrl-C ends it.",
    ]
    return "\n".join(lines)
