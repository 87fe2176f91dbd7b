"""Selection by comparison against the vectors of docs/reference/algorithms.md 5.5 and 5.6."""

from collections.abc import Sequence
from typing import Any

import pytest

from its_graph.catalog.registry import create
from its_graph.context import SearchContext
from its_graph.contracts import Comparison, Judge, Opinion
from its_graph.nodes.rules.tournament import comparisons, knockout, pivot_tournament, preferences, select_one
from its_graph.search.tree import Tree
from its_graph.testing import InlineRunnable, ScriptedGenerator

REWARDS = [0.1, 0.9, 0.5, 0.3, 0.7]


def tree_of(n: int, judged: Sequence[tuple[list[str], list[float | None]]] = (), seed: int = 0) -> Tree:
    """Return a tree of n different complete solutions, solution i answering i, and the judgments given."""
    steps = {
        str(index): {"parent": None, "text": rf"\boxed{{{index}}}", "tokens": 1, "finish": "end", "confidence": None}
        for index in range(n)
    }
    judgments = {
        str(place): {"candidates": among, "scores": scores, "tokens": 0} for place, (among, scores) in enumerate(judged)
    }
    return Tree.of({"steps": steps, "judgments": judgments, "settings": {"seed": seed}})


def play(method: Any, n: int, rewards: list[float], seed: int = 0) -> tuple[str, int]:
    """Apply a comparison method to rewards; return the winner's id and the number of comparisons."""
    judged: list[tuple[list[str], list[float | None]]] = []
    while groups := method.rounds(tree_of(n, judged, seed)):
        judged += [(list(group), [rewards[int(name)] for name in group]) for group in groups]
    tree = tree_of(n, judged, seed)
    return tree.finalists[method.choose(tree).winner].id, len(judged)


def against(*pairs: tuple[str, ...]) -> list[Any]:
    """Return the judgments of pairs by REWARDS."""
    return [{"candidates": list(pair), "scores": [REWARDS[int(name)] for name in pair], "tokens": 0} for pair in pairs]


def test_the_ring_gives_the_published_preferences() -> None:
    """Reference 5.5: N=5, ring 0-1-2-3-4-0: ring means, pivots {1, 4}."""
    ring = against(("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"), ("4", "0"))
    liked = preferences(list("01234"), ring)
    assert list(liked.values()) == pytest.approx([0.332185, 0.644331, 0.475573, 0.425739, 0.622172], abs=1e-6)


def test_the_pivots_decide() -> None:
    """Reference 5.5: final means after everyone met the pivots 1 and 4, 12 comparisons, winner 1."""
    ring = against(("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"), ("4", "0"))
    rounds = against(("0", "1"), ("0", "4"), ("2", "1"), ("2", "4"), ("3", "1"), ("3", "4"), ("1", "4"))
    liked = preferences(list("01234"), ring + rounds)
    assert list(liked.values()) == pytest.approx([0.332185, 0.628802, 0.450656, 0.401784, 0.581448], abs=1e-6)
    assert len(ring + rounds) == 12
    assert max(liked, key=lambda name: liked[name]) == "1"


@pytest.mark.parametrize(("n", "pivots", "count"), [(5, 2, 12), (8, 3, 26), (10, 3, 34), (5, 1, 9), (4, 4, 10)])
def test_the_number_of_comparisons(n: int, pivots: int, count: int) -> None:
    """Reference 5.5: N + k(N-k) + k(k-1)/2."""
    assert comparisons(n, pivots) == count
    rewards = [0.1 * index for index in range(n)]
    assert play(pivot_tournament(pivots), n, rewards) == (str(n - 1), count)


def test_in_the_ring_each_solution_is_shown_once_in_each_position() -> None:
    ring = pivot_tournament().rounds(tree_of(7))
    assert sorted(first for first, _ in ring) == sorted(second for _, second in ring) == list("0123456")
    assert all(ring[place][1] == ring[(place + 1) % 7][0] for place in range(7))


