"""The embedded generator and verifier: the library's classes, restricted to arithmetic."""

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
    """A generator that reads the last user message in any supported phrasing, and rejects other questions."""

    temperature = 1.0
    step_tokens = 48

    _canonical_messages = staticmethod(canonical_conversation)

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the exact number of prompt tokens of one sample."""
        return super().prompt_tokens(self._canonical_request(request))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return features of bare questions in any supported phrasing."""
        conversations = (self._canonical_messages(({"role": "user", "content": text},)) for text in texts)
        return super().embed([messages[-1]["content"] for messages in conversations])

    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request; a question outside arithmetic fails it with EmbeddedScopeError."""
        try:
            canonical = self._canonical_request(request)
        except EmbeddedScopeError as error:
            failed: Future[list[Sample]] = Future()
            failed.set_exception(error)
            return failed
        return super().submit(canonical)

    def _canonical_request(self, request: SampleRequest) -> SampleRequest:
        return request.model_copy(update={"messages": self._canonical_messages(request.messages)})


class ArithmeticThinker(ArithmeticGenerator):
    """The variant that thinks before it answers, waits, and revises; it reads earlier attempts as turns.

    `python -m its_graph.embedded.train_thinker` trains it from the weights of the plain generator.
    """

    think_style = THINK._replace(joint="\n", wait="Wait\n\n", final="")
    _canonical_messages = staticmethod(canonical_turns)


class ArithmeticPRM(PRM):
    """A process reward model that reads questions as the embedded generator does.

    Of a thought it reads only the last attempt. A question outside arithmetic fails its candidate with
    EmbeddedScopeError. The steps before the last `Wait` of a thought get no score: the model was not trained on such
    text, and abandoned attempts do not count.
    """

    def tokens(self, candidate: Candidate) -> int:
        """Return the exact number of tokens that the model reads for `candidate`."""
        return super().tokens(_canonical_candidate(candidate))

    def _layout(self, candidate: Candidate) -> StepLayout | Exception:
        try:
            canonical = _canonical_candidate(candidate)
        except EmbeddedScopeError as error:
            return error
        layout = super()._layout(canonical)
        if isinstance(layout, Exception):
            return layout
        abandoned = len(candidate.steps) - len(canonical.steps)
        return layout._replace(spans=[*repeat(None, abandoned), *layout.spans])


def _canonical_candidate(candidate: Candidate) -> Candidate:
    messages, steps = canonical_conversation(candidate.messages), canonical_steps(candidate.steps)
    return candidate.model_copy(update={"messages": messages, "steps": steps})
