"""A vLLM engine that callers in any thread and event loop share, driven from its own event loop.

The engine itself runs in a process that vLLM starts; this process only sends requests and waits for them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import aclosing
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

from its_graph.batching.loop import LoopThread
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.serving.commands import ON_CPU

try:
    from vllm import PoolingParams, SamplingParams
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.inputs import TokensPrompt
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.engine.exceptions import EngineDeadError
except ImportError as error:
    raise MissingExtraError(error.name or "vllm", "vllm") from error

__all__ = ["Engine"]

_Result = TypeVar("_Result")


class Engine:
    """An `AsyncLLM` with a prefix cache.

    Args:
        model: Folder or hub id; safetensors only, no code from the checkpoint.
        arguments: Arguments of vLLM's `AsyncEngineArgs`, such as `gpu_memory_utilization`, `max_model_len`, `dtype`.
            On the CPU, those of `its_graph.serving.commands.ON_CPU` are the defaults.

    Raises:
        ConfigurationError: vLLM rejects the model or the arguments; the message quotes its reason.
    """

    def __init__(self, model: str, **arguments: Any) -> None:
        self.model = model
        self._loop = LoopThread("vLLM engine")
        self._request_numbers = count()
        try:
            self._engine: AsyncLLM = self._loop.submit(_start_engine(model, arguments)).result()
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            self._loop.close()
            raise ConfigurationError(
                f"vLLM cannot start {model}: {error}. Check the model and the engine arguments."
            ) from error

    @property
    def config(self) -> Any:
        """The model's `config.json`, as a transformers config."""
        return self._engine.model_config.hf_config

    @property
    def context_length(self) -> int:
        """Maximum number of tokens of prompt and reply together."""
        tokens: int = self._engine.model_config.max_model_len
        return tokens

    @property
    def sampling_defaults(self) -> dict[str, Any]:
        """Sampling parameters of the checkpoint's generation config."""
        defaults: dict[str, Any] = self._engine.model_config.get_diff_sampling_param()
        return defaults

    @property
    def in_flight(self) -> int:
        """Number of unfinished requests."""
        requests: int = self._engine.output_processor.get_num_unfinished_requests()
        return requests

    def submit(self, coroutine: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Run a coroutine in the engine's loop; cancelling the future also aborts its requests in the engine."""
        return self._loop.submit(coroutine)

    async def generate(
        self, prompt: list[int], should_stop: Callable[[Any], bool] | None = None, **sampling: Any
    ) -> Any:
        """Return the last output of one request. Call it in the engine's loop.

        Args:
            prompt: Token ids.
            should_stop: Called with the output so far after every one or few tokens; True ends the request. Without it,
                only the final output is transferred.
            sampling: Arguments of vLLM's `SamplingParams`.

        Raises:
            ConnectionError: The engine's process has died.
        """
        # Always n=1: with several samples, a cumulative output can lack some of them.
        kind = RequestOutputKind.FINAL_ONLY if should_stop is None else RequestOutputKind.CUMULATIVE
        params = SamplingParams(**sampling, n=1, output_kind=kind)
        outputs = self._engine.generate(TokensPrompt(prompt_token_ids=prompt), params, self._request_id())
        return await self._last_output(outputs, should_stop)

    async def pool(self, prompt: list[int], **pooling: Any) -> Any:
        """Return the output of one pooling request. Call it in the engine's loop; raises as `generate` does."""
        outputs = self._engine.encode(
            TokensPrompt(prompt_token_ids=prompt), PoolingParams(**pooling), self._request_id()
        )
        return await self._last_output(outputs, None)

    def close(self) -> None:
        """Shut the engine down; requests in flight are cancelled. May be called more than once."""
        self._loop.close()
        self._engine.shutdown()

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the engine."""
        self.close()

    def _request_id(self) -> str:
        return f"its-graph-{next(self._request_numbers)}"

    async def _last_output(self, outputs: AsyncIterator[Any], should_stop: Callable[[Any], bool] | None) -> Any:
        output = None
        try:
            # Leaving the loop early aborts the request in the engine.
            async with aclosing(outputs) as stream:  # type: ignore[type-var]
                async for output in stream:
                    if should_stop is not None and should_stop(output):
                        break
        except EngineDeadError as error:
            raise ConnectionError(f"The vLLM engine of {self.model} died ({error}). Start a new one.") from error
        return output


async def _start_engine(model: str, arguments: dict[str, Any]) -> AsyncLLM:
    await asyncio.sleep(0)
    defaults = {"load_format": "safetensors", "trust_remote_code": False, "enable_prefix_caching": True}
    device_defaults = ON_CPU if current_platform.is_cpu() else {}
    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(model=model, disable_log_stats=True, **{**defaults, **device_defaults, **arguments})
    )
