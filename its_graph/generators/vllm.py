"""Generate with a vLLM engine in this process: no server, no port, the same batches.

All callers share the engine, which batches their requests token by token. Each sample is a separate engine request,
because each has its own seed; their common prompt comes from the engine's prefix cache after the first.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from its_graph.batching.runnables import FutureRunnable
from its_graph.confidence import Groups
from its_graph.contracts import Generator, Sample, SampleRequest, Signal
from its_graph.errors import MissingExtraError
from its_graph.generators.chat_tokens import ChatTokens
from its_graph.generators.context_limits import check_confidence_floor, room_for_reply
from its_graph.seeds import derive_seed
from its_graph.serving.engine import Engine
from its_graph.token_stream import token_callback

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "vllm") from error

__all__ = ["VLLMGenerator"]


class VLLMGenerator(FutureRunnable[SampleRequest, list[Sample]], Generator):
    """A language model in a vLLM engine of this process, as a generator.

    All signals are those of the model itself, before temperature and top_p. The same seed gives the same text up to
    rounding, which depends on the rest of the batch. In a script, create it under `if __name__ == "__main__":`, because
    vLLM starts its own process.

    Args:
        engine: The engine that runs the model.
        tokenizer: The model's tokenizer.
        parameters: Number of model parameters, for FLOPs; 0 if unknown.
        step_separator: The string that ends a step in this model's style of writing.

    Example:
        >>> from its_graph import create
        >>> with VLLMGenerator.from_pretrained("Qwen/Qwen2.5-1.5B-Instruct") as generator:  # doctest: +SKIP
        ...     create("self_consistency", generator, n=16).compile().invoke({"problem": "What is 12 * 13?"})["answer"]
        '156'
    """

    signals: frozenset[Signal] = frozenset({"logprobs", "token_confidences", "alternatives"})

    def __init__(self, engine: Engine, tokenizer: Any, *, parameters: int = 0, step_separator: str = "\n\n") -> None:
        self.engine = engine
        self.parameters = parameters
        self.step_separator = step_separator
        self.max_tokens = min(engine.sampling_defaults.get("max_tokens") or self.max_tokens, engine.context_length)
        self._tokens = ChatTokens(tokenizer)

    @classmethod
    def from_pretrained(cls, folder_or_id: str, *, step_separator: str = "\n\n", **arguments: Any) -> Self:
        """Start an engine, which takes from ten seconds to minutes.

        Args:
            folder_or_id: A folder written by `save_pretrained`, or a model id of the hub.
            step_separator: The string that ends a step in this model's style of writing.
            arguments: Arguments of vLLM's `AsyncEngineArgs`: `gpu_memory_utilization` (share of the GPU's memory),
                `max_model_len`, `dtype`, `tensor_parallel_size`, ...

        Raises:
            ConfigurationError: vLLM rejects the model or the arguments.
        """
        engine = Engine(str(folder_or_id), **arguments)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder_or_id, trust_remote_code=False)
            return cls(engine, tokenizer, parameters=_parameters(engine.config), step_separator=step_separator)
        except BaseException:
            engine.close()
            raise

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the exact number of prompt tokens of one sample."""
        return len(self._tokens.prompt(request))

    def futures(self, inputs: Sequence[SampleRequest]) -> list[Future[list[Sample]]]:
        """Start the requests."""
        return [self.engine.submit(self._generate(request)) for request in inputs]

    def close(self) -> None:
        """Shut the engine down."""
        self.engine.close()

    def __enter__(self) -> Self:
        """Return the generator itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the generator."""
        self.close()

    async def _generate(self, request: SampleRequest) -> list[Sample]:
        prompt = self._tokens.prompt(request)
        room = room_for_reply(len(prompt), self.engine.context_length, "start the engine with a larger max_model_len")
        check_confidence_floor(request)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        # Hashed, never seed + index: adjacent seeds would share samples.
        seeds = [derive_seed(seed, f"sample {index}") for index in range(request.n)]
        watchers = [_Watcher(request, token_callback(request) if index == 0 else None) for index in range(request.n)]
        samples = [
            asyncio.ensure_future(self._sample(request, prompt, room, seed, watcher))
            for seed, watcher in zip(seeds, watchers, strict=True)
        ]
        try:
            return await asyncio.gather(*samples)
        finally:
            for sample in samples:
                sample.cancel()

    async def _sample(
        self, request: SampleRequest, prompt: tuple[int, ...], room: int, seed: int, watcher: "_Watcher"
    ) -> Sample:
        output = await self.engine.generate(
            list(prompt),
            watcher.should_stop if watcher.is_needed else None,
            max_tokens=min(request.max_tokens, room),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=seed % 2**63,
            stop=[string for string in request.stop if string],
            include_stop_str_in_output=True,
            logprobs=_requested_logprobs(request),
        )
        [completion] = output.outputs
        length = watcher.cut_at or len(completion.token_ids)
        is_cut = length < len(completion.token_ids)
        # For each token, the log-probabilities of the sampled token and of the most likely ones.
        logprobs = completion.logprobs[:length] if completion.logprobs else []
        own = tuple(by_token[token].logprob for by_token, token in zip(logprobs, completion.token_ids, strict=False))
        k = request.top_logprobs
        return Sample(
            text=self._tokens.continuation(prompt, list(completion.token_ids[:length])) if is_cut else completion.text,
            finish_reason="length" if is_cut else _finish_reason(completion),
            prompt_tokens=len(prompt),
            cached_tokens=min(output.num_cached_tokens or 0, len(prompt)),
            generated_tokens=len(completion.token_ids),
            confidence=sum(own) / len(own) if own else None,
            logprobs=own if request.logprobs else None,
            token_confidences=tuple(_confidence(by_token, k) for by_token in logprobs) if k else None,
            alternatives=tuple(map(_alternatives, logprobs, completion.token_ids)) if request.alternatives else None,
        )


