"""Generate with a Hugging Face transformers model in this process.

Requests that wait at the same time share one batch of `model.generate`, however they were made: one request with n
samples, `batch`, threads, or tasks of one event loop. Each row keeps its own seed, temperature, nucleus, stop strings
and limits, so a text does not depend on the rest of its batch.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from its_graph.batching.batcher import MicroBatcher
from its_graph.batching.runnables import FutureRunnable
from its_graph.contracts import Generator, Sample, SampleRequest, Signal
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.generators.chat_tokens import ChatTokens
from its_graph.generators.context_limits import check_confidence_floor, room_for_reply
from its_graph.generators.sampling import BatchRow, GumbelSampler, RowOptions, RowStoppingCriteria
from its_graph.seeds import derive_seed
from its_graph.token_stream import token_callback

try:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
except ImportError as error:
    raise MissingExtraError("transformers", "local") from error

__all__ = ["TransformersGenerator"]


class TransformersGenerator(FutureRunnable[SampleRequest, list[Sample]], Generator):
    """A causal language model of transformers as a generator.

    Confidence, log-probabilities and all other signals are those of the model itself, before temperature and top_p.
    `timeout_s` counts from the call and is checked between tokens; a queued request is answered after the running
    batch. The same seed gives the same text in any batch up to rounding: in practice always in float32, while in
    bfloat16 two tokens of nearly equal probability may swap.

    Args:
        model: A causal language model; it is put in evaluation mode and used by one worker thread.
        tokenizer: Its tokenizer. Without a chat template the prompt is the text of the messages, one per line.
        max_batch: Maximum number of rows generated together, at least 1.
        step_separator: The string that ends a step in this model's style of writing.

    Raises:
        ConfigurationError: `max_batch` is less than 1.

    Example:
        >>> from its_graph import SampleRequest
        >>> from its_graph.embedded import WEIGHTS
        >>> request = SampleRequest(messages=({"role": "user", "content": "Compute 2 + 3."},), temperature=0)
        >>> with TransformersGenerator.from_pretrained(WEIGHTS / "generator", device="cpu") as generator:
        ...     [sample] = generator.invoke(request)
        >>> sample.text.splitlines()[0]
        'Step 1: 2 + 3 = 5'
    """

    signals: frozenset[Signal] = frozenset({"logprobs", "token_confidences", "self_certainty"})

    def __init__(self, model: Any, tokenizer: Any, *, max_batch: int = 64, step_separator: str = "\n\n") -> None:
        if max_batch < 1:
            raise ConfigurationError(f"max_batch must be at least 1; got {max_batch}.")
        self._model = model.eval()
        self._tokens = ChatTokens(tokenizer)
        self._context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._end_tokens = _end_tokens(model, tokenizer)
        self._pad_token = next((t for t in (tokenizer.pad_token_id, *self._end_tokens) if t is not None), 0)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.max_tokens = model.generation_config.max_new_tokens or self.max_tokens
        self.step_separator = step_separator
        self._batcher: MicroBatcher[RowOptions, Sample] = MicroBatcher(
            self._run, max_batch=max_batch, too_large=torch.OutOfMemoryError, name="transformers generator"
        )

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        max_batch: int = 64,
        step_separator: str = "\n\n",
    ) -> "TransformersGenerator":
        """Load model and tokenizer from a folder or the hub; safetensors only, no code from the checkpoint.

        Args:
            folder_or_id: A folder written by `save_pretrained`, or a model id of the hub.
            device: By default "cuda" if available, else "cpu".
            dtype: Type of the weights; by default float32 on a CPU (faster than bfloat16 for small models), else as
                stored.
            max_batch: Maximum number of rows generated together.
            step_separator: The string that ends a step in this model's style of writing.

        Raises:
            ConfigurationError: There is no usable checkpoint.
        """
        device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        default = torch.float32 if device.type == "cpu" else "auto"
        model, tokenizer = _load(str(folder_or_id), dtype or default)
        return cls(model.to(device), tokenizer, max_batch=max_batch, step_separator=step_separator)

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the exact number of prompt tokens of one sample."""
        return len(self._tokens.prompt(request))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each problem: the mean of the last hidden state over its prompt."""
        embeddings = []
        for text in texts:
            prompt = self._tokens.prompt(SampleRequest(messages=({"role": "user", "content": text},)))
            ids = torch.tensor([prompt], device=self._model.device)
            output = self._model(input_ids=ids, output_hidden_states=True)
            embeddings.append(output.hidden_states[-1][0].float().mean(dim=0).tolist())
        return embeddings

    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request; its future gets `request.n` samples, or the reason for the failure."""
        future: Future[list[Sample]] = Future()
        try:
            self._batcher.submit(self._rows(request, future), future)
        except Exception as error:  # noqa: BLE001 - a request fails alone, through its future
            future.set_exception(error)
        return future

    def futures(self, inputs: Sequence[SampleRequest]) -> list[Future[list[Sample]]]:
        """Start the requests, in as few batches as hold them."""
        with self._batcher.hold():
            return [self.submit(request) for request in inputs]

    def close(self) -> None:
        """End the worker thread; unfinished requests fail with RuntimeError."""
        self._batcher.close()

    def __enter__(self) -> "TransformersGenerator":
        """Return the generator itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the generator."""
        self.close()

    def _rows(self, request: SampleRequest, future: Future[list[Sample]]) -> list[RowOptions]:
        prompt = self._tokens.prompt(request)
        room = request.max_tokens
        if self._context is not None:
            room = room_for_reply(len(prompt), self._context, "use a model with a longer context")
        check_confidence_floor(request)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        stop = tuple(string for string in request.stop if string)
        completing_tokens = self._tokens.completing_tokens(stop) if stop else frozenset[int]()
        deadline = float("inf") if request.timeout_s is None else time.monotonic() + request.timeout_s
        return [
            RowOptions(
                prompt=prompt,
                max_tokens=min(request.max_tokens, room),
                temperature=request.temperature,
                top_p=request.top_p,
                # Hashed, never seed + index: adjacent seeds would share samples.
                seed=derive_seed(seed, f"sample {index}"),
                end_tokens=self._end_tokens,
                logprobs=request.logprobs,
                top_logprobs=request.top_logprobs,
                self_certainty=request.self_certainty,
                confidence_floor=request.confidence_floor,
                stop=stop,
                completing_tokens=completing_tokens,
                decode=partial(self._tokens.continuation, prompt),
                deadline=deadline,
                on_token=token_callback(request) if index == 0 else None,
                is_abandoned=lambda: future.cancelled() or self._batcher.closed,
            )
            for index in range(request.n)
        ]

    def _run(self, batch: list[RowOptions], done: Callable[[int, Sample], None]) -> None:
        """Generate one batch; each row is delivered when it ends, while the others continue."""
        rows = [BatchRow(options) for options in batch]
        running = [index for index, row in enumerate(rows) if row.finish_reason is None]
        for index in set(range(len(rows))) - set(running):
            done(index, _sample(rows[index]))
        if running:
            self._generate(
                [rows[index] for index in running],
                lambda position: done(running[position], _sample(rows[running[position]])),
            )

    @torch.inference_mode()
    def _generate(self, rows: list[BatchRow], on_end: Callable[[int], None]) -> None:
        device = self._model.device
        ids, mask = _left_padded([row.options.prompt for row in rows], self._pad_token)
        sampler = GumbelSampler(rows, device)

        def finish(index: int) -> None:
            sampler.finalize(index)
            on_end(index)

        self._model.generate(
            ids.to(device),
            attention_mask=mask.to(device),
            generation_config=self._config(max(row.options.max_tokens for row in rows)),
            logits_processor=[sampler],
            stopping_criteria=[RowStoppingCriteria(rows, finish)],
        )

    def _config(self, max_new_tokens: int) -> GenerationConfig:
        # Options left at None are filled from the checkpoint's defaults (a repetition penalty, for example), but a
        # search needs the model's own distribution.
        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            temperature=1.0,
            top_k=50,
            top_p=1.0,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            min_length=0,
            eos_token_id=sorted(self._end_tokens) or None,
            pad_token_id=self._pad_token,
        )


