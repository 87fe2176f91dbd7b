"""Step splitting: docs/reference/algorithms.md 0.3."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from its_graph.errors import ConfigurationError
from its_graph.text.steps import split_steps


@pytest.mark.parametrize(
    "text",
    [
        "## Step 1: a\n## Step 2: b",
        "## Step 1: a\n\n## Step 2: b",
        "Step 1: a\nStep 2: b",
        "step 1. a\nstep 2. b",
        "**Step 1**\na\n**Step 2**\nb",
        "**Step 1:** a\n\n**Step 2:** b",
        "### Step 1 Add\na\n### Step 2 Divide\nb",
        "- Step 1: a\n- Step 2: b",
        "[Step 1] a\n[Step 2] b",
        "Step 1\r\na\r\nStep 2\r\nb",
        "1. a\n2. b",
        "1) a\n2) b",
        "1단계: a\n2단계: b",
        "**1단계** a\n**2단계** b",
        "제1단계: a\n제2단계: b",
        "[단계 1] a\n[단계 2] b",
        "단계 1: a\n단계 2: b",
        "<step>a</step>\n<step>b</step>",
        "<step>a</step><step>b</step>",
        "<step 1>a\n<step 2>b",
        "a\n\nb",
        "a\n \n\n  b",
        "a\r\n\r\nb",
    ],
)
def test_two_steps(text: str) -> None:
    """Reference 0.3: each of these forms has two steps."""
    steps = split_steps(text)
    assert len(steps) == 2
    assert "".join(steps) == text
    assert "a" in steps[0]
    assert "b" in steps[1]


@pytest.mark.parametrize(
    "text",
    [
        "Stepping back, we see\nSteps are many\nStep by step",
        "Step 2 follows from step 1\nStep 1 of the proof",
        "Step 2-3 are alike\nStep 2-3 again",
        "1단계에서 본다\n2단계에서 본다",
        "the sum is\n5. Then we go\n7. And on",
        "1.5 is half\n2.5 is more",
        "one line",
        "one line\nsecond line",
    ],
)
def test_no_boundary(text: str) -> None:
    """Reference 0.3: "Stepping back" and "Steps are many" open no step."""
    assert split_steps(text) == [text]


def test_the_empty_text_has_no_steps() -> None:
    assert split_steps("") == []


def test_white_space_is_never_its_own_step() -> None:
    assert split_steps("\n\na\n\n\n\n \n\nb\n\n") == ["\n\na\n\n\n\n \n\n", "b\n\n"]
    assert split_steps(" ; ;a; ;b;", ";") == [" ; ;a; ;", "b;"]
    assert split_steps("\n\n") == ["\n\n"]


@pytest.mark.parametrize(
    "block",
    [
        "```python\nx = 1\n\nStep 1: no\n\nStep 2: no\n```",
        "~~~\nx\n\ny\n~~~",
        "$$\nx\n\ny\n$$",
        "\\[\nx\n\ny\n\\]",
    ],
)
def test_code_and_display_math_are_never_split(block: str) -> None:
    """Reference 0.3."""
    assert split_steps(f"a\n\n{block}\n\nb") == ["a\n\n", f"{block}\n\n", "b"]
    assert split_steps(block) == [block]


def test_a_step_may_begin_where_display_math_ends() -> None:
    assert split_steps("<step>$$a$$<step>$$b$$") == ["<step>$$a$$", "<step>$$b$$"]
    assert split_steps("<step>$$a<step>b$$<step>") == ["<step>$$a<step>b$$", "<step>"]


def test_an_open_fence_protects_the_rest_and_open_math_does_not() -> None:
    assert split_steps("a\n\n```\nx\n\ny") == ["a\n\n", "```\nx\n\ny"]
    assert split_steps("a\n\n$$x\n\ny") == ["a\n\n", "$$x\n\n", "y"]
    assert split_steps("```x``` is code\n\nb") == ["```x``` is code\n\n", "b"]
    assert split_steps("costs \\$$5\n\nand $$6") == ["costs \\$$5\n\n", "and $$6"]
    assert split_steps("x \\\\[4pt]\n\ny \\]") == ["x \\\\[4pt]\n\n", "y \\]"]


def test_only_labels_count_where_steps_are_labeled() -> None:
    text = "Let us see.\n\n## Step 1: plan\n\nWe add.\n1. one\n2. two\n\n## Step 2: act\n\nDone.\n\nSo 3."
    assert split_steps(text) == [
        "Let us see.\n\n## Step 1: plan\n\nWe add.\n1. one\n2. two\n\n",
        "## Step 2: act\n\nDone.\n\nSo 3.",
    ]


def test_one_label_is_not_enough() -> None:
    assert split_steps("Step 1: a\n\nb\n\nc") == ["Step 1: a\n\n", "b\n\n", "c"]


def test_items_and_blank_lines_both_split() -> None:
    text = "Facts:\n1. a\n2. b\n\nSo c.\n\n1. again"
    assert split_steps(text) == ["Facts:\n1. a\n", "2. b\n\n", "So c.\n\n", "1. again"]


def test_text_after_the_last_tag_is_a_step() -> None:
    assert split_steps("<step>a</step>\n<step>b</step>\nSo c.") == ["<step>a</step>\n", "<step>b</step>\n", "So c."]


def test_other_separators() -> None:
    assert split_steps("a\nb\n\nc", "\n") == ["a\n", "b\n\n", "c"]
    assert split_steps("a ки\nb ки\n", " ки\n") == ["a ки\n", "b ки\n"]
    with pytest.raises(ConfigurationError, match="non-empty string"):
        split_steps("a", "")


def test_the_problem_is_not_part_of_the_steps() -> None:
    """Reference 0.3: the state `Problem: l1 / l2 / Solution: / a / b` has the steps a and b.

    Problem and solution are kept apart, so the splitter sees the solution only; every line of it can be a step.
    """
    state = {"messages": [{"role": "user", "content": "Problem: l1\nl2"}], "solution": "a\nb"}
    assert [step.strip() for step in split_steps(str(state["solution"]), "\n")] == ["a", "b"]
    assert split_steps("Problem: is what we call x.\n\nb") == ["Problem: is what we call x.\n\n", "b"]


LABELS = ("Step 1: ", "Step 2: ", "1단계: ", "[단계 2]", "1. ", "2. ", "3) ", "## ", "**", "<step>", "</step>")
PIECES = st.sampled_from([*LABELS, *"a; \n\t$\\", "\n\n", "\r\n", "```", "~~~", "$$", "\\[", "\\]"])


@given(
    st.one_of(st.text("a;\n \r#*", max_size=20), st.lists(PIECES, max_size=25).map("".join)),
    st.sampled_from(["\n\n", "\n", ";", "a"]),
)
@example("```\n\n", "\n\n")
@example("</step>", "\n\n")
def test_steps_join_to_the_text(text: str, separator: str) -> None:
    steps = split_steps(text, separator)
    assert "".join(steps) == text
    if text.replace(separator, "").strip():
        assert all(step.replace(separator, "").strip() for step in steps)
    else:
        assert steps == ([text] if text else [])


@pytest.mark.parametrize(
    "piece", ["$$", "\\[", "\\[x", "```\n", "```a\nb", "\n", "\n ", "<step>", "</step>", "Step 1:\n", "** "]
)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    start = time.process_time()
    split_steps(piece * (100_000 // len(piece)))
    assert time.process_time() - start < 2