def test_the_others_are_shown_before_the_pivots() -> None:
    ring = pivot_tournament().rounds(tree_of(5))
    judged: Any = [(list(pair), [REWARDS[int(name)] for name in pair]) for pair in ring]
    again = pivot_tournament().rounds(tree_of(5, judged))
    liked = preferences(list("01234"), against(*ring))
    pivots = sorted(liked, key=lambda name: -liked[name])[:2]
    assert [pair for pair in again if pair[0] in pivots] == [(pivots[0], pivots[1])]
    assert all(pair[1] in pivots for pair in again)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_a_knockout_finds_the_best_in_n_less_one_comparisons(n: int) -> None:
    rewards = [*REWARDS, 0.2, 0.95, 0.15]
    best = max(range(n), key=lambda index: rewards[index])
    assert play(knockout(), n, rewards) == (str(best), n - 1)


def test_a_knockout_without_opinions_goes_to_the_older_and_the_choice_to_the_vote() -> None:
    method = knockout()
    names = method.rounds(tree_of(2))[0]
    choice = method.choose(tree_of(2, [(list(names), [None, None])]))
    assert choice.winner == 0
    assert choice.notes == ("The judge had no opinion: the vote decided.",)


def test_one_look_takes_the_named_one() -> None:
    """Reference 5.6: the order is drawn from the seed and mapped back."""
    method = select_one()
    (shown,) = method.rounds(tree_of(5))
    assert sorted(shown) == list("01234")
    assert method.rounds(tree_of(5, seed=1)) != [shown]
    tree = tree_of(5, [(list(shown), [0.0, 0.0, 1.0, 0.0, 0.0])])
    assert method.rounds(tree) == []
    assert tree.finalists[method.choose(tree).winner or 0].id == shown[2]


def test_a_look_that_names_none_is_repeated_in_another_order_then_the_vote_decides() -> None:
    """Reference 5.6: a reply outside 1..N -> fallback, reported."""
    method = select_one()
    (first,) = method.rounds(tree_of(5))
    none: list[float | None] = [None] * 5
    (second,) = method.rounds(tree_of(5, [(list(first), none)]))
    assert second != first
    tree = tree_of(5, [(list(first), none), (list(second), none)])
    assert method.rounds(tree) == []
    choice = method.choose(tree)
    assert choice.winner == 0
    assert choice.notes == ("The judge had no opinion: the vote decided.",)


def test_a_missing_opinion_affects_no_preference() -> None:
    liked = preferences(["0", "1"], [{"candidates": ["0", "1"], "scores": [0.9, None], "tokens": 0}])
    assert liked == {"0": 0.5, "1": 0.5}


def test_unbounded_scores_far_apart_do_not_overflow() -> None:
    liked = preferences(["0", "1"], [{"candidates": ["0", "1"], "scores": [-1e6, 1e6], "tokens": 0}])
    assert liked == {"0": pytest.approx(0.0), "1": pytest.approx(1.0)}


class Longest(InlineRunnable[Comparison, Opinion], Judge):
    """Prefers the longer text."""

    def invoke(self, input: Comparison, config: Any = None, **kwargs: Any) -> Opinion:
        return Opinion(scores=tuple(float(len(text)) for text in input.texts), tokens=self.tokens(input))

    def tokens(self, comparison: Comparison) -> int:
        return sum(map(len, comparison.texts))


@pytest.mark.parametrize("name", ["tournament", "knockout", "gen_select"])
def test_a_judge_of_your_own_decides(name: str) -> None:
    texts = iter([r"\boxed{1}", r"so \boxed{2}", r"therefore \boxed{3}", r"so \boxed{2}"])
    generator = ScriptedGenerator(lambda request: next(texts))
    graph = create(name, generator, Longest(), n=4).compile()  # type: ignore[arg-type]
    out = graph.invoke({"problem": "?"}, context=SearchContext(seed=1))
    assert out["answer"] == "3"
    assert out["result"]["spend"]["verifier_tokens"] > 0
