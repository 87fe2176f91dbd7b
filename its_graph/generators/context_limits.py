"""Checks before a local model runs: a prompt that fills the context, a confidence floor without its signal."""

from its_graph.contracts import SampleRequest
from its_graph.errors import ConfigurationError, TruncationError

__all__ = ["check_confidence_floor", "room_for_reply"]


def room_for_reply(prompt: int, context: int, remedy: str) -> int:
    """Return how many tokens a prompt of `prompt` tokens leaves for the reply in a context of `context` tokens.

    Raises:
        TruncationError: It leaves none. `remedy` names an alternative to shortening the conversation.
    """
    if context - prompt < 1:
        raise TruncationError(
            f"The prompt has {prompt} tokens and the model's context {context}, which leaves no room for a reply. "
            f"Shorten the conversation or {remedy}."
        )
    return context - prompt


def check_confidence_floor(request: SampleRequest) -> None:
    """Raise ConfigurationError if `request` sets a confidence floor without requesting token confidences."""
    if request.confidence_floor is not None and not request.top_logprobs:
        raise ConfigurationError(
            "confidence_floor needs top_logprobs > 0; got top_logprobs=0. Set the number of most likely tokens over "
            "which a token's confidence is computed (20 in DeepConf)."
        )
