"""Confidence-filtered voting: DeepConf's filter, threshold, vote and consensus (docs/reference/algorithms.md 1.5)."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph import Sample, SampleRequest
from its_graph.confidence import lowest_group
from its_graph.contracts import ConfidenceFloor
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.confidence_vote import (
    confident_vote,
    consensus,
    own_confidence,
    request_confidences,
    threshold_from_voters,
    threshold_from_warmup,
)
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]
SIXTEEN = [float(score) for score in range(1, 17)]


@pytest.mark.parametrize(("keep", "threshold"), [(0.9, 2.5), (0.1, 14.5), (1.0, 1.0)])
def test_thresholds(solutions: MakeTree, keep: float, threshold: float) -> None:
    """Reference 1.5: minima 1..16: q=90 -> 2.5 (mild), q=10 -> 14.5 (aggressive), q = 100 keep."""
    tree = solutions(["A"] * 16, SIXTEEN)
    assert threshold_from_voters(keep)(tree) == pytest.approx(threshold)
    assert threshold_from_warmup(16, keep)(tree) == pytest.approx(threshold)


def test_the_offline_threshold_is_taken_over_those_that_may_vote(solutions: MakeTree) -> None:
    tree = solutions(["A", None, "B", "B"], [3.0, 100.0, 1.0, 200.0], ["end", "end", "end", "length"])
    assert threshold_from_voters(0.5)(tree) == 2.0
    assert threshold_from_voters(0.5)(solutions([None], [1.0])) is None


def test_the_online_threshold_is_taken_over_the_warm_up_alone(solutions: MakeTree) -> None:
    """Later samples must not move it, and it is unknown before the warm-up is over."""
    assert threshold_from_warmup(2, 0.5)(solutions(["A", "A", "B"], [1.0, 3.0, 100.0])) == 2.0
    assert threshold_from_warmup(2, 0.5)(solutions(["A"], [1.0])) is None


def test_a_warm_up_with_a_failure_is_over_all_the_same(solutions: MakeTree) -> None:
    tree = solutions(["A"], [5.0])
    tree.failures["1"] = {"parent": None, "reason": "lost"}
    assert threshold_from_warmup(2, 0.5)(tree) == 5.0


def test_scores_that_are_missing_do_not_move_a_threshold(solutions: MakeTree) -> None:
    assert threshold_from_warmup(3, 0.5)(solutions(["A", "B", "B"], [1.0, None, 3.0])) == 2.0
    assert threshold_from_warmup(2, 0.5)(solutions(["A", "B"], [None, None])) is None


def test_the_confident_vote_weighted_by_score(solutions: MakeTree) -> None:
    """Reference 1.5: keep traces with score >= the percentile, then vote weighted by score."""
    choice = confident_vote(threshold_from_voters(0.5))(solutions(list("AABBB"), [9.0, 8.0, 10.0, 1.0, 1.0]))
    assert choice.votes == {0: 17.0, 1: 10.0}
    assert choice.winner == 0
    assert choice.notes == ()


def test_a_trace_at_the_threshold_votes(solutions: MakeTree) -> None:
    choice = confident_vote(lambda tree: 2.0)(solutions(list("AB"), [2.0, 1.9]))
    assert choice.votes == {0: 2.0}


def test_without_a_threshold_all_vote(solutions: MakeTree) -> None:
    assert confident_vote(lambda tree: None)(solutions(list("AB"), [2.0, 3.0])).votes == {0: 2.0, 1: 3.0}


def test_if_none_is_confident_all_vote_and_a_note_says_so(solutions: MakeTree) -> None:
    choice = confident_vote(lambda tree: 9.0)(solutions(list("ABB"), [4.0, 3.0, 2.0]))
    assert choice.votes == {0: 4.0, 1: 5.0}
    assert choice.notes == ("No candidate that may vote is confident enough: all of them voted.",)


def test_a_confident_sample_that_may_not_vote_is_no_voter(solutions: MakeTree) -> None:
    choice = confident_vote(lambda tree: 9.0)(solutions(["A", None, "B"], [4.0, 10.0, 10.0], ["end", "end", "length"]))
    assert choice.votes == {0: 4.0}


def test_without_any_score_the_plain_vote_decides(solutions: MakeTree) -> None:
    choice = confident_vote(threshold_from_voters(0.9))(solutions(list("ABB"), [None, None, None]))
    assert choice.winner == 1
    assert choice.notes == ("No candidate that may vote has a score: the vote decided.",)


@pytest.mark.parametrize(("answers", "stops"), [("A" * 19 + "B", True), ("A" * 18 + "BB", False)])
def test_consensus(solutions: MakeTree, answers: str, stops: bool) -> None:
    """Reference 1.5: stop all at vote share >= beta; 19 of 20 are .95, 18 of 20 are not."""
    assert (consensus(majority, 0.95)(solutions(list(answers))) == "agreement") is stops


def test_consensus_is_of_weights_not_of_voters(solutions: MakeTree) -> None:
    tree = solutions(list("ABBB"), [97.0, 1.0, 1.0, 1.0])
    assert consensus(confident_vote(lambda tree: None), 0.95)(tree) == "agreement"
    assert consensus(majority, 0.95)(tree) is None


def test_nobody_s_vote_is_no_consensus(solutions: MakeTree) -> None:
    assert consensus(majority, 0.0)(solutions([None, None])) is None


def sample(**fields: Any) -> Sample:
    return Sample(text="x", finish_reason="end", **fields)


def test_a_sample_scores_itself_if_it_has_confidences() -> None:
    score = own_confidence(lowest_group(2))
    assert score(sample(token_confidences=(4.0, 1.0, 1.0, 4.0))) == 1.0
    assert score(sample(token_confidences=())) is None
    assert score(sample()) is None


def test_requests_ask_for_confidences_and_name_the_floor_once_it_is_known(solutions: MakeTree) -> None:
    request = SampleRequest(messages=({"role": "user", "content": "?"},))
    planned = PlannedCall("2", None, request)
    before, after = solutions(["A"], [1.0]), solutions(["A", "B"], [1.0, 3.0])
    plain = request.model_copy(update={"top_logprobs": 20})
    assert request_confidences()(after, planned) == plain
    shape = request_confidences(threshold_from_warmup(2, 0.5), window=64)
    assert shape(before, planned) == plain
    floor = ConfidenceFloor(window=64, threshold=2.0)
    assert shape(after, planned) == plain.model_copy(update={"confidence_floor": floor})