class _Watcher:
    """Follows a sample while it is generated: its deadline, its confidence floor, its token stream."""

    def __init__(self, request: SampleRequest, on_token: Callable[[str], None] | None) -> None:
        self.is_needed = not (request.timeout_s is None and request.confidence_floor is None and on_token is None)
        self.cut_at: int | None = None
        """Number of tokens at which the confidence fell below the floor."""
        self._deadline = float("inf") if request.timeout_s is None else time.monotonic() + request.timeout_s
        self._floor, self._k = request.confidence_floor, request.top_logprobs
        self._groups = Groups(self._floor.window) if self._floor else None
        self._scored_tokens = self._streamed_characters = 0
        self._on_token = on_token

    def should_stop(self, output: Any) -> bool:
        """Process the new part of a growing output; return whether its generation must end."""
        completion = output.outputs[0]
        if self._on_token is not None:
            self._on_token(completion.text[self._streamed_characters :])
            self._streamed_characters = len(completion.text)
        return time.monotonic() >= self._deadline or self._falls_below_floor(completion)

    def _falls_below_floor(self, completion: Any) -> bool:
        if self._groups is None or self._floor is None:
            return False
        for by_token in completion.logprobs[self._scored_tokens :]:
            self._scored_tokens += 1
            group = self._groups.add(_confidence(by_token, self._k))
            if group is not None and group < self._floor.threshold:
                self.cut_at = self._scored_tokens
                return True
        return False


def _requested_logprobs(request: SampleRequest) -> int | None:
    k = max(request.top_logprobs, request.alternatives)
    return k if k or request.logprobs else None


def _finish_reason(completion: Any) -> Any:
    if completion.finish_reason == "stop":
        return "stop_string" if isinstance(completion.stop_reason, str) else "end"
    return "length"


def _confidence(by_token: Any, k: int) -> float:
    top = [entry.logprob for entry in by_token.values() if entry.rank is not None and entry.rank <= k]
    return -sum(top) / len(top) if top else 0.0


def _alternatives(by_token: Any, token: int) -> tuple[tuple[str, float], ...]:
    others = sorted((entry.rank or 0, entry) for id_, entry in by_token.items() if id_ != token)
    entries = (by_token[token], *(entry for _, entry in others))
    return tuple((entry.decoded_token or "", entry.logprob) for entry in entries)


def _parameters(config: Any) -> int:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())
