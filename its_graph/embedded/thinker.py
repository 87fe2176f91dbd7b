r"""Training data of the thinking variant of the embedded generator: texts that check and revise attempts.

There are two kinds of text, both built from right and wrong attempts that the plain generator sampled:

- a thought: an attempt, then either the end of thinking and the boxed answer, or, if the attempt is wrong, `Wait` and
  another attempt: `Step 1: ...\n\nStep 2: ...\n\nWait\n\nStep 1: ... </think>\n\n\boxed{191}`. A wrong attempt is only
  context and never a target; the decision to wait is a target.
- a revision: the question, an attempt, the question again, ..., as turns of a conversation, and then a right thought
  (Snell et al. 2408.03314, section 6: up to four wrong attempts and a right one).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    "build_thought",
    "sample_attempts",
    "thinking_batch",
]

WAIT = "\n\nWait"
END_OF_THINKING = "\n</think>\n\n"


class TextSegment(NamedTuple):
    """A part of a training text."""

    text: str
    is_target: bool
    """Whether the model is trained to generate it."""


@dataclass(frozen=True)
class AttemptPlan:
    """How many attempts at how many training questions are sampled."""

    questions: int = 3000
    samples: int = 4
    temperature: float = 1.0
    seed: int = 301


class Attempts(NamedTuple):
    """A training problem and the plain generator's attempts at it."""

    problem: ArithmeticProblem
    right: tuple[str, ...]
    wrong: tuple[str, ...]


def sample_attempts(generator: Generator, plan: AttemptPlan) -> list[Attempts]:
    """Sample the attempts, and drop those that were cut off."""
    problems = list(arithmetic_problems(plan.questions, seed=plan.seed, split="train"))
    replies = generator.batch(
        [
            SampleRequest(
                messages=user_message(problem),
                n=plan.samples,
                temperature=plan.temperature,
                max_tokens=generator.max_tokens,
                seed=derive_seed(plan.seed, f"attempts {index}"),
            )
            for index, problem in enumerate(problems)
        ]
    )
    pool = []
    for problem, samples in zip(problems, replies, strict=True):
        texts = [sample.text for sample in samples if sample.finish_reason == "end"]
        right = [extract_answer(text) == problem.answer for text in texts]
        pool.append(
            Attempts(
                problem,
                tuple(text for text, is_right in zip(texts, right, strict=True) if is_right),
                tuple(text for text, is_right in zip(texts, right, strict=True) if not is_right),
            )
        )
    return pool


def build_thought(attempts: Attempts, rng: random.Random) -> list[TextSegment]:
    """Return a thought of one to four attempts: wrong ones, each followed by `Wait`, then a right one."""
    solution = reference_solution(attempts.problem.expression)
    segments = []
    for text in rng.sample(attempts.wrong, k=min(len(attempts.wrong), rng.choice((0, 1, 1, 2)))):
        segments.append(TextSegment(_without_answer(text), is_target=False))
        segments += [TextSegment(WAIT, is_target=True), TextSegment("\n\n", is_target=True)]
    if rng.random() < 0.25:  # a forced wait after a right attempt: the next attempt repeats it
        segments.append(TextSegment(_without_answer(solution), is_target=False))
        segments += [TextSegment(WAIT, is_target=False), TextSegment("\n\n", is_target=True)]
    return [*segments, TextSegment(_as_thought(solution), is_target=True)]


def build_revision(attempts: Attempts, rng: random.Random) -> tuple[list[str], list[TextSegment]]:
    """Return up to four earlier attempts, wrong ones before right ones, and the thought that follows them.

    Attempts and target have the same form, a thought and its answer: a model that sees solutions without an end of
    thinking learns to omit it.
    """
    wrong = rng.sample(attempts.wrong, k=min(len(attempts.wrong), rng.randint(1, 4)))
    right = attempts.right[: rng.choice((0, 0, 1)) if wrong else 1]
    shown = [_as_thought(text) for text in (*wrong, *right)]
    target = _as_thought(reference_solution(attempts.problem.expression))
    return shown[:4], [TextSegment(target, is_target=True)]


def thinking_batch(tokenizer: Any, pool: Sequence[Attempts], size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ids and labels [size, T] of one batch of thoughts and revisions; equal seeds give equal batches."""
    rng = random.Random(seed)
    rows, labels = [], []
    for index in range(size):
        attempts = rng.choice(pool)
        turns, segments = _example(attempts, rng, as_revision=index % 5 < 2)
        row = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        target = [-100] * len(row)
        for text, is_target in segments:
            ids = tokenizer.encode(text, add_special_tokens=False)
            row += ids
            target += ids if is_target else [-100] * len(ids)
        rows.append([*row, tokenizer.eos_token_id])
        labels.append([*target, tokenizer.eos_token_id])
    return pad_batch(rows, labels, tokenizer.pad_token_id)


def _example(
    attempts: Attempts, rng: random.Random, *, as_revision: bool
) -> tuple[list[dict[str, str]], list[TextSegment]]:
    question = {"role": "user", "content": attempts.problem.text}
    if not as_revision:
        return [question], build_thought(attempts, rng)
    shown, target = build_revision(attempts, rng)
    turns = [question]
    for text in shown:
        turns += [{"role": "assistant", "content": text}, question]
    return turns, target


def _without_answer(text: str) -> str:
    """Return an attempt without its boxed answer, which a thought states once, at its end."""
    return text.split("\n\\boxed", 1)[0]


def _as_thought(text: str) -> str:
    """Return an attempt as a thought and its answer: steps, end of thinking, boxed answer."""
    return text.replace("\n\\boxed", f"{END_OF_THINKING}\\boxed")
