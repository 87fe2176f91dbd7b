"""A tiny random Qwen2 with a byte-level tokenizer: real code paths, no download, deterministic."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from its_graph.contracts import SampleRequest
from its_graph.generators.transformers import TransformersGenerator

CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTEXT = 128


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {byte: token for token, byte in enumerate(alphabet)}
    merges: list[tuple[str, str]] = []
    for word in ("ĊĊ", "ĊĊS", "St", "ep", "Step", "Ġ1", "ab", "Ġa"):
        left, right = {"ĊĊS": ("ĊĊ", "S"), "Step": ("St", "ep")}.get(word, (word[0], word[1:]))
        merges.append((left, right))
        vocabulary[word] = len(vocabulary)
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<|system|>"],
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


@pytest.fixture(scope="session")
def model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    model = Qwen2ForCausalLM(config).eval()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


@pytest.fixture
def generator(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Iterator[TransformersGenerator]:
    with TransformersGenerator(model, tokenizer, max_batch=16) as generator:
        yield generator


@pytest.fixture(scope="session")
def ask() -> Callable[..., SampleRequest]:
    def request(text: str = "2 + 2 =", **options: Any) -> SampleRequest:
        return SampleRequest(messages=({"role": "user", "content": text},), **{"max_tokens": 24, **options})

    return request
