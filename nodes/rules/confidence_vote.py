"""Confidence-filtered voting: samples score themselves, and the least confident lose their vote (DeepConf, 2508.15260).

The threshold is derived from the tree: the same number filters the vote and ends later samples during generation.
"""

from collections.abc import Iterable

from its_graph.confidence import TraceScore, percentile
from its_graph.contracts import ConfidenceFloor, Generator, Sample, SampleRequest
from its_graph.nodes.rules.choice import score_vote
from its_graph.nodes.rules.types import Choice, ChoiceRule, OwnScore, RequestTransform, StopRule, ThresholdRule
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = [
    "TOP_LOGPROBS",
    "confident_vote",
    "consensus",
    "group_window",
    "own_confidence",
    "request_confidences",
    "threshold_from_voters",
    "threshold_from_warmup",
]

TOP_LOGPROBS = 20
"""Most likely tokens over which token confidence is computed, as in the authors' code; servers rarely return more."""

_LONGEST_WINDOW = 2048
"""The paper's window, for samples of tens of thousands of tokens."""

_NO_CONFIDENT_VOTER = "No candidate that may vote is confident enough: all of them voted."


def group_window(generator: Generator) -> int:
    """Return a window that suits the generator's solutions: 1/16 of its longest one, at most the paper's 2,048 tokens.

    A window longer than the solutions would make each of them one group, and never end one early.
    """
    return min(_LONGEST_WINDOW, max(1, generator.max_tokens // 16))


def own_confidence(score: TraceScore) -> OwnScore:
    """Score a sample by its own token confidences; None if the generator did not return any."""

    def own_score(sample: Sample) -> float | None:
        return score(sample.token_confidences) if sample.token_confidences else None

    return own_score


def request_confidences(threshold: ThresholdRule | None = None, window: int = _LONGEST_WINDOW) -> RequestTransform:
    """Request token confidences and, once there is a `threshold`, let the generator end samples that fall below it.

    A sample ends when the mean over a full window of `window` tokens is below the threshold; a sample shorter than
    the window is never ended early.
    """

    def transform(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
        minimum = None if threshold is None else threshold(tree)
        floor = None if minimum is None else ConfidenceFloor(window=window, threshold=minimum)
        return planned.request.model_copy(update={"top_logprobs": TOP_LOGPROBS, "confidence_floor": floor})

    return transform


def threshold_from_voters(keep: float) -> ThresholdRule:
    """Return the offline threshold: the best-scored share `keep` of the candidates that vote reaches it."""

    def threshold(tree: Tree) -> float | None:
        voters = zip(tree.finalists, tree.answer_classes, strict=True)
        return _quantile((finalist.score for finalist, label in voters if label is not None), keep)

    return threshold


def threshold_from_warmup(warmup: int, keep: float) -> ThresholdRule:
    """Return the online threshold: the best share `keep` of the first `warmup` samples reaches it."""

    def threshold(tree: Tree) -> float | None:
        if tree.next_id < warmup:
            return None
        return _quantile((tree.score(str(index)) for index in range(warmup)), keep)

    return threshold


def confident_vote(threshold: ThresholdRule) -> ChoiceRule:
    """Vote weighted by score among the candidates that reach `threshold`; if no voter reaches it, all of them vote."""

    def rule(tree: Tree) -> Choice:
        minimum = threshold(tree)
        scores = [finalist.score for finalist in tree.finalists]
        confident = [score if score is not None and (minimum is None or score >= minimum) else None for score in scores]
        if _has_vote(tree, confident):
            return score_vote(tree, confident)
        choice = score_vote(tree, scores)
        return choice._replace(notes=(*choice.notes, _NO_CONFIDENT_VOTER)) if _has_vote(tree, scores) else choice

    return rule


def consensus(choose: ChoiceRule, share: float = 0.95) -> StopRule:
    """Stop when the leading answer of the vote `choose` has at least `share` of the weight. No error guarantee.

    With `confident_vote` and .95 this is DeepConf's rule; with `majority` it is the plain vote share.
    """

    def rule(tree: Tree) -> str | None:
        votes = choose(tree).votes.values()
        return "agreement" if votes and max(votes) >= share * sum(votes) else None

    return rule


def _has_vote(tree: Tree, weights: Iterable[float | None]) -> bool:
    return any(None not in voter for voter in zip(weights, tree.answer_classes, strict=True))


def _quantile(scores: Iterable[float | None], keep: float) -> float | None:
    present = [score for score in scores if score is not None]
    return percentile(present, 100 - 100 * keep) if present else None
