"""The tokenizer: any UTF-8 text round-trips, and the tokens that searches rely on are single."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.embedded.tokenizer import STEP_TAG, VOCABULARY_SIZE, build_tokenizer

TOKENIZER = build_tokenizer()


def _ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False))


@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    assert TOKENIZER.decode(_ids(text)) == unicodedata.normalize("NFC", text)  # as Qwen tokenizers normalize


@pytest.mark.parametrize("text", ["한국어 34 + 57는?\n\n", "Step 1: Step 12: \\boxed{-3}", "  a , b . 's", "😀é\u0000"])
def test_awkward_text_round_trips(text: str) -> None:
    assert TOKENIZER.decode(_ids(text)) == unicodedata.normalize("NFC", text)  # as Qwen tokenizers normalize


@pytest.mark.parametrize("text", ["Step 1: ", "Step 8: ", "\\boxed{", "\n\n", STEP_TAG, " + ", " = ", "7", "("])
def test_single_tokens(text: str) -> None:
    assert len(_ids(text)) == 1


def test_about_ten_tokens_per_step_and_one_per_digit() -> None:
    pieces = [TOKENIZER.decode([token]) for token in _ids("Step 1: 34 + 57 = 91\n\n")]
    assert pieces == ["Step 1: ", "3", "4", " + ", "5", "7", " = ", "9", "1", "\n\n"]


def test_vocabulary_fits_and_is_repeatable() -> None:
    assert len(TOKENIZER) == VOCABULARY_SIZE == 512
    assert TOKENIZER.get_vocab() == build_tokenizer().get_vocab()


def test_saved_layout_loads_with_auto_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    TOKENIZER.save_pretrained(str(tmp_path))
    loaded: Any = AutoTokenizer.from_pretrained(str(tmp_path))
    turns = [{"role": "user", "content": "Compute 1 + 2."}]
    text = loaded.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nCompute 1 + 2.<|im_end|>\n<|im_start|>assistant\n"
    assert loaded.encode(text) == _ids(text)
    assert loaded.eos_token == "<|im_end|>"
