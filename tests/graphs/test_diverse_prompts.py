"""Diverse prompts through the graph: each sample under its instruction, one vote over all."""

from typing import Any

import pytest

from its_graph import SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs.diverse_prompts import create_diverse_prompts
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.nodes.prompt_variation import APPROACHES
from its_graph.nodes.rules.choice import argmax, majority
from its_graph.search.state import SearchInput
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator

PROBLEM: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}
SEEDED = SearchContext(seed=4)


def persona(request: SampleRequest) -> str:
    """Answer with the requested persona: `be N` answers N, no instruction answers 0."""
    first = request.messages[0]
    said = first["content"].split()[1] if first["role"] == "system" else "0"
    return rf"{said} \boxed{{{said}}}"


def result(**options: Any) -> dict[str, Any]:
    graph = create_diverse_prompts(ScriptedGenerator(persona), **options)
    found: dict[str, Any] = graph.compile().invoke(PROBLEM, context=SEEDED)["result"]
    return found


def test_the_answers_of_all_instructions_vote_together() -> None:
    found = result(n=7, prompts=("", "be 1", "be 2"))
    assert [candidate["answer"] for candidate in found["candidates"]] == ["0", "1", "2", "0", "1", "2", "0"]
    assert found["votes"] == [
        {"answer": "0", "count": 3, "weight": 3.0},
        {"answer": "1", "count": 2, "weight": 2.0},
        {"answer": "2", "count": 2, "weight": 2.0},
    ]


def test_a_verifier_weighs_the_votes_and_reads_the_question_as_it_was_asked() -> None:
    verifier = ScriptedVerifier(lambda candidate: int(candidate.steps[0].split()[0]) / 10)
    found = result(n=7, prompts=("be 1", "be 3", "be 2"), verifier=verifier)
    assert found["answer"] == "3"
    assert [vote["weight"] for vote in found["votes"]] == pytest.approx([0.6, 0.4, 0.3])
    asked: list[Candidate] = verifier.candidates
    assert all([message["role"] for message in one.messages] == ["user"] for one in asked)
    assert result(n=7, prompts=("be 1", "be 3", "be 2"), verifier=verifier, choose=majority)["answer"] == "1"
    assert result(n=3, prompts=("be 1", "be 3", "be 2"), verifier=verifier, choose=argmax)["answer"] == "3"


def test_an_unbounded_verifier_is_read_through_a_sigmoid() -> None:
    """Raw scores 2 and -9, -9: negative votes would let the many bad outweigh nothing at all."""
    verifier = ScriptedVerifier(lambda candidate: 2.0 if candidate.steps[0].startswith("1") else -9.0)
    verifier.score_range = "real"
    found = result(n=3, prompts=("be 1", "be 2", "be 2"), verifier=verifier)
    assert all(0 < vote["weight"] < 1 for vote in found["votes"])


def test_the_search_s_own_system_prompt_stays() -> None:
    generator = ScriptedGenerator(persona)
    graph = create_diverse_prompts(generator, n=2, prompts=("", "be 1")).compile()
    graph.invoke(PROBLEM, context=SearchContext(seed=0, system="is 5"))
    assert [request.messages[0]["content"] for request in generator.requests] == ["is 5", "be 1\n\nis 5"]


def test_a_model_that_reads_the_question_alone_gets_what_self_consistency_gives() -> None:
    """The toy model looks at the last message: same seeds, same samples, a longer prompt to pay for."""
    diverse, plain = (
        create(ToyGenerator(0.3), n=12).compile().invoke(PROBLEM, context=SEEDED)["result"]
        for create in (create_diverse_prompts, create_self_consistency)
    )
    assert diverse["candidates"] == plain["candidates"]
    assert diverse["votes"] == plain["votes"]
    assert diverse["spend"]["prompt_tokens"] > plain["spend"]["prompt_tokens"]


def test_by_default_every_approach_is_used() -> None:
    generator = ToyGenerator(0.3)
    create_diverse_prompts(generator).compile().invoke(PROBLEM, context=SEEDED)
    heads = [request.messages[0] for request in generator.requests]
    used = {head["content"] if head["role"] == "system" else "" for head in heads}
    assert used == set(APPROACHES)


@pytest.mark.parametrize("options", [{"n": 0}, {"prompts": ()}, {"prompts": "Be brief."}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError) as error:
        create_diverse_prompts(ToyGenerator(), **options)
    assert f"got {name}={value!r}." in str(error.value)
