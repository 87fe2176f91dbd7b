"""Tokens per second of 16 concurrent ainvokes over one hand-made batch of plain `generate`.

Run: `OMP_NUM_THREADS=1 python tests/benchmarks/bench_transformers.py [checkpoint folder]`. Without a folder a random
model of the embedded generator's size (vocabulary 512, hidden 64, 3 layers) answers. Both ways sample the same
16 prompts for the same number of tokens; the median of some repetitions is printed.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from its_graph.contracts import SampleRequest
from its_graph.generators.transformers import TransformersGenerator

PROMPTS = 16
NEW_TOKENS = 128
REPETITIONS = 7


def small_generator() -> TransformersGenerator:
    """Return a random model of the embedded generator's size, which never ends by itself."""
    vocabulary = {byte: token for token, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    config = Qwen2Config(
        vocab_size=512, hidden_size=64, intermediate_size=192, num_hidden_layers=3, num_attention_heads=1,
        num_key_value_heads=1, tie_word_embeddings=True, max_position_embeddings=1024,
    )  # fmt: skip
    torch.manual_seed(0)
    return TransformersGenerator(Qwen2ForCausalLM(config), PreTrainedTokenizerFast(tokenizer_object=backend))


def by_hand(generator: TransformersGenerator, requests: list[SampleRequest]) -> int:
    """Generate one padded batch with plain `generate`; return its tokens."""
    prompts = [generator._tokens.prompt(request) for request in requests]
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    config = GenerationConfig(
        max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=True, temperature=0.8, top_k=0, pad_token_id=0
    )
    device = generator._model.device
    generator._model.generate(ids.to(device), attention_mask=mask.to(device), generation_config=config)
    return len(requests) * NEW_TOKENS


def by_tasks(generator: TransformersGenerator, requests: list[SampleRequest]) -> int:
    """Ask once per task; return the tokens."""

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*map(generator.ainvoke, requests))

    return sum(reply[0].generated_tokens for reply in asyncio.run(all_at_once()))


def rate(work: Callable[[], int]) -> float:
    """Return tokens per second of one run."""
    began = time.perf_counter()
    return work() / (time.perf_counter() - began)


def main() -> None:
    """Print both rates and their ratio."""
    generator = TransformersGenerator.from_pretrained(sys.argv[1]) if len(sys.argv) > 1 else small_generator()
    questions = [f"Compute {index} + {index * 7} * {index + 3}" for index in range(PROMPTS)]
    for stop in ((), ("\n\nnever",)):
        requests = [
            SampleRequest(
                messages=({"role": "user", "content": question},), max_tokens=NEW_TOKENS, seed=index, stop=stop
            )
            for index, question in enumerate(questions)
        ]
        by_hand(generator, requests)
        by_tasks(generator, requests)
        # One after the other in turn, so that a busy machine disturbs both alike.
        rates = [
            (rate(lambda: by_hand(generator, requests)), rate(lambda: by_tasks(generator, requests)))  # noqa: B023
            for _ in range(REPETITIONS)
        ]
        ratio = median(tasks / hand for hand, tasks in rates)
        hand, tasks = (median(column) for column in zip(*rates, strict=True))
        print(f"stop={stop}: by hand {hand:.0f} tokens/s, {PROMPTS} ainvokes {tasks:.0f} tokens/s, ratio {ratio:.2f}")
    generator.close()


if __name__ == "__main__":
    main()
