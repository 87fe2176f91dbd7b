"""A vLLM engine under this process, driven from an event loop of its own, for callers of any thread and loop.

The engine itself runs in a process that vLLM starts; what happens here is asking and waiting.
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
        model: folder or hub id; safetensors only, no code from the checkpoint.
        arguments: of vLLM's `AsyncEngineArgs`, such as `gpu_memory_utilization`, `max_model_len`, `dtype`; on the CPU
            those of `its_graph.serving.commands.ON_CPU` hold unless given.

    Raises:
        ConfigurationError: vLLM refuses model or arguments; what it says is the reason.
    """

    def __init__(self, model: str, **arguments: Any) -> None:
        self.model = model
        self._loop = LoopThread("vLLM engine")
        self._names = count()
        try:
            self._engine: AsyncLLM = self._loop.submit(_started(model, arguments)).result()
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            self._loop.close()
            raise ConfigurationError(f"vLLM cannot start {model}: {error}") from error

    @property
    def config(self) -> Any:
        """The model's `config.json`, as transformers has it."""
        return self._engine.model_config.hf_config

    @property
    def context(self) -> int:
        """Longest prompt and reply together, in tokens."""
        longest: int = self._engine.model_config.max_model_len
        return longest

    @property
    def defaults(self) -> dict[str, Any]:
        """What the checkpoint's generation config says."""
        said: dict[str, Any] = self._engine.model_config.get_diff_sampling_param()
        return said

    @property
    def unfinished(self) -> int:
        """Requests under way."""
        found: int = self._engine.output_processor.get_num_unfinished_requests()
        return found

    def submit(self, coroutine: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Run a coroutine in the engine's loop; cancelling the future ends its requests in the engine as well."""
        return self._loop.submit(coroutine)

    async def generate(self, prompt: list[int], until: Callable[[Any], bool] | None = None, **sampling: Any) -> Any:
        """Return the last output of one request, in the engine's loop.

        Args:
            prompt: token ids.
            until: asked after each token or few, ends the request when true; without it only the end is told.
            sampling: of vLLM's `SamplingParams`.

        Raises:
            ConnectionError: the engine's process has died.
        """
        # More than one sample a request would need FINAL_ONLY: cumulative outputs of several can lack some of them.
        kind = RequestOutputKind.FINAL_ONLY if until is None else RequestOutputKind.CUMULATIVE
        params = SamplingParams(**sampling, n=1, output_kind=kind)
        outputs = self._engine.generate(TokensPrompt(prompt_token_ids=prompt), params, self._name())
        return await self._last(outputs, until)

    async def pool(self, prompt: list[int], **pooling: Any) -> Any:
        """Return the output of one pooling request, in the engine's loop; ConnectionError as above."""
        outputs = self._engine.encode(TokensPrompt(prompt_token_ids=prompt), PoolingParams(**pooling), self._name())
        return await self._last(outputs, None)

    def close(self) -> None:
        """End the engine; requests under way are cancelled. Closing twice is harmless."""
        self._loop.close()
        self._engine.shutdown()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _name(self) -> str:
        return f"its-graph-{next(self._names)}"

    async def _last(self, outputs: AsyncIterator[Any], until: Callable[[Any], bool] | None) -> Any:
        last = None
        try:
            # Leaving the loop early aborts the request in the engine.
            async with aclosing(outputs) as stream:  # type: ignore[type-var]
                async for last in stream:
                    if until is not None and until(last):
                        break
        except EngineDeadError as error:
            raise ConnectionError(f"The vLLM engine of {self.model} has died ({error}); start it again.") from error
        return last


async def _started(model: str, arguments: dict[str, Any]) -> AsyncLLM:
    await asyncio.sleep(0)
    ours = {"load_format": "safetensors", "trust_remote_code": False, "enable_prefix_caching": True}
    where = ON_CPU if current_platform.is_cpu() else {}
    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(model=model, disable_log_stats=True, **{**ours, **where, **arguments})
    )
