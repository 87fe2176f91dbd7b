"""Voting among the confident: traces score themselves, the less confident lose their vote (DeepConf, 2508.15260).

A threshold is derived from the tree: the same number filters the vote and ends later traces while they are written.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from its_graph.confidence import TraceScore, percentile
from its_graph.contracts import ConfidenceFloor, Generator, Sample, SampleRequest
from its_graph.nodes.generate import RequestTransform
from its_graph.nodes.rules.choice import Choice, ChoiceRule, score_vote
from its_graph.nodes.sampling import OwnScore
from its_graph.nodes.select import StopRule
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = [
    "TOP_LOGPROBS",
    "ThresholdRule",
    "confident_vote",
    "consensus",
    "group_window",
    "own_confidence",
    "threshold_from_warmup",
    "threshold_from_voters",
    "request_confidences",
]

TOP_LOGPROBS = 20
"""Most likely tokens over which token confidence is taken, as in the authors' code; servers rarely tell more."""

_LONGEST_WINDOW = 2048
"""The paper's window, for traces of tens of thousands of tokens."""

_ALL_UNSURE = "No candidate that may vote is confident enough: all of them voted."

ThresholdRule: TypeAlias = Callable[[Tree], float | None]
"""Names the score that a trace must reach to vote, or None where there is none yet. Pure."""


def group_window(generator: Generator) -> int:
    """Return a window that suits the generator's solutions: a sixteenth of its longest one, at most the paper's 2,048.

    A window longer than the solutions would make each of them one group, and never end one.
    """
    return min(_LONGEST_WINDOW, max(1, generator.max_tokens // 16))


def own_confidence(score: TraceScore) -> OwnScore:
    """Score a sample by its own token confidences; None where the generator told none."""

    def own_score(sample: Sample) -> float | None:
        return score(sample.token_confidences) if sample.token_confidences else None

    return own_score


def request_confidences(threshold: ThresholdRule | None = None, window: int = _LONGEST_WINDOW) -> RequestTransform:
    """Ask for token confidences, and once there is a `threshold` let the generator end what falls below it.

    A trace ends when the mean of a full window of `window` tokens is below; a shorter one is never ended.
    """

    def shape(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
        floor = None if threshold is None else threshold(tree)
        ends = None if floor is None else ConfidenceFloor(window=window, threshold=floor)
        return planned.request.model_copy(update={"top_logprobs": TOP_LOGPROBS, "confidence_floor": ends})

    return shape


def threshold_from_voters(keep: float) -> ThresholdRule:
    """Keep the best-scored share `keep` of those that may vote: the offline filter."""

    def threshold(tree: Tree) -> float | None:
        voters = zip(tree.finalists, tree.answer_classes, strict=True)
        return _quantile((one.score for one, label in voters if label is not None), keep)

    return threshold


def threshold_from_warmup(warmup: int, keep: float) -> ThresholdRule:
    """Ask of every trace what the best share `keep` of the first `warmup` samples reached: the online threshold."""

    def threshold(tree: Tree) -> float | None:
        if tree.next_id < warmup:
            return None
        return _quantile((tree.score(str(key)) for key in range(warmup)), keep)

    return threshold


def confident_vote(threshold: ThresholdRule) -> ChoiceRule:
    """Vote weighted by score among those that reach `threshold`; if none of the voters does, all of them vote."""

    def rule(tree: Tree) -> Choice:
        least = threshold(tree)
        scores = [one.score for one in tree.finalists]
        kept = [score if score is not None and (least is None or score >= least) else None for score in scores]
        if _has_vote(tree, kept):
            return score_vote(tree, kept)
        choice = score_vote(tree, scores)
        return choice._replace(notes=(*choice.notes, _ALL_UNSURE)) if _has_vote(tree, scores) else choice

    return rule


def consensus(choose: ChoiceRule, share: float = 0.95) -> StopRule:
    """Stop when the leading answer of the vote `choose` has at least `share` of its weight. No error guarantee.

    With `confident_vote` and .95 it is DeepConf's; with `majority` the plain vote share.
    """

    def rule(tree: Tree) -> str | None:
        votes = choose(tree).votes.values()
        return "agreement" if votes and max(votes) >= share * sum(votes) else None

    return rule


def _has_vote(tree: Tree, weights: Iterable[float | None]) -> bool:
    return any(None not in voter for voter in zip(weights, tree.answer_classes, strict=True))


def _quantile(scores: Iterable[float | None], keep: float) -> float | None:
    known = [score for score in scores if score is not None]
    return percentile(known, 100 - 100 * keep) if known else None
