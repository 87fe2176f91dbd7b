"""Difficulty estimators: how hard a question seems, from a few samples of it (pilots) or from its text.

Pure functions of the search so far, in [0, 1]; higher is harder. The meaning of a value depends on the models, so fit
its thresholds on your own problems with `its-graph calibrate`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from its_graph.search.tree import Tree

__all__ = ["DifficultyEstimator", "by_agreement", "by_text", "by_verifier", "text_difficulty"]

DifficultyEstimator: TypeAlias = Callable[[Tree], float]
"""Estimates difficulty in [0, 1], higher is harder, from the pilots of a search or from its question. Pure."""


def by_verifier(tree: Tree, *, scale: Callable[[float], float] = float) -> float:
    """Return 1 minus the mean score of the finished samples; 1 if none of them has a score.

    The predicted difficulty of Snell et al. (2408.03314, section 3.2), from a few samples instead of 2,048.

    Args:
        tree: the search so far.
        scale: maps scores to [0, 1], for verifiers with another range.
    """
    scores = [scale(finalist.score) for finalist in tree.finalists if finalist.finished and finalist.score is not None]
    return 1 - math.fsum(scores) / len(scores) if scores else 1.0


def by_agreement(tree: Tree) -> float:
    """Return 1 minus the share of the most frequent answer among the samples; 1 if none has an answer.

    It needs no verifier. k samples distinguish k degrees: 0, 1/k, ... A single sample always agrees with itself, and a
    model that repeats the same mistake makes a hard question look easy.
    """
    votes = Counter(answer_class for answer_class in tree.answer_classes if answer_class is not None)
    return 1 - max(votes.values()) / len(tree.answer_classes) if votes else 1.0


def by_text(tree: Tree) -> float:
    """Return the `text_difficulty` of the last message of the question. It needs no sample and is unreliable."""
    content = tree.question[-1]["content"] if tree.question else ""
    if isinstance(content, str):
        return text_difficulty(content)
    return text_difficulty(" ".join(block["text"] for block in content if block["type"] == "text"))


def text_difficulty(question: str) -> float:
    """Return a guess from surface features of a question: the last resort.

    The mean of five shares, each at most 1: words / 200, operators and comparison signs / 20, numbers / 10, opening
    parentheses / 5, task words (English only) / 3. It measures how a question looks, not how hard it is: "Prove the
    Riemann hypothesis." gets 0.07, the same request in Korean less than 0.01, and the sum of a hundred integers 0.6.
    """
    shares = (
        len(question.split()) / 200,
        len(re.findall(r"[-+*/^=<>]", question)) / 20,
        len(re.findall(r"\d+", question)) / 10,
        question.count("(") / 5,
        sum(word in question.lower() for word in _TASK_WORDS) / 3,
    )
    return math.fsum(min(share, 1.0) for share in shares) / len(shares)


_TASK_WORDS = ("prove", "show that", "find all", "maximize", "minimize", "determine")
