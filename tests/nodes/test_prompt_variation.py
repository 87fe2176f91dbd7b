"""Sampling under several instructions: which sample gets which, and its position in the conversation."""

from typing import Any

import pytest

from its_graph import SampleRequest
from its_graph.nodes.prompt_variation import APPROACHES, vary_prompts, with_system_prompt
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

QUESTION: dict[str, Any] = {"role": "user", "content": "Add 1, 2."}


def messages(sample: int, prompts: tuple[str, ...], *asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the conversation that sample `sample` is asked with."""
    request = SampleRequest(messages=asked or (QUESTION,), seed=3)
    shaped = vary_prompts(prompts)(Tree.of({}), PlannedCall(str(sample), None, request))
    assert shaped.model_copy(update={"messages": request.messages}) == request
    return list(shaped.messages)


def test_sample_i_is_drawn_under_instruction_i_cyclically() -> None:
    said = [messages(sample, ("one", "two", "three"))[0]["content"] for sample in range(5)]
    assert said == ["one", "two", "three", "one", "two"]
    assert messages(10, ("one", "two", "three"))[0]["content"] == "two"


def test_the_instruction_comes_before_the_question() -> None:
    assert messages(0, ("Be brief.",)) == [{"role": "system", "content": "Be brief."}, QUESTION]


def test_an_empty_instruction_leaves_the_conversation_as_it_is() -> None:
    assert messages(0, ("", "Be brief.")) == [QUESTION]
    assert len(messages(1, ("", "Be brief."))) == 2


@pytest.mark.parametrize(
    ("own", "both"),
    [
        ("Answer in Korean.", "Be brief.\n\nAnswer in Korean."),
        ([{"type": "text", "text": "A"}], [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "A"}]),
    ],
)
def test_two_system_prompts_become_one_message(own: Any, both: Any) -> None:
    """Many servers reject a second one."""
    system = {"role": "system", "content": own, "name": "it"}
    assert messages(0, ("Be brief.",), system, QUESTION) == [system | {"content": both}, QUESTION]
    assert system["content"] == own


def test_an_empty_conversation_gets_its_system_prompt() -> None:
    assert with_system_prompt("Be brief.", []) == [{"role": "system", "content": "Be brief."}]


def test_the_default_approaches_differ_and_one_is_the_question_alone() -> None:
    assert len(set(APPROACHES)) == len(APPROACHES) >= 4
    assert "" in APPROACHES
    assert not any(character.isdigit() for approach in APPROACHES for character in approach)
