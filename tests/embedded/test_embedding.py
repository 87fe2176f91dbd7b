"""Features of a question, the input of the learned difficulty estimate."""

import pytest

from its_graph.embedded import load
from its_graph.errors import EmbeddedScopeError


def test_features_follow_the_question_and_not_its_phrasing() -> None:
    generator, _ = load()
    first, again, other = generator.embed(["Compute 12 + 3.", "What is 12 + 3?", "Compute (7 - 2) * 9 - 4."])
    assert first == again
    assert first != other
    assert len(first) == len(other) == 64
    assert generator.embed([]) == []


def test_an_unsupported_question_has_no_features() -> None:
    with pytest.raises(EmbeddedScopeError):
        load()[0].embed(["Why is the sky blue?"])
