"""A check before a search starts: whether the generator supports the questions at all."""

from collections.abc import Iterable

from its_graph.contracts import Generator, SampleRequest
from its_graph.errors import InputError
from its_graph.nodes.prompt_variation import with_system_prompt

__all__ = ["require_supported_problem"]


def require_supported_problem(generator: Generator, problems: Iterable[str], system: str | None = None) -> None:
    """Check that the generator accepts at least one problem; nothing is generated.

    Raises:
        InputError: the generator rejects all of them; the first error says why.
    """
    first: InputError | None = None
    for problem in problems:
        question = [{"role": "user", "content": problem}]
        messages = with_system_prompt(system, question) if system else question
        try:
            generator.prompt_tokens(SampleRequest(messages=tuple(messages)))  # counting tokens is enough to be rejected
        except InputError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first
