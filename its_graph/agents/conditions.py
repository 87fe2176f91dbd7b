"""When to think twice: functions of the conversation and the model's first reply."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from langchain_core.messages import AIMessage, BaseMessage

from its_graph.errors import ConfigurationError

__all__ = ["Gate", "always", "before_tools", "first_turns", "when_unsure"]

Gate: TypeAlias = Callable[[Sequence[BaseMessage], AIMessage], bool]
"""Says, given the conversation and a first reply, whether more replies shall be drawn."""


def always(conversation: Sequence[BaseMessage], first: AIMessage) -> bool:
    """Think twice about every reply."""
    return True


def first_turns(k: int) -> Gate:
    """Think twice about the first `k` replies of a conversation: plans are made there."""
    return lambda conversation, first: sum(isinstance(message, AIMessage) for message in conversation) < k


def before_tools(names: Collection[str]) -> Gate:
    """Think twice before one of these tools is called.

    Raises:
        ConfigurationError: for a single name without brackets around it: its letters would be taken for names.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"before_tools needs a collection of names, given {names!r}. Write {{{names!r}}}.")
    risky = frozenset(names)
    return lambda conversation, first: any(call["name"] in risky for call in first.tool_calls)


def when_unsure(threshold: float = 0.8) -> Gate:
    """Think twice where the geometric mean of the reply's token probabilities is below `threshold`.

    It needs log-probabilities in the reply's metadata (`logprobs=True` of most chat models); a reply without any counts
    as unsure.
    """

    def unsure(conversation: Sequence[BaseMessage], first: AIMessage) -> bool:
        told = first.response_metadata.get("logprobs") or {}
        tokens = (told.get("content") if isinstance(told, dict) else told) or []
        logprobs = [float(token["logprob"]) for token in tokens]
        return not logprobs or math.exp(math.fsum(logprobs) / len(logprobs)) < threshold

    return unsure
