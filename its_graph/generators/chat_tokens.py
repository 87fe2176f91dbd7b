"""Text to tokens and back: chat-template prompts, continuations, and the tokens that can complete a stop string."""

import json
from functools import lru_cache
from threading import Lock
from typing import Any

from its_graph.contracts import Message, SampleRequest
from its_graph.errors import InputError

__all__ = ["ChatTokens"]

CACHED_PROMPTS = 512
OVERLAP_TOKENS = 4
"""Prompt tokens decoded together with a continuation, so that a leading space is not lost."""


class ChatTokens:
    """A transformers tokenizer with the operations a generator needs. Thread-safe."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # A fast tokenizer may refuse concurrent use ("Already borrowed").
        self._lock = Lock()
        self._cached_prompt = lru_cache(CACHED_PROMPTS)(self._encode_prompt)
        self._cached_completing_tokens = lru_cache(CACHED_PROMPTS)(self._find_completing_tokens)
        self._token_texts: list[str] | None = None

    def prompt(self, request: SampleRequest) -> tuple[int, ...]:
        """Return the token ids of the prompt: chat template, opened assistant turn, `prefix`.

        The whole text is tokenized at once, so a prefix that was generated earlier gets its natural tokens.

        Raises:
            InputError: The prompt has no tokens.
        """
        return self._cached_prompt(json.dumps(request.messages, sort_keys=True), request.prefix)

    def continuation(self, prompt: tuple[int, ...], tokens: list[int]) -> str:
        """Return the text of `tokens` as it reads after `prompt`, without special tokens."""
        context = list(prompt[-OVERLAP_TOKENS:])
        with self._lock:
            return self._decode(context + tokens)[len(self._decode(context)) :]

    def completing_tokens(self, stop: tuple[str, ...]) -> frozenset[int]:
        """Return the tokens whose text can complete one of the strings `stop`."""
        return self._cached_completing_tokens(stop)

    def _encode_prompt(self, messages: str, prefix: str) -> tuple[int, ...]:
        has_template = bool(self._tokenizer.chat_template)
        with self._lock:
            text = self._render(json.loads(messages), has_template) + prefix
            ids = self._tokenizer(text, add_special_tokens=not has_template)["input_ids"]
        if not ids:
            raise InputError(f"The prompt must have at least one token; got {text!r}. Pass a message with text.")
        return tuple(ids)

    def _render(self, messages: list[Message], has_template: bool) -> str:
        if not has_template:
            return "".join(f"{message['content']}\n" for message in messages)
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _find_completing_tokens(self, stop: tuple[str, ...]) -> frozenset[int]:
        # A token that is part of a character (shown as U+FFFD) may complete any stop string.
        last_characters = {string[-1] for string in stop if string} | {"\ufffd"}
        if self._token_texts is None:
            self._token_texts = self._decode_vocabulary()
        return frozenset(token for token, text in enumerate(self._token_texts) if not last_characters.isdisjoint(text))

    def _decode_vocabulary(self) -> list[str]:
        """Return the text of each token as it reads inside a sentence, where a leading space shows."""
        with self._lock:
            anchor = self._tokenizer("a", add_special_tokens=False)["input_ids"]
            start = len(self._decode(anchor))
            return [self._decode([*anchor, token])[start:] for token in range(len(self._tokenizer))]
