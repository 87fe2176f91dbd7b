"""Sampling under several instructions: sample i is drawn under instruction i, cyclically.

An instruction goes into the system message, before the question: every chat model reads one there, and the question
itself stays unchanged, for the verifier and for the vote.
"""

from collections.abc import Sequence

from its_graph.contracts import Message, SampleRequest
from its_graph.nodes.rules.types import RequestTransform
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = ["APPROACHES", "vary_prompts", "with_system_prompt"]

APPROACHES = (
    "",
    "First name what is given and what is asked. Then solve the question step by step.",
    "Split the question into smaller questions, solve each of them, and put the results together.",
    "Say which result you expect, roughly, before you begin. Then solve the question exactly, and compare.",
    "Write down the relations that hold as equations first. Then work with these alone.",
    "Solve the question, then check the result in another way; where the two differ, find the mistake.",
)
"""Subject-independent ways to approach a question. The empty one leaves the question unchanged."""


def vary_prompts(prompts: Sequence[str]) -> RequestTransform:
    """Draw sample i under `prompts[i % len(prompts)]`; an empty prompt leaves the conversation unchanged.

    The instruction of a sample follows from its id, so a search that is resumed continues with the right one, and every
    wave whose size is a multiple of the number of prompts uses each of them equally often.
    """

    def transform(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
        prompt = prompts[int(planned.id) % len(prompts)]
        if not prompt:
            return planned.request
        messages = tuple(with_system_prompt(prompt, planned.request.messages))
        return planned.request.model_copy(update={"messages": messages})

    return transform


def with_system_prompt(prompt: str, messages: Sequence[Message]) -> list[Message]:
    """Put a system prompt before a conversation, merged with its own system message if it starts with one.

    The two become one message, because many servers reject a second one.
    """
    if not messages or messages[0]["role"] != "system":
        return [{"role": "system", "content": prompt}, *messages]
    own = messages[0]["content"]
    content = f"{prompt}\n\n{own}" if isinstance(own, str) else [{"type": "text", "text": prompt}, *own]
    return [messages[0] | {"content": content}, *messages[1:]]
