"""Stop rules: when a search has enough. Pure functions of the tree; each states what it guarantees."""

import math
from collections import Counter
from collections.abc import Sequence
from math import comb

from its_graph.nodes.rules.types import StopRule
from its_graph.search.tree import Tree

__all__ = [
    "adaptive_consistency",
    "all_sampled",
    "beta_confidence",
    "e_value",
    "enough_complete",
    "first_unanimous",
    "mixture_e_value",
    "no_open_path",
    "out_of_steps",
    "too_deep",
    "unanimous_window",
]

# --- every loop ---------------------------------------------------------------------------------------------------


def out_of_steps(supersteps: int) -> StopRule:
    """Stop while the recursion limit still leaves room to answer: reaching it would end the run and lose everything.

    A parent's explicit `recursion_limit` applies to its subgraphs, and no subgraph can raise it.

    Args:
        supersteps: supersteps of one more round up to and including its decision, and of the way from there to the end
            of the graph. `its_graph.graphs.build.recursion_guard` derives the number from a graph.
    """

    def rule(tree: Tree) -> str | None:
        left = tree.remaining_steps  # includes the superstep that asks; None outside a graph
        return "recursion_limit" if left is not None and left - 1 < supersteps else None

    return rule


# --- step searches -----------------------------------------------------------------------------------------------


def no_open_path(tree: Tree) -> str | None:
    """Stop when no path can be continued."""
    return None if any(map(tree.open, tree.frontier)) else ("completed" if tree.completed else "no_open_path")


def enough_complete(n: int) -> StopRule:
    """Stop when `n` solutions are complete."""

    def rule(tree: Tree) -> str | None:
        # If no new step is finished, the count is what it was in the last round, when it was not enough.
        any_finished = any(map(tree.finished, tree.new_steps))
        return "completed" if any_finished and tree.completed >= n else None

    return rule


def too_deep(max_steps: int) -> StopRule:
    """Stop when the open paths are `max_steps` steps long."""

    def rule(tree: Tree) -> str | None:
        return "max_steps" if any(tree.open(step) and tree.depth(step) >= max_steps for step in tree.frontier) else None

    return rule


# --- sampling ----------------------------------------------------------------------------------------------------


def all_sampled(n: int) -> StopRule:
    """Stop when all `n` samples are drawn."""

    def rule(tree: Tree) -> str | None:
        return "completed" if tree.samples_drawn >= n else None

    return rule


def adaptive_consistency(confidence: float = 0.95) -> StopRule:
    """Adaptive-Consistency, Beta rule (Aggarwal et al. 2305.11860): stop when the leader is probably the mode.

    No error guarantee: applied repeatedly, it "certifies" about half of all true ties.
    """

    def rule(tree: Tree) -> str | None:
        first, second = _two_largest_counts(tree.answer_classes)
        return "agreement" if beta_confidence(first, second) >= confidence else None

    return rule


def unanimous_window(window: int = 5) -> StopRule:
    """ESC (Li et al. 2401.10480): stop when all `window` answers of one window are equal.

    No error guarantee. Windows do not overlap; a window that contains a sample without an answer is never unanimous.
    """

    def rule(tree: Tree) -> str | None:
        return "agreement" if first_unanimous(tree, window) is not None else None

    return rule


def first_unanimous(tree: Tree, window: int) -> str | None:
    """Return the first sample of the first full window whose samples all have the same answer; None without one.

    Windows count samples drawn, failed ones included, whatever the size of a wave: [0, w), [w, 2w), ...
    """
    classes = {finalist.id: label for finalist, label in zip(tree.finalists, tree.answer_classes, strict=True)}
    for start in range(tree.first_record, tree.next_id - window + 1, window):
        labels = {classes.get(str(index)) for index in range(start, start + window)}
        if len(labels) == 1 and None not in labels:
            return str(start)
    return None


def e_value(delta: float = 0.05) -> StopRule:
    """Stop when the Beta-mixture e-value of the two leading answers reaches 1/delta.

    Guarantee, with two possible answers: whatever the stopping time, the leader that it certifies is not the mode with
    probability at most `delta` (Ville's inequality). It certifies the mode of the model's answers, not the truth.
    """

    def rule(tree: Tree) -> str | None:
        first, second = _two_largest_counts(tree.answer_classes)
        return "agreement" if mixture_e_value(first, second) >= 1 / delta else None

    return rule


def beta_confidence(a: int, b: int) -> float:
    """Return P(p > 1/2) for p ~ Beta(a+1, b+1): 1 - I_{1/2}(a+1, b+1), exact for counts."""
    n = a + b + 1
    return float(sum(comb(n, k) for k in range(a + 1)) / 2**n)


def mixture_e_value(s: int, f: int) -> float:
    """Return e = 2^n s! f! / (n+1)! with n = s + f: the uniform mixture against p = 1/2. At most infinity."""
    n = s + f
    try:
        return float(2**n / ((n + 1) * comb(n, s)))  # exact integers: only the quotient must fit in a float
    except OverflowError:
        return math.inf


def _two_largest_counts(labels: Sequence[int | None]) -> tuple[int, int]:
    counts = [count for _, count in Counter(label for label in labels if label is not None).most_common(2)]
    first, second, *_ = [*counts, 0, 0]
    return first, second
