"""Text to tokens and back: prompts by chat template, continuations by offset, tokens that can end a stop."""

import json
from functools import lru_cache
from threading import Lock
from typing import Any

from its_graph.contracts import Message, SampleRequest
from its_graph.errors import InputError

__all__ = ["ChatTokens"]

CACHED_PROMPTS = 512
OVERLAP_TOKENS = 4
"""Prompt tokens decoded along with a continuation, so that a leading space is not lost."""


class ChatTokens:
    """A transformers tokenizer as a generator needs it. Safe to share between threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # A fast tokenizer may refuse concurrent use ("Already borrowed").
        self._lock = Lock()
        self._cached_prompt = lru_cache(CACHED_PROMPTS)(self._prompt)
        self._cached_may_end = lru_cache(CACHED_PROMPTS)(self._may_end)
        self._pieces: list[str] | None = None

    def prompt(self, request: SampleRequest) -> tuple[int, ...]:
        """Return the prompt's token ids: chat template, opened assistant turn, `prefix`.

        The whole text is tokenised at once, so a prefix that was generated earlier gets its natural tokens.

        Raises:
            InputError: the prompt has no tokens.
        """
        return self._cached_prompt(json.dumps(request.messages, sort_keys=True), request.prefix)

    def continuation(self, prompt: tuple[int, ...], tokens: list[int]) -> str:
        """Return the text of `tokens` as it reads after `prompt`, without special tokens."""
        context = list(prompt[-OVERLAP_TOKENS:])
        with self._lock:
            return self._decode(context + tokens)[len(self._decode(context)) :]

    def may_end(self, stop: tuple[str, ...]) -> frozenset[int]:
        """Return the tokens whose text can complete one of the strings `stop`."""
        return self._cached_may_end(stop)

    def _prompt(self, messages: str, prefix: str) -> tuple[int, ...]:
        templated = bool(self._tokenizer.chat_template)
        with self._lock:
            text = self._text(json.loads(messages), templated) + prefix
            ids = self._tokenizer(text, add_special_tokens=not templated)["input_ids"]
        if not ids:
            raise InputError(f"The prompt {text!r} has no tokens; expected at least one message with text.")
        return tuple(ids)

    def _text(self, messages: list[Message], templated: bool) -> str:
        if not templated:
            return "".join(f"{message['content']}\n" for message in messages)
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _may_end(self, stop: tuple[str, ...]) -> frozenset[int]:
        # A token that is part of a character (shown as U+FFFD) may complete any stop string.
        last = {string[-1] for string in stop if string} | {"\ufffd"}
        if self._pieces is None:
            self._pieces = self._token_texts()
        return frozenset(token for token, piece in enumerate(self._pieces) if not last.isdisjoint(piece))

    def _token_texts(self) -> list[str]:
        """Return the text of each token as it reads inside a sentence, where a leading space shows."""
        with self._lock:
            anchor = self._tokenizer("a", add_special_tokens=False)["input_ids"]
            lead = len(self._decode(anchor))
            return [self._decode([*anchor, token])[lead:] for token in range(len(self._tokenizer))]
