"""Difficulty: how hard a question seems, read from a few samples of it (pilots), or from its text.

Pure functions of the search so far, in [0, 1], higher is harder. What a number means depends on the models, so its
thresholds want to be fitted on one's own problems; `its-graph calibrate` does.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from its_graph.search.tree import Tree

__all__ = ["DifficultyEstimator", "by_agreement", "by_text", "by_verifier", "text_difficulty"]

DifficultyEstimator: TypeAlias = Callable[[Tree], float]
"""Tells from the pilots of a search, or from its question, how hard it is: in [0, 1], higher is harder. Pure."""


def by_verifier(tree: Tree, *, scale: Callable[[float], float] = float) -> float:
    """Return 1 less the mean score of the finished samples; 1 where none of them has a score.

    The predicted difficulty of Snell et al. (2408.03314, section 3.2), from few samples instead of 2,048.

    Args:
        tree: the search so far.
        scale: maps scores into [0, 1], for a verifier whose scores lie elsewhere.
    """
    scores = [scale(one.score) for one in tree.finalists if one.finished and one.score is not None]
    return 1 - math.fsum(scores) / len(scores) if scores else 1.0


def by_agreement(tree: Tree) -> float:
    """Return 1 less the share of the most frequent answer among the samples; 1 where none has an answer.

    It needs no verifier. k samples tell k degrees apart: 0, 1/k, ... One alone always agrees, and a model that makes
    the same mistake every time makes a hard question look easy.
    """
    votes = Counter(label for label in tree.answer_classes if label is not None)
    return 1 - max(votes.values()) / len(tree.answer_classes) if votes else 1.0


def by_text(tree: Tree) -> float:
    """Return the `text_difficulty` of the last question: without a single sample, and not to be relied on."""
    content = tree.question[-1]["content"] if tree.question else ""
    if isinstance(content, str):
        return text_difficulty(content)
    return text_difficulty(" ".join(block["text"] for block in content if block["type"] == "text"))


def text_difficulty(question: str) -> float:
    """Return a guess from the look of a question: the last resort.

    The mean of five shares, each at most 1: words / 200, signs of operation or comparison / 20, numbers / 10, opening
    brackets / 5, words of a task (English only) / 3. It measures how a question looks, not how hard it is: "Prove the
    Riemann hypothesis." gets 0.07, the same proof asked for in Korean less than 0.01, and the sum of a hundred whole
    numbers 0.6.
    """
    shares = (
        len(question.split()) / 200,
        len(re.findall(r"[-+*/^=<>]", question)) / 20,
        len(re.findall(r"\d+", question)) / 10,
        question.count("(") / 5,
        sum(word in question.lower() for word in _TASKS) / 3,
    )
    return math.fsum(min(share, 1.0) for share in shares) / len(shares)


_TASKS = ("prove", "show that", "find all", "maximize", "minimize", "determine")
