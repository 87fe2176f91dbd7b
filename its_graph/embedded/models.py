"""The embedded generator and verifier: the library's own classes behind a gate that keeps them to arithmetic."""

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import repeat

from its_graph.contracts import Candidate, Sample, SampleRequest
from its_graph.embedded.phrasing import canonical_conversation, canonical_steps, canonical_turns
from its_graph.errors import EmbeddedScopeError
from its_graph.generators.transformers import TransformersGenerator
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.base import StepLayout
from its_graph.text.thinking import THINK

__all__ = ["ArithmeticGenerator", "ArithmeticPRM", "ArithmeticThinker"]


class ArithmeticGenerator(TransformersGenerator):
    """A generator that reads the last user message in any known phrasing and refuses what it never learned."""

    temperature = 1.0
    step_tokens = 48

    _known = staticmethod(canonical_conversation)

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the exact number of prompt tokens of one sample."""
        return super().prompt_tokens(self._known_request(request))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return features of bare questions, in any known phrasing."""
        known = (self._known(({"role": "user", "content": text},)) for text in texts)
        return super().embed([messages[-1]["content"] for messages in known])

    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request; a question outside the world fails it with EmbeddedScopeError."""
        try:
            known = self._known_request(request)
        except EmbeddedScopeError as error:
            refused: Future[list[Sample]] = Future()
            refused.set_exception(error)
            return refused
        return super().submit(known)

    def _known_request(self, request: SampleRequest) -> SampleRequest:
        return request.model_copy(update={"messages": self._known(request.messages)})


class ArithmeticThinker(ArithmeticGenerator):
    """The variant that thinks before it answers, waits, and revises: it reads its earlier attempts as turns.

    `python -m its_graph.embedded.train_thinker` makes its weights from the plain generator's.
    """

    think_style = THINK._replace(joint="\n", wait="Wait\n\n", final="")
    _known = staticmethod(canonical_turns)


class ArithmeticPRM(PRM):
    """A process reward model that reads the question as the embedded generator does, and of a thought its last attempt.

    A question outside the world fails its candidate with EmbeddedScopeError. The steps before a thought's last `Wait`
    get no score: the model never read any such text, and what was given up does not count.
    """

    def tokens(self, candidate: Candidate) -> int:
        """Return exactly the tokens that the model reads for `candidate`."""
        return super().tokens(_known_candidate(candidate))

    def _layout(self, candidate: Candidate) -> StepLayout | Exception:
        try:
            known = _known_candidate(candidate)
        except EmbeddedScopeError as error:
            return error
        layout = super()._layout(known)
        if isinstance(layout, Exception):
            return layout
        given_up = len(candidate.steps) - len(known.steps)
        return layout._replace(spans=[*repeat(None, given_up), *layout.spans])


def _known_candidate(candidate: Candidate) -> Candidate:
    messages, steps = canonical_conversation(candidate.messages), canonical_steps(candidate.steps)
    return candidate.model_copy(update={"messages": messages, "steps": steps})