def _sample(row: BatchRow) -> Sample:
    text = row.options.decode(row.tokens)
    if row.finish_reason == "stop_string":
        text = text[: min(start + len(stop) for stop in row.options.stop if (start := text.find(stop)) >= 0)]
    return Sample(
        text=text,
        finish_reason=row.finish_reason or "length",
        prompt_tokens=len(row.options.prompt),
        generated_tokens=len(row.tokens),
        confidence=sum(row.logprobs) / len(row.logprobs) if row.logprobs else None,
        logprobs=tuple(row.logprobs) if row.options.logprobs else None,
        token_confidences=tuple(row.confidences) if row.options.top_logprobs else None,
        self_certainty=sum(row.certainties) / len(row.certainties)
        if row.options.self_certainty and row.tokens
        else None,
    )


def _left_padded(prompts: list[tuple[int, ...]], pad_token: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, both [rows, longest prompt]."""
    longest = max(map(len, prompts))
    ids = [[pad_token] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(token for token in (*ids, tokenizer.eos_token_id) if token is not None)


def _load(folder_or_id: str, dtype: torch.dtype | str) -> tuple[Any, Any]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder_or_id, trust_remote_code=False)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder_or_id, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise ConfigurationError(
            f"{folder_or_id!r} is not a usable checkpoint ({reason}). Expected a folder with config.json, "
            "*.safetensors and tokenizer.json (as written by save_pretrained), or a model id of the hub."
        ) from error
    if missing := sorted(report["missing_keys"]):
        raise ConfigurationError(
            f"{folder_or_id!r} lacks {len(missing)} weights of {type(model).__name__} (first: {missing[0]}), which "
            "would be random. Expected a complete causal language model. Export the checkpoint again."
        )
    return model, tokenizer
