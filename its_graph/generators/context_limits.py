"""What a model of this process refuses at once: prompts that fill its context, confidence floors without signal."""

from its_graph.contracts import SampleRequest
from its_graph.errors import ConfigurationError, TruncationError

__all__ = ["check_floor", "room_for_reply"]


def room_for_reply(prompt: int, context: int, remedy: str) -> int:
    """Return the tokens that a prompt of so many tokens leaves.

    Raises:
        TruncationError: it leaves none; `remedy` says what else to do about it than to ask for less.
    """
    if context - prompt < 1:
        raise TruncationError(
            f"The prompt has {prompt} tokens and the model's context {context}, which leaves no room for a reply. "
            f"Shorten the conversation or {remedy}."
        )
    return context - prompt


def check_floor(request: SampleRequest) -> None:
    """Raise ConfigurationError where a confidence floor has no confidences to watch."""
    if request.confidence_floor is not None and not request.top_logprobs:
        raise ConfigurationError(
            "A confidence floor was asked for with top_logprobs=0. It watches the token confidences: say over how "
            "many of the most likely tokens they are (20 in DeepConf)."
        )
