"""Answer extraction and end detection: docs/reference/algorithms.md 0.3."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.text.answers import extract_answer, has_final_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"first \boxed{3} no wait \boxed{4}", "4"),
        ("no box, no marker", None),
        ("답은 5이다", "5"),
        ("이 문제에 답 하기는 어렵다", None),
        (r"\fbox{7}", "7"),
        ("The final answer is 12.", "12"),
        ("Answer: 12", "12"),
    ],
)
def test_vectors_of_the_reference(text: str, answer: str | None) -> None:
    """Reference 0.3."""
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{}", None),
        (r"\boxed{ } and the answer is 5", None),
        (r"\boxed{3", None),
        (r"\boxed{3} or \boxed{4", "3"),
        (r"\boxed {3}", "3"),
        (r"\boxed{\boxed{3}}", "3"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{1\right.}", r"\left\{1\right."),
        (r"\boxed{\begin{pmatrix}1\\2\end{pmatrix}}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\boxed{1\\}", r"1\\"),
        ("} stray } \\boxed{3}", "3"),
        (r"{open \boxed{3}", "3"),
        (r"\Boxed{3}", None),
        (r"The answer is 4. \boxed{5}", "5"),
        (r"\boxed{5} The answer is 4.", "5"),
    ],
)
def test_boxes(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 42.", "42"),
        ("The answer is 3.14.", "3.14"),
        ("the answer is: $18$.", "18"),
        ("The answer is $18.", "$18"),
        ("The answer is $5 and $6 for two.", "$5 and $6 for two"),
        (r"The answer is \(x = 3\), as we saw.", "x = 3"),
        ("The final answer is\n\n\\[\n\\frac{1}{2}\n\\]", r"\frac{1}{2}"),
        ("Final Answer: The final answer is $1/2$. I hope it is correct.", "1/2"),
        ("**Final answer:** 42", "42"),
        ("**Answer**: 42", "42"),
        ("Answer:\n42", "42"),
        ("Answer = 42", "42"),
        ("The answer to the problem is 5", "5"),
        ("The answer is approximately 3.2", "3.2"),
        ("The answer is 42 because 6*7=42.", "42"),
        ("The answer is 18 dollars.", "18 dollars"),
        ("The answer is (C).", "(C)"),
        ("The answer is Evelyn.", "Evelyn"),
        ("Answer: Evelyn Smith", "Evelyn Smith"),
        ("The answer is x^2 + 1.", "x^2 + 1"),
        ("The answer is -2x.", "-2x"),
        ("The answer is 5. The answer is 6.", "6"),
        ("The answer is 5. But the answer is not yet verified.", "5"),
        ("So 2 + 2 = 4\n#### 4", "4"),
        ("#### -5", "-5"),
        ("#### 1,234", "1,234"),
        ("steps\nA: 90,000", "90,000"),
        ("steps\nA: 31.75\n", "31.75"),
        ("A: -1.8 billion", "-1.8 billion"),
        ("정답은 7입니다.", "7"),
        ("답: 5", "5"),
        ("답 : 5", "5"),
        ("최종 답: $x=3$", "x=3"),
        ("최종 답은 12이다. 검산하면 맞다.", "12"),
        ("따라서 정답은 5개이다.", "5개"),
        ("답은 월요일입니다", "월요일"),
        ("답은 2다", "2"),
    ],
)
def test_markers(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 + 2 = 4",
        "Step 1: add\n4",
        "The answer is obtained by dividing 6 by 2",
        "The answer is not clear",
        "So the answer is correct.",
        "Answer: Let's think step by step. 5 + 3 = 8",
        "#### Step 1: plan",
        "#### 1. Find x",
        "##### 5",
        "A: 12\nB: 15\nC: 18",
        "a: 12",
        "A: Let's see",
        "A: 21 trees stood there first",
        "The answers: many",
        "대답: 5",
        "정답률은 50이다",
        "답은 알 수 없다",
        "답은 다음과 같다",
    ],
)
def test_text_without_an_answer_does_not_vote(text: str) -> None:
    """Reference 1.3: a last-line fallback makes non-answers vote."""
    assert extract_answer(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>\boxed{3}</think> \boxed{4}", "4"),
        (r"<think>\boxed{3}</think> hm", None),
        (r"\boxed{3}</think> The answer is 4.", "4"),
        (r"\boxed{3} <think> wait", None),
        (r"<think>a</think>\boxed{3}<think>b \boxed{4}</think>", "3"),
        (r"<thinking>\boxed{3}</thinking>", None),
    ],
)
def test_thinking_is_not_read(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer
    assert has_final_answer(text) == (answer is not None and r"\boxed{" + answer + "}" in text)


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("Therefore 2x = 4, next divide", False),
        ("따라서 2x=4", False),
        ("The final answer is 4", False),
        ("답: 4", False),
        (r"\boxed{4}", True),
        (r"\fbox{4}", True),
        (r"\boxed{4", False),
        (r"\boxed{", False),
        (r"\boxed{ }", False),
        (r"\Boxed{4}", False),
        ("", False),
    ],
)
def test_end_detection(text: str, final: bool) -> None:
    """Reference 0.3: words are not ends, half a box is not an end."""
    assert has_final_answer(text) is final


WORDS = [
    "answer is ",
    "Answer:",
    "####",
    "A:",
    "B:",
    "답은 ",
    "정답:",
    r"\boxed{",
    "}",
    "$",
    r"\(",
    r"\)",
    "<think>",
    "</think>",
]
WORDS += ["5", "x", "=", ".", "\n", " ", "*", "이다", "about ", "because "]


@given(st.text(alphabet="abc{}1 \\\n", max_size=30).filter(lambda text: "\\" not in text))
def test_a_balanced_box_is_returned_whole(content: str) -> None:
    depth = 0
    for character in content:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return
    if depth == 0:
        assert extract_answer(f"text \\boxed{{{content}}} more") == (content.strip() or None)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_no_text_raises(text: str) -> None:
    answer = extract_answer(text)
    assert answer is None or answer.strip() == answer != ""


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "{", "the answer is ", "<think>", "####", "$", r"\[", "답은 ", "answer to ", " ", "A:\n"]
)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    extract_answer(text)
    has_final_answer(text)
    assert time.process_time() - start < 2
