"""The tokenizer of the embedded models: byte-level BPE with 512 entries, including whole phrases of the domain.

It splits words and normalizes text (NFC) as Qwen2's tokenizer does, because transformers and the servers built on it
use that class for every checkpoint of this architecture, whatever its files specify.
"""

import json
from typing import Any

from its_graph.embedded.arithmetic import MAX_OPERATIONS
from its_graph.errors import MissingExtraError

__all__ = ["CHAT_TEMPLATE", "STEP_TAG", "VOCABULARY_SIZE", "build_tokenizer"]

VOCABULARY_SIZE = 512
STEP_TAG = "<extra_0>"
"""Marks the end of a step for reward models with a head, as in Qwen2.5-Math-PRM."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_PAD, _START, _END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_SPECIAL = (_PAD, _START, _END, STEP_TAG)
_PHRASES = (
    *("\n\n", "\\boxed{", "Compute ", "user\n", "assistant\n"),
    *(f"Step {index}: " for index in range(1, MAX_OPERATIONS + 2)),
    *(" + ", " - ", " * ", " / ", " = ", " + -", " - -", " = -"),
)
_PROSE = (
    "Please reason step by step, and put your final answer within the box.",
    "What is the value of this expression? Calculate, evaluate and simplify it with addition, subtraction,",
    "multiplication and division. Wait, let me check that again. The answer is therefore correct.",
    "The system and the user ask a question about numbers, and the model must solve this problem. How much is it?",
    "다음 식을 계산하라. 값은 얼마인가? 단계별로 풀어라. 답은 이다. 계산하세요. 구하라. 문제를 풀고 확인하자.",
)
_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_tokenizer() -> Any:
    """Build the tokenizer, the same one each time, as a transformers fast tokenizer.

    Each digit is a token; `Step n: `, signs with their spaces, a blank line and the opening of a box are single tokens:
    about ten tokens per step. Any other text falls back to bytes and round-trips unchanged (in NFC).

    Raises:
        MissingExtraError: the extra `local` is not installed.
    """
    try:
        from tokenizers import AddedToken
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("transformers", "local") from error

    vocabulary, merges = _train_prose_pieces(VOCABULARY_SIZE - len(_SPECIAL) - len(_PHRASES))
    # All ids are in the model's vocabulary, because added tokens are renumbered by each loader.
    names = [*_SPECIAL, *_PHRASES]
    names += [f"<reserved_{index}>" for index in range(VOCABULARY_SIZE - len(vocabulary) - len(names))]
    vocabulary |= {name: len(vocabulary) + index for index, name in enumerate(names)}
    backend = _backend(vocabulary, merges)
    backend.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in _SPECIAL])
    backend.add_tokens([AddedToken(text, normalized=False) for text in _PHRASES])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=_PAD,
        eos_token=_END,
        extra_special_tokens=[_START, STEP_TAG],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def _backend(vocabulary: dict[str, int] | None = None, merges: list[tuple[str, str]] | None = None) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges) if vocabulary else models.BPE())
    backend.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(_QWEN2_WORDS), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([words, byte_level])
    backend.decoder = decoders.ByteLevel()
    return backend


def _train_prose_pieces(size: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Train at most `size` entries on the prose: all 256 bytes and the most common pieces of words."""
    from tokenizers import pre_tokenizers, trainers

    backend = _backend()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(_PROSE * 4, trainer)
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [(first, second) for first, second in model["merges"]]
