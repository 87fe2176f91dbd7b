r"""What the thinking variant of the embedded generator learns from: second looks at its own attempts.

Two kinds of text, both over attempts that the plain generator made, right and wrong ones as they came:

- a thought: an attempt, then either the end of thinking and the boxed answer, or, where the attempt was wrong, `Wait`
  and another attempt: `Step 1: ...\n\nStep 2: ...\n\nWait\n\nStep 1: ... </think>\n\n\boxed{191}`. A wrong attempt is
  context and never a target; whether to wait is one.
- a revision: the question, an attempt, the question again, ..., as turns of a conversation, and then a right thought
  (Snell et al. 2408.03314, section 6: up to four wrong attempts and a right one).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor

from its_graph.contracts import Generator, SampleRequest
from its_graph.embedded.arithmetic import ArithmeticProblem, arithmetic_problems, reference_solution
from its_graph.embedded.dataset import user_message
from its_graph.embedded.pretrain import pad_batch
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer

__all__ = [
    "END_OF_THINKING",
    "WAIT",
    "AttemptPlan",
    "Attempts",
    "TextSegment",
    "build_revision",
    "sample_attempts",
    "thinking_batch",
    "build_thought",
]

WAIT = "\n\nWait"
END_OF_THINKING = "\n</think>\n\n"


class TextSegment(NamedTuple):
    """A part of a training text, and whether the model shall learn to write it."""

    text: str
    learnt: bool


@dataclass(frozen=True)
class AttemptPlan:
    """How many attempts are sampled for the training questions."""

    questions: int = 3000
    samples: int = 4
    temperature: float = 1.0
    seed: int = 301


class Attempts(NamedTuple):
    """A training problem and what the plain generator made of it."""

    problem: ArithmeticProblem
    right: tuple[str, ...]
    wrong: tuple[str, ...]


AttemptPool: TypeAlias = Sequence[Attempts]


def sample_attempts(generator: Generator, plan: AttemptPlan) -> list[Attempts]:
    """Sample the attempts; what was cut off counts for nothing."""
    asked = list(arithmetic_problems(plan.questions, seed=plan.seed, split="train"))
    replies = generator.batch(
        [
            SampleRequest(
                messages=user_message(item),
                n=plan.samples,
                temperature=plan.temperature,
                max_tokens=generator.max_tokens,
                seed=derive_seed(plan.seed, f"attempts {place}"),
            )
            for place, item in enumerate(asked)
        ]
    )
    pool = []
    for item, samples in zip(asked, replies, strict=True):
        texts = [sample.text for sample in samples if sample.finish_reason == "end"]
        right = [extract_answer(text) == item.answer for text in texts]
        pool.append(
            Attempts(
                item,
                tuple(text for text, good in zip(texts, right, strict=True) if good),
                tuple(text for text, good in zip(texts, right, strict=True) if not good),
            )
        )
    return pool


def build_thought(attempts: Attempts, rng: random.Random) -> list[TextSegment]:
    """Return a thought over one to three attempts: wrong ones and what they call for, then a right one."""
    pieces = []
    for text in rng.sample(attempts.wrong, k=min(len(attempts.wrong), rng.choice((0, 1, 1, 2)))):
        pieces += [TextSegment(_steps(text), learnt=False), TextSegment(WAIT, learnt=True), TextSegment("\n\n", learnt=True)]
    if rng.random() < 0.25:  # a wait that was forced: nothing was wrong, and nothing is to change
        pieces += [TextSegment(_steps(reference_solution(attempts.problem.expression)), learnt=False), TextSegment(WAIT, learnt=False)]
        pieces.append(TextSegment("\n\n", learnt=True))
    return [*pieces, TextSegment(_thought_over(reference_solution(attempts.problem.expression)), learnt=True)]


def build_revision(attempts: Attempts, rng: random.Random) -> tuple[list[str], list[TextSegment]]:
    """Return up to four earlier attempts, wrong ones before right ones, and the thought that follows them.

    Attempts and target have one form, a thought and its answer: a model that is shown, or asked for, a solution
    without an end of thinking learns to leave that end out.
    """
    wrong = rng.sample(attempts.wrong, k=min(len(attempts.wrong), rng.randint(1, 4)))
    right = attempts.right[: rng.choice((0, 0, 1)) if wrong else 1]
    shown = [_thought_over(text) for text in (*wrong, *right)]
    return shown[:4], [TextSegment(_thought_over(reference_solution(attempts.problem.expression)), learnt=True)]


def thinking_batch(tokenizer: Any, pool: AttemptPool, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ids and labels [size, T] of one batch, thoughts and revisions by turns; a function of the seed."""
    rng = random.Random(seed)
    rows, labels = [], []
    for place in range(size):
        attempts = rng.choice(pool)
        turns, pieces = _example(attempts, rng, as_revision=place % 5 < 2)
        row = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        target = [-100] * len(row)
        for text, learnt in pieces:
            ids = tokenizer.encode(text, add_special_tokens=False)
            row += ids
            target += ids if learnt else [-100] * len(ids)
        rows.append([*row, tokenizer.eos_token_id])
        labels.append([*target, tokenizer.eos_token_id])
    return pad_batch(rows, labels, tokenizer.pad_token_id)


def _example(attempts: Attempts, rng: random.Random, *, as_revision: bool) -> tuple[list[dict[str, str]], list[TextSegment]]:
    question = {"role": "user", "content": attempts.problem.text}
    if not as_revision:
        return [question], build_thought(attempts, rng)
    shown, target = build_revision(attempts, rng)
    turns = [question]
    for text in shown:
        turns += [{"role": "assistant", "content": text}, question]
    return turns, target


def _steps(text: str) -> str:
    """Return an attempt without its boxed answer: a thought states it once, at its end."""
    return text.split("\n\\boxed", 1)[0]


def _thought_over(text: str) -> str:
    """Return an attempt as a thought and its answer: steps, end of thinking, boxed answer."""
    return text.replace("\n\\boxed", f"{END_OF_THINKING}\\boxed")
