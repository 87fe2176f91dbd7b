"""Sampling under several instructions: sample i is drawn under instruction i, round and round.

An instruction goes into the system message, in front of the question: every chat model reads one there, and the
question itself stays as it was asked, for the verifier and for the vote.
"""

from collections.abc import Sequence

from its_graph.contracts import Message, SampleRequest
from its_graph.nodes.rules.types import RequestTransform
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = ["APPROACHES", "with_system_prompt", "vary_prompts"]

APPROACHES = (
    "",
    "First name what is given and what is asked. Then solve the question step by step.",
    "Split the question into smaller questions, solve each of them, and put the results together.",
    "Say which result you expect, roughly, before you begin. Then solve the question exactly, and compare.",
    "Write down the relations that hold as equations first. Then work with these alone.",
    "Solve the question, then check the result in another way; where the two differ, find the mistake.",
)
"""Ways to go at a question, none of them tied to a subject. The empty one is the question as it was asked."""


def vary_prompts(prompts: Sequence[str]) -> RequestTransform:
    """Ask for sample i under `prompts[i % len(prompts)]`; an empty one leaves the conversation as it is.

    Which instruction a sample got follows from its id, so a search that is resumed goes on with the right one, and
    every wave whose size is a multiple of their number is drawn under all of them alike.
    """

    def shape(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
        prompt = prompts[int(planned.id) % len(prompts)]
        if not prompt:
            return planned.request
        return planned.request.model_copy(update={"messages": tuple(with_system_prompt(prompt, planned.request.messages))})

    return shape


def with_system_prompt(prompt: str, messages: Sequence[Message]) -> list[Message]:
    """Put a system prompt in front of a conversation, and of its own system message where it begins with one.

    The two become one message: many servers refuse a second one.
    """
    if not messages or messages[0]["role"] != "system":
        return [{"role": "system", "content": prompt}, *messages]
    own = messages[0]["content"]
    content = f"{prompt}\n\n{own}" if isinstance(own, str) else [{"type": "text", "text": prompt}, *own]
    return [messages[0] | {"content": content}, *messages[1:]]
