"""Conditions for deliberation: functions of the conversation and the model's first reply."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from langchain_core.messages import AIMessage, BaseMessage

from its_graph.errors import ConfigurationError

__all__ = ["Condition", "always", "before_tools", "first_turns", "when_unsure"]

Condition: TypeAlias = Callable[[Sequence[BaseMessage], AIMessage], bool]
"""Given the conversation and a first reply, return whether to draw more replies."""


def always(conversation: Sequence[BaseMessage], first: AIMessage) -> bool:
    """Deliberate on every reply.

    Args:
        conversation: the messages so far.
        first: the model's first reply.

    >>> from langchain_core.messages import AIMessage
    >>> always([], AIMessage("Hello"))
    True
    """
    return True


def first_turns(k: int) -> Condition:
    """Deliberate on the first `k` replies of a conversation, where plans are made.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> first_turns(1)([HumanMessage("Plan a trip")], AIMessage("First, ..."))
    True
    >>> first_turns(1)([HumanMessage("Plan"), AIMessage("First, ..."), HumanMessage("Then?")], AIMessage("..."))
    False
    """
    return lambda conversation, first: sum(isinstance(message, AIMessage) for message in conversation) < k


def before_tools(names: Collection[str]) -> Condition:
    """Deliberate before one of these tools is called.

    Raises:
        ConfigurationError: for a bare string, whose characters would be taken for names.

    >>> from its_graph.agents.testing import calling
    >>> before_tools({"pay"})([], calling("pay", amount=30))
    True
    """
    if isinstance(names, str):
        raise ConfigurationError(f"`names` must be a collection of tool names; got {names!r}. Write {{{names!r}}}.")
    risky = frozenset(names)
    return lambda conversation, first: any(call["name"] in risky for call in first.tool_calls)


def when_unsure(threshold: float = 0.8) -> Condition:
    """Deliberate if the geometric mean of the reply's token probabilities is below `threshold` (in [0, 1]).

    Requires log-probabilities in the reply's metadata (`logprobs=True` of most chat models); a reply without them
    counts as unsure.

    >>> from langchain_core.messages import AIMessage
    >>> sure = AIMessage("4", response_metadata={"logprobs": {"content": [{"token": "4", "logprob": -0.01}]}})
    >>> when_unsure(0.8)([], sure)
    False
    """

    def unsure(conversation: Sequence[BaseMessage], first: AIMessage) -> bool:
        logprobs = first.response_metadata.get("logprobs") or {}
        tokens = (logprobs.get("content") if isinstance(logprobs, dict) else logprobs) or []
        values = [float(token["logprob"]) for token in tokens]
        return not values or math.exp(math.fsum(values) / len(values)) < threshold

    return unsure
