"""Training data of the thinking variant, and a quick training run."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from its_graph.embedded.arithmetic import arithmetic_problem, reference_solution
from its_graph.embedded.phrasing import canonical_turns
from its_graph.embedded.thinker import END_OF_THINKING, WAIT, Attempts, build_revision, build_thought, thinking_batch
from its_graph.embedded.tokenizer import build_tokenizer
from its_graph.embedded.train_thinker import QUICK_THINKER, train_thinker

PROBLEM = arithmetic_problem(3, seed=5, split="train")
RIGHT = reference_solution(PROBLEM.expression)
WRONG = tuple(f"Step 1: 1 + 1 = {wrong}\n\\boxed{{{wrong}}}" for wrong in (3, 4, 5, 6, 7))
ATTEMPTS = Attempts(PROBLEM, (RIGHT,), WRONG)


@pytest.mark.parametrize("seed", range(30))
def test_a_thought_ends_right_and_never_trains_an_error(seed: int) -> None:
    segments = build_thought(ATTEMPTS, random.Random(seed))
    target = "".join(segment.text for segment in segments if segment.is_target)
    whole = "".join(segment.text for segment in segments)
    assert "1 + 1 =" not in target
    assert whole.endswith(f"{END_OF_THINKING}\\boxed{{{PROBLEM.answer}}}")
    assert whole.count("\\boxed") == 1
    assert target.count("Step 1: ") == 1
    assert whole.count(WAIT) == sum(segment.text.startswith("Step 1: ") for segment in segments) - 1


def test_wait_is_a_target_only_after_a_wrong_attempt() -> None:
    for seed in range(100):
        segments = build_thought(ATTEMPTS, random.Random(seed))
        for before, wait in pairwise(segments):
            if wait.text == WAIT:
                assert wait.is_target == (before.text != RIGHT.split("\n\\boxed")[0])


def test_a_revision_shows_one_to_four_attempts_and_trains_the_right_thought() -> None:
    counts = {len(build_revision(ATTEMPTS, random.Random(seed))[0]) for seed in range(100)}
    assert counts == {1, 2, 3, 4}
    for seed in range(20):
        shown, target = build_revision(ATTEMPTS, random.Random(seed))
        assert all(text.count(END_OF_THINKING) == text.count("\\boxed") == 1 for text in shown)
        assert [segment.text for segment in target] == [RIGHT.replace("\n\\boxed", f"{END_OF_THINKING}\\boxed")]


def test_a_revision_without_wrong_attempts_shows_a_right_one() -> None:
    shown, _ = build_revision(Attempts(PROBLEM, (RIGHT, RIGHT), ()), random.Random(1))
    assert len(shown) == 1


def test_only_targets_have_labels() -> None:
    tokenizer = build_tokenizer()
    ids, labels = thinking_batch(tokenizer, [ATTEMPTS], 40, seed=1)
    for row, label in zip(ids.tolist(), labels.tolist(), strict=True):
        assert all(target in (-100, token) for token, target in zip(row, label, strict=True))
        trained = tokenizer.decode([target for target in label if target >= 0])
        assert "1 + 1 =" not in trained
        assert trained.endswith(f"\\boxed{{{PROBLEM.answer}}}<|im_end|>")
    again, _ = thinking_batch(tokenizer, [ATTEMPTS], 40, seed=1)
    assert again.tolist() == ids.tolist()


def test_the_variant_reads_its_attempts_as_turns() -> None:
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 34+57?"},
        *[
            {"role": role, "content": text}
            for i in range(5)
            for role, text in (("assistant", f"a{i}"), ("user", "34+57"))
        ],
    ]
    turns = canonical_turns(conversation)
    assert [turn["content"] for turn in turns if turn["role"] == "assistant"] == ["a1", "a2", "a3", "a4"]
    assert {turn["content"] for turn in turns if turn["role"] == "user"} == {"Compute 34 + 57."}
    assert [turn["role"] for turn in turns] == ["user", *["assistant", "user"] * 4]


def test_training_runs_and_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from its_graph.embedded import WEIGHTS
    from its_graph.embedded.models import ArithmeticThinker

    folder = train_thinker(QUICK_THINKER, WEIGHTS / "generator", tmp_path / "out", export=tmp_path / "weights")
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    train_thinker(QUICK_THINKER, WEIGHTS / "generator", tmp_path / "out")
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    with ArithmeticThinker.from_pretrained(tmp_path / "weights" / "thinker", device="cpu") as thinker:
        sample: Any = thinker.invoke(_request())[0]
    assert sample.generated_tokens > 0
    assert (tmp_path / "weights" / "thinker" / "training.json").exists()


def _request() -> Any:
    from its_graph import SampleRequest

    return SampleRequest(messages=({"role": "user", "content": PROBLEM.text},), max_tokens=8, seed=1)
