"""Questions that a generator was not made for are refused before anything is searched."""

from collections.abc import Iterable

from its_graph.contracts import Generator, SampleRequest
from its_graph.errors import InputError
from its_graph.nodes.prompt_variation import with_system_prompt

__all__ = ["require_supported_problem"]


def require_supported_problem(generator: Generator, questions: Iterable[str], system: str | None = None) -> None:
    """See that at least one question can be asked; none is sent.

    Raises:
        InputError: the generator refuses them all; the first refusal says why.
    """
    first: InputError | None = None
    for question in questions:
        asked = [{"role": "user", "content": question}]
        messages = with_system_prompt(system, asked) if system else asked
        try:
            generator.prompt_tokens(SampleRequest(messages=tuple(messages)))  # counting is enough to refuse
        except InputError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first
