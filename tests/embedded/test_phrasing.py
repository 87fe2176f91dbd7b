"""User phrasings are normalized to the trained phrasing, or rejected with a remedy."""

import pytest

from its_graph.embedded import normalize
from its_graph.embedded.phrasing import canonical_conversation
from its_graph.errors import EmbeddedScopeError
from its_graph.search.hints import with_hints


@pytest.mark.parametrize(
    "text",
    [
        "Compute 34 + 57 * 2.",
        "What is 34 + 57 * 2?",
        "what's 34+57*2",
        "Calculate $34 + 57 \\times 2$.",
        "34+57*2",
        "34 + 57 × 2 =",  # noqa: RUF001 - as users type it
        "34 + 57 * 2 는?",
        "34 + 57 * 2는 얼마인가요?",
        "다음 식을 계산하라: 34 + 57 * 2",
        "34 + (57 * 2)",
        "Please reason step by step, and put your final answer within \\boxed{}.\n34 + 57 * 2",
    ],
)
def test_known_phrasings(text: str) -> None:
    assert normalize(text) == "Compute 34 + 57 * 2."


def test_human_hints_are_removed() -> None:
    conversation = with_hints([{"role": "user", "content": "What is 34+57*2?"}], ["Multiply first.", "See 1 + 1."])
    assert canonical_conversation(conversation) == ({"role": "user", "content": "Compute 34 + 57 * 2."},)


def test_a_question_with_text_after_its_own_hint_is_rejected() -> None:
    question = {"role": "user", "content": "Compute 1 + 2.\n\nHint: it is small.\n\nThen double it."}
    for conversation in ([question], with_hints([question], ["Multiply first."])):
        with pytest.raises(EmbeddedScopeError, match="Then double it"):
            canonical_conversation(conversation)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What is the capital of France?", "not a single arithmetic expression"),
        ("The sum of all primes below 10 + 3?", "not a single arithmetic expression"),
        ("3 apples + 4 pears", "not a single arithmetic expression"),
        ("1 + 2 and 3 + 4", "not a single arithmetic expression"),
        ("-5 + 3", "not a single arithmetic expression"),
        ("", "not a single arithmetic expression"),
        ("2 ^ 3", "not a single arithmetic expression"),
        ("3.5 + 2", "whole numbers from 0 to 99"),
        ("100 + 2", "whole numbers from 0 to 99"),
        ("10 / 3", "a fraction or outside"),
        ("99 * 99", "a fraction or outside"),
        ("5", "0 operations"),
        ("1+1+1+1+1+1+1+1+1+1", "9 operations"),
        ("1 / 0", "divides by zero"),
        ("2 ** 3", "where a number was expected"),
    ],
)
def test_errors_name_question_domain_and_remedy(text: str, reason: str) -> None:
    with pytest.raises(EmbeddedScopeError) as error:
        normalize(text)
    message = str(error.value)
    assert repr(text) in message
    assert reason in message
    assert "integer arithmetic" in message
    assert "--model PATH" in message
    assert "TransformersGenerator.from_pretrained" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1" + " + 1" * 240, "240 operations"),
        ("(" * 495 + "1+1" + ")" * 495, "nested too deeply"),
        ("1 + 1 " + "(" * 1_000, "longer than 1,000 characters"),
    ],
)
def test_long_questions_are_rejected_clearly(text: str, reason: str) -> None:
    with pytest.raises(EmbeddedScopeError, match=reason):
        normalize(text)


def test_only_the_last_user_message_is_kept() -> None:
    conversation = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1 + 1"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": [{"type": "text", "text": "What is 2 + 3?"}]},
    )
    assert canonical_conversation(conversation) == ({"role": "user", "content": "Compute 2 + 3."},)


def test_a_conversation_without_a_user_is_rejected() -> None:
    with pytest.raises(EmbeddedScopeError, match="no user message"):
        canonical_conversation([{"role": "system", "content": "1 + 1"}])
