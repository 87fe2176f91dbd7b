"""The tokenizer of the embedded models: byte-level BPE of 512 entries, digits isolated, any UTF-8 round-trips."""

import itertools
from collections.abc import Iterator
from typing import Any

from its_graph.embedded.world import MAX_OPERATIONS, problems, solution
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
_PROSE = (
    "system\n",
    "Please reason step by step, and put your final answer within the box.",
    "What is the value of this expression? Calculate, evaluate and simplify it with addition, subtraction,",
    "multiplication and division. Wait, let me check that again. The answer is therefore correct.",
    "다음 식을 계산하라. 값은 얼마인가? 단계별로 풀어라. 답은 이다. 계산하세요. 구하라.",
)


def build_tokenizer() -> Any:
    """Train the tokenizer on the world's own texts and return it as a transformers fast tokenizer.

    Digits and parentheses are tokens of their own, so a number or an operator is read the same way wherever
    it stands. `Step n: `, a blank line and the opening of a box are single tokens: about ten tokens a step.

    Raises:
        MissingExtraError: without the `local` extra.
    """
    try:
        from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("transformers", "local") from error

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(r"[().?]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    steps = [f"Step {index}: " for index in range(1, MAX_OPERATIONS + 2)]
    phrases = ["\n\n", "\\boxed{", "Compute ", "user\n", "assistant\n", *steps]
    whole = [AddedToken(text, normalized=False) for text in phrases]
    special = [AddedToken(text, normalized=False, special=True) for text in (_PAD, _START, _END, STEP_TAG)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(whole) - len(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_corpus(), trainer)
    backend.add_special_tokens(special)
    backend.add_tokens(whole)
    backend.add_tokens([f"<reserved_{i}>" for i in range(VOCABULARY_SIZE - backend.get_vocab_size())])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=_PAD,
        eos_token=_END,
        extra_special_tokens=[_START, STEP_TAG],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def _corpus() -> Iterator[str]:
    world = problems(200, seed=0, split="train")
    texts = (text for item in world for text in (item.text, *solution(item.expression).split("\n")))
    return itertools.chain(texts, _PROSE * 4)
