"""Prompts that show earlier texts: what is shown, in which order, and how a model that cannot revise reads it."""

import re

import pytest

from its_graph import SampleRequest
from its_graph.contracts import Message
from its_graph.embedded.phrasing import canonical_conversation, canonical_turns
from its_graph.nodes import prompts
from its_graph.nodes.prompts import INSTRUCTIONS, NEXT, visible_text, without_instruction
from its_graph.nodes.rules.types import RewritePrompt
from its_graph.testing import ToyGenerator

QUESTION: list[Message] = [{"role": "user", "content": "Compute 3 + 5."}]
TEXTS = ["It is 7.", "It is 8."]
PROMPTS = (
    prompts.revise,
    prompts.bare,
    prompts.aggregate,
    prompts.summarize,
    prompts.from_workspace,
    prompts.critique,
    prompts.refine,
)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]])
def test_a_prompt_is_a_conversation_by_turns_that_ends_with_the_question(
    prompt: RewritePrompt, texts: list[str]
) -> None:
    messages = prompt(QUESTION, texts)
    assert messages[0] == QUESTION[0]
    assert [message["role"] for message in messages] == ["user", "assistant"] * len(texts) + ["user"]
    assert [message["content"] for message in messages if message["role"] == "assistant"] == texts
    assert messages[-1]["content"].endswith("Compute 3 + 5.")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_without_texts_only_the_question_is_asked(prompt: RewritePrompt) -> None:
    assert prompt(QUESTION, []) == QUESTION


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_model_that_reads_only_the_question_answers_from_scratch(prompt: RewritePrompt) -> None:
    question: list[Message] = [{"role": "user", "content": "Add 3, 5, 4."}]
    plain = SampleRequest(messages=tuple(question), seed=5)
    again = SampleRequest(messages=tuple(prompt(question, [r"\boxed{99}"])), seed=5)
    toy = ToyGenerator(0.5)
    assert toy.invoke(again)[0].text == toy.invoke(plain)[0].text
    assert canonical_conversation(prompt(QUESTION, TEXTS)) == canonical_conversation(QUESTION)


@pytest.mark.parametrize("prompt", PROMPTS[:-1])
def test_a_model_trained_on_bare_turns_reads_every_prompt_as_such(prompt: RewritePrompt) -> None:
    assert list(canonical_turns(prompt(QUESTION, TEXTS))) == prompts.bare(QUESTION, TEXTS)


def test_bare_is_the_question_before_each_text_and_after_the_last() -> None:
    first, second = ({"role": "assistant", "content": text} for text in ("<think>7</think> 8", TEXTS[1]))
    asked = prompts.bare(QUESTION, ["<think>7</think> 8", TEXTS[1]])
    assert asked == [QUESTION[0], first, QUESTION[0], second, QUESTION[0]]


def test_each_purpose_has_its_own_instruction() -> None:
    last = [prompt(QUESTION, TEXTS)[-1]["content"] for prompt in PROMPTS]
    assert len(set(last)) == len(PROMPTS)
    assert {text.removesuffix("\n\nCompute 3 + 5.") for text in last if text != "Compute 3 + 5."} == set(INSTRUCTIONS)
    assert not any(re.search(r"\d", instruction) for instruction in INSTRUCTIONS)


def test_a_single_text_is_revised_not_aggregated_and_so_is_one_without_a_review() -> None:
    """Reference 4.4: K=1 is self-refinement."""
    assert prompts.aggregate(QUESTION, TEXTS[:1]) == prompts.revise(QUESTION, TEXTS[:1])
    assert prompts.refine(QUESTION, TEXTS[:1]) == prompts.revise(QUESTION, TEXTS[:1])


def test_a_review_is_asked_for_between_an_attempt_and_its_review() -> None:
    assert prompts.refine(QUESTION, TEXTS)[2]["content"] == "Review it."
    assert prompts.revise(QUESTION, TEXTS)[2]["content"] == NEXT


def test_the_critic_is_asked_for_the_verdict_that_is_looked_for() -> None:
    asked = prompts.critique(QUESTION, TEXTS[:1])[-1]["content"]
    assert "`Verdict: correct`" in asked
    assert "`Verdict: wrong`" in asked


def test_the_whole_conversation_of_the_question_comes_first() -> None:
    question: list[Message] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "Compute 3 + 5."},
        {"role": "tool", "content": "a calculator says 8"},
    ]
    messages = prompts.revise(question, TEXTS)
    assert messages[:5] == question
    assert messages[-1]["content"].endswith("\n\nCompute 3 + 5.")
    assert question[-1]["role"] == "tool"
    assert len(question) == 5


def test_images_are_asked_about_again() -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    asked = prompts.revise([{"role": "user", "content": parts}], TEXTS)[-1]["content"]
    assert asked[0] == {"type": "text", "text": INSTRUCTIONS[0]}
    assert asked[1:] == parts


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain \n", "plain"),
        ("<think>\n3 or 4</think>\n\nIt is 4.", "It is 4."),
        ("3 or 4</think>\n\nIt is 4.", "It is 4."),
        ("<think>3 or", "<think>3 or"),
        ("<think>3 or 4</think>\n", "<think>3 or 4</think>"),
    ],
)
def test_thinking_is_not_shown_unless_there_is_nothing_else(text: str, seen: str) -> None:
    assert visible_text(text) == seen
    assert prompts.revise(QUESTION, [text])[1]["content"] == seen


def test_an_instruction_can_be_taken_off_again() -> None:
    for prompt in PROMPTS:
        assert without_instruction(prompt(QUESTION, TEXTS)[-1]["content"]) == "Compute 3 + 5."
    assert without_instruction("Compute 3 + 5.") == "Compute 3 + 5."
