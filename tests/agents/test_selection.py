"""Votes over replies, tool calls included; verifiers and judges."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig

from its_graph.agents.actions import action_of, action_set_of
from its_graph.agents.conditions import always, before_tools, first_turns, when_unsure
from its_graph.agents.selection import SelectionRule, by_score, by_tournament, by_vote
from its_graph.agents.testing import calling
from its_graph.contracts import Candidate, Comparison, Judge, Opinion, ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.testing import ScriptedVerifier

ASKED = [HumanMessage("Book a table.")]


def pick(choose: SelectionRule, *replies: AIMessage) -> int:
    return choose.invoke(action_set_of(ASKED, replies)).winner


async def apick(choose: SelectionRule, *replies: AIMessage) -> int:
    return (await choose.ainvoke(action_set_of(ASKED, replies))).winner


def test_the_most_frequent_call_wins() -> None:
    replies = [calling("book", at=7), calling("book", at=8), calling("book", at=8)]
    assert pick(by_vote(), *replies) == 1


def test_the_vote_goes_by_tools_first() -> None:
    """Four replies book, each at another time; two look up the same: booking wins, the earliest of it."""
    replies = [calling("look", q="x"), *(calling("book", at=hour) for hour in (6, 7, 8)), calling("look", q="x")]
    assert pick(by_vote(), *replies) == 1


def test_order_of_calls_and_arguments_does_not_matter() -> None:
    one, other = calling("book", at=8, people=2), calling("book", people=2, at=8)
    assert action_of(one) == action_of(other)
    both = AIMessage("", tool_calls=[*one.tool_calls, *calling("look", q="x").tool_calls])
    turned = AIMessage("", tool_calls=[*calling("look", q="x").tool_calls, *one.tool_calls])
    assert action_of(both) == action_of(turned) != action_of(one)


def test_texts_vote_by_their_answers() -> None:
    texts = ["It is 5.", r"So \boxed{1/2}.", "The answer is 0.5.", "The answer is 7."]
    assert pick(by_vote(), *map(AIMessage, texts)) == 1


def test_text_against_tools() -> None:
    assert pick(by_vote(), AIMessage("I cannot."), calling("book", at=8), calling("book", at=9)) == 1
    assert pick(by_vote(), calling("book", at=8), AIMessage("no"), AIMessage("no")) == 1


def scored(values: dict[str, Any], score_range: ScoreRange = "prob") -> ScriptedVerifier:
    def script(candidate: Candidate) -> float:
        said = values[candidate.steps[0]]
        if isinstance(said, Exception):
            raise said
        return float(said)

    verifier = ScriptedVerifier(script)
    verifier.score_range = score_range
    return verifier


@pytest.mark.parametrize(
    ("values", "score_range", "winner"),
    [
        ({"a": 0.6, "b": 0.4, "c": 0.5}, "prob", 1),  # b is said twice: 0.8
        ({"a": 0.9, "b": 0.4, "c": 0.5}, "prob", 0),
        ({"a": 0.6, "b": 0.4, "c": 7.0}, "real", 3),
        ({"a": 0.6, "b": RuntimeError("dead"), "c": 0.5}, "prob", 0),
        ({"a": float("nan"), "b": 0.0, "c": 0.1}, "prob", 3),
        ({"a": RuntimeError(), "b": RuntimeError(), "c": RuntimeError()}, "prob", 1),
    ],
)
async def test_a_verifier_weighs_the_vote(values: dict[str, Any], score_range: ScoreRange, winner: int) -> None:
    choose = by_score(scored(values, score_range))
    replies = [AIMessage(text) for text in "abbc"]
    assert pick(choose, *replies) == await apick(choose, *replies) == winner


def test_scores_are_told_and_missing_ones_are_missing() -> None:
    picked = by_score(scored({"a": 0.5, "b": RuntimeError("dead")})).invoke(
        action_set_of(ASKED, [AIMessage("a"), AIMessage("b")])
    )
    assert picked.scores == (0.5, None)


class Longest(Judge):
    """Prefers long texts; has no opinion of texts with a question mark."""

    asked = 0

    def invoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        type(self).asked += 1
        return Opinion(scores=tuple(None if "?" in text else float(len(text)) for text in input.texts))

    def tokens(self, comparison: Comparison) -> int:
        return 0


@pytest.mark.parametrize(
    ("texts", "winner"), [(["a", "bbb", "cc"], 1), (["a", "b", "c", "d", "ee"], 4), (["?", "bb"], 0), (["a"], 0)]
)
async def test_a_tournament_leaves_the_one_that_wins_all(texts: list[str], winner: int) -> None:
    replies = [AIMessage(text) for text in texts]
    Longest.asked = 0
    assert pick(by_tournament(Longest()), *replies) == winner
    assert Longest.asked == len(texts) - 1
    assert await apick(by_tournament(Longest()), *replies) == winner


def test_gates() -> None:
    sure = AIMessage("x", response_metadata={"logprobs": {"content": [{"logprob": -0.1}, {"logprob": -0.1}]}})
    unsure = AIMessage("x", response_metadata={"logprobs": {"content": [{"logprob": -0.1}, {"logprob": -3.0}]}})
    assert always(ASKED, sure)
    assert [when_unsure(0.8)(ASKED, one) for one in (sure, unsure, AIMessage("x"))] == [False, True, True]
    assert [before_tools({"pay"})(ASKED, one) for one in (calling("pay"), calling("look"), sure)] == [
        True,
        False,
        False,
    ]
    assert [first_turns(1)(said, sure) for said in (ASKED, [*ASKED, sure, *ASKED])] == [True, False]


def test_a_single_name_is_not_a_collection_of_names() -> None:
    with pytest.raises(ConfigurationError, match="got 'pay'"):
        before_tools("pay")


class Odd(Longest):
    """Gives the scores that it was made with."""

    def __init__(self, *scores: float | None) -> None:
        self.scores = scores

    def invoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        return Opinion(scores=self.scores)


@pytest.mark.parametrize("scores", [(1.0,), (0.0, 1.0, 2.0), (), (0.0, float("inf")), (float("nan"), 1.0)])
async def test_an_opinion_that_cannot_be_used_decides_nothing(scores: tuple[float, ...]) -> None:
    replies = [AIMessage("a"), AIMessage("b"), AIMessage("c")]
    assert pick(by_tournament(Odd(*scores)), *replies) == 0
    assert await apick(by_tournament(Odd(*scores)), *replies) == 0
