"""Generate with a vLLM engine in this process: no server, no port, the same batches.

All callers share the engine, which merges their requests token by token. Each sample is a request of its own, as each
has its own seed; their common prompt is read once, from the engine's prefix cache.
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
    """A language model in a vLLM engine of one's own, as a generator.

    All signals are those of the model itself, before temperature and top_p. The same seed gives the same text up to
    rounding, which depends on what else is in a batch. In a script, start it under `if __name__ == "__main__":`, as
    vLLM starts a process of its own.

    Args:
        engine: of the model.
        tokenizer: its tokenizer.
        parameters: of the model, for FLOPs.
        step_separator: what ends a step in this model's style of writing.

    Example:
        >>> with VLLMGenerator.from_pretrained("Qwen/Qwen2.5-1.5B-Instruct", gpu_memory_utilization=0.6) as generator:
        ...     create_self_consistency(generator, n=16).compile().invoke({"problem": "What is 12 * 13?"})
    """

    signals: frozenset[Signal] = frozenset({"logprobs", "token_confidences", "alternatives"})

    def __init__(self, engine: Engine, tokenizer: Any, *, parameters: int = 0, step_separator: str = "\n\n") -> None:
        self.engine = engine
        self.parameters = parameters
        self.step_separator = step_separator
        self.max_tokens = min(engine.defaults.get("max_tokens") or self.max_tokens, engine.context)
        self._tokens = ChatTokens(tokenizer)

    @classmethod
    def from_pretrained(cls, folder_or_id: str, *, step_separator: str = "\n\n", **arguments: Any) -> Self:
        """Start an engine; that takes from ten seconds to minutes.

        Args:
            folder_or_id: a folder of `save_pretrained`, or a model id.
            step_separator: what ends a step in this model's style of writing.
            arguments: of vLLM's `AsyncEngineArgs`: `gpu_memory_utilization` (its share of the GPU), `max_model_len`,
                `dtype`, `tensor_parallel_size`, ...

        Raises:
            ConfigurationError: vLLM refuses model or arguments.
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
        return [self.engine.submit(self._answer(request)) for request in inputs]

    def close(self) -> None:
        """End the engine."""
        self.engine.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    async def _answer(self, request: SampleRequest) -> list[Sample]:
        prompt = self._tokens.prompt(request)
        room = room_for_reply(len(prompt), self.engine.context, "start the engine with a larger max_model_len")
        check_confidence_floor(request)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        # Hashed, never seed + i: neighbouring seeds would share streams.
        seeds = [derive_seed(seed, f"sample {index}") for index in range(request.n)]
        watches = [_Watch(request, token_callback(request) if index == 0 else None) for index in range(request.n)]
        samples = [
            asyncio.ensure_future(self._sample(request, prompt, room, seed, watch))
            for seed, watch in zip(seeds, watches, strict=True)
        ]
        try:
            return await asyncio.gather(*samples)
        finally:
            for sample in samples:
                sample.cancel()

    async def _sample(
        self, request: SampleRequest, prompt: tuple[int, ...], room: int, seed: int, watch: "_Watch"
    ) -> Sample:
        output = await self.engine.generate(
            list(prompt),
            watch.ends if watch.is_needed else None,
            max_tokens=min(request.max_tokens, room),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=seed % 2**63,
            stop=[string for string in request.stop if string],
            include_stop_str_in_output=True,
            logprobs=_wanted(request),
        )
        [said] = output.outputs
        kept = watch.lost_at or len(said.token_ids)
        cut = kept < len(said.token_ids)
        places = said.logprobs[:kept] if said.logprobs else []
        own = tuple(place[token].logprob for place, token in zip(places, said.token_ids, strict=False))
        k, shown = request.top_logprobs, request.alternatives
        return Sample(
            text=self._tokens.continuation(prompt, list(said.token_ids[:kept])) if cut else said.text,
            finish_reason=_reason(said) if not cut else "length",
            prompt_tokens=len(prompt),
            cached_tokens=min(output.num_cached_tokens or 0, len(prompt)),
            generated_tokens=len(said.token_ids),
            confidence=sum(own) / len(own) if own else None,
            logprobs=own if request.logprobs else None,
            token_confidences=tuple(_confidence(place, k) for place in places) if k else None,
            alternatives=tuple(map(_alternatives, places, said.token_ids)) if shown else None,
        )


class _Watch:
    """Reads a text while it is written: its time, its confidence, and who wants to see it."""

    def __init__(self, request: SampleRequest, tell: Callable[[str], None] | None) -> None:
        self.is_needed = not (request.timeout_s is None and request.confidence_floor is None and tell is None)
        self.lost_at: int | None = None
        """Tokens after which the text is not to be trusted."""
        self._deadline = float("inf") if request.timeout_s is None else time.monotonic() + request.timeout_s
        self._floor, self._k = request.confidence_floor, request.top_logprobs
        self._groups = Groups(self._floor.window) if self._floor else None
        self._weighed = self._told = 0
        self._tell = tell

    def ends(self, output: Any) -> bool:
        """Read what is new in an output that grows, and say whether it shall go on no longer."""
        said = output.outputs[0]
        if self._tell is not None:
            self._tell(said.text[self._told :])
            self._told = len(said.text)
        return time.monotonic() >= self._deadline or self._is_lost(said)

    def _is_lost(self, said: Any) -> bool:
        if self._groups is None or self._floor is None:
            return False
        for place in said.logprobs[self._weighed :]:
            self._weighed += 1
            group = self._groups.add(_confidence(place, self._k))
            if group is not None and group < self._floor.threshold:
                self.lost_at = self._weighed
                return True
        return False


def _wanted(request: SampleRequest) -> int | None:
    k = max(request.top_logprobs, request.alternatives)
    return k if k or request.logprobs else None


def _reason(said: Any) -> Any:
    if said.finish_reason == "stop":
        return "stop_string" if isinstance(said.stop_reason, str) else "end"
    return "length"


def _confidence(place: Any, k: int) -> float:
    top = [one.logprob for one in place.values() if one.rank is not None and one.rank <= k]
    return -sum(top) / len(top) if top else 0.0


def _alternatives(place: Any, token: int) -> tuple[tuple[str, float], ...]:
    others = sorted((one.rank or 0, one) for id_, one in place.items() if id_ != token)
    return tuple((one.decoded_token or "", one.logprob) for one in (place[token], *(one for _, one in others)))


def _parameters(config: Any) -> int:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())
