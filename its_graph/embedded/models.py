"""The embedded generator and verifier: the library's own classes behind a gate that keeps them to arithmetic."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.embedded.phrasing import known_conversation
from its_graph.errors import EmbeddedScopeError
from its_graph.generators.transformers import TransformersGenerator
from its_graph.prm.verifier import PRM

__all__ = ["WEIGHTS", "ArithmeticGenerator", "ArithmeticPRM"]

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped weights."""


class ArithmeticGenerator(TransformersGenerator):
    """A generator that reads the last user message in any known phrasing and refuses what it never learned."""

    temperature = 1.0
    step_tokens = 48

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the exact number of prompt tokens of one sample."""
        return super().prompt_tokens(_known_request(request))

    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request; a question outside the world fails it with EmbeddedScopeError."""
        try:
            known = _known_request(request)
        except EmbeddedScopeError as error:
            refused: Future[list[Sample]] = Future()
            refused.set_exception(error)
            return refused
        return super().submit(known)


class ArithmeticPRM(PRM):
    """A process reward model that reads the question as the embedded generator does."""

    def tokens(self, candidate: Candidate) -> int:
        """Return exactly the tokens that the model reads for `candidate`."""
        return super().tokens(_known_candidate(candidate))

    def submit(self, candidates: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging; a question outside the world fails its candidate with EmbeddedScopeError."""
        known: list[Candidate | EmbeddedScopeError] = []
        for candidate in candidates:
            try:
                known.append(_known_candidate(candidate))
            except EmbeddedScopeError as error:
                known.append(error)
        judged = iter(super().submit([item for item in known if isinstance(item, Candidate)]))
        return [next(judged) if isinstance(item, Candidate) else _failed(item) for item in known]


def _known_request(request: SampleRequest) -> SampleRequest:
    return request.model_copy(update={"messages": known_conversation(request.messages)})


def _known_candidate(candidate: Candidate) -> Candidate:
    return candidate.model_copy(update={"messages": known_conversation(candidate.messages)})


def _failed(error: EmbeddedScopeError) -> Future[Verdict]:
    future: Future[Verdict] = Future()
    future.set_exception(error)
    return future
