"""Which arms a reward reaches (docs/reference/algorithms.md 3.3), and where Thompson sampling descends."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.nodes.rules.types import Rewards
from its_graph.nodes.tree_search.posteriors import NO_REWARDS, Beta, Gaussian
from its_graph.nodes.tree_search.thompson import ArmRewards, arm_rewards, parent_answer, thompson
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


def rewards(*seen: float) -> Rewards:
    found = NO_REWARDS
    for reward in seen:
        found = found.plus(reward)
    return found


def close(found: dict[Any, Rewards], expected: dict[Any, Rewards]) -> bool:
    return found.keys() == expected.keys() and all(found[key] == pytest.approx(expected[key]) for key in expected)


# --- which arms a reward reaches ------------------------------------------------------------------------------------


def test_a_child_of_the_root_and_its_refinement(answer_tree: MakeTree) -> None:
    """Reference 3.3: a first child scored .8, then a grandchild under it scored .6.

    Root GEN [.8], root CONT [.6], child arm at the root [.8, .6], child's GEN [.6], grandchild arm [.6].
    """
    known = arm_rewards(answer_tree((None, 0.8, "a"), ("0", 0.6, "b")))
    assert close(known.gen, {None: rewards(0.8), "0": rewards(0.6)})
    assert close(known.cont, {None: rewards(0.6)})
    assert close(known.answers, {"0": rewards(0.8, 0.6), "1": rewards(0.6)})
    assert close(known.models, {"a": rewards(0.8), "b": rewards(0.6)})
    assert known.below == {None: ["0"], "0": ["1"]}


def test_a_reward_reaches_every_ancestor_and_no_one_else(answer_tree: MakeTree) -> None:
    """Reference 3.3 (c): for each ancestor from the parent upward, its own arm and the CONT of its parent."""
    known = arm_rewards(answer_tree((None, 0.1, None), (None, 0.2, None), ("0", 0.4, None), ("2", 0.8, None)))
    assert close(known.gen, {None: rewards(0.1, 0.2), "0": rewards(0.4), "2": rewards(0.8)})
    assert close(known.cont, {None: rewards(0.4, 0.8), "0": rewards(0.8)})
    expected = {"0": rewards(0.1, 0.4, 0.8), "1": rewards(0.2), "2": rewards(0.4, 0.8), "3": rewards(0.8)}
    assert close(known.answers, expected)
    assert known.models == {}


def test_answers_without_a_score_and_truncated_ones_carry_no_reward(answer_tree: MakeTree) -> None:
    tree = answer_tree((None, 0.8, None), (None, None, None), (None, float("nan"), None), (None, 0.9, None))
    tree.steps["3"]["finish"] = "length"
    known = arm_rewards(tree)
    assert known.below == {None: ["0"]}
    assert known.gen == {None: rewards(0.8)}


def test_unbounded_scores_are_mapped_to_the_unit_interval(answer_tree: MakeTree) -> None:
    known = arm_rewards(answer_tree((None, -2.0, None), (None, 0.0, None)), "real")
    assert known.gen[None].mean == pytest.approx((1 / (1 + 2.718281828**2) + 0.5) / 2)


rows = st.lists(st.tuples(st.integers(-1, 20), st.one_of(st.none(), st.floats(0, 1))), max_size=20)


@given(rows)
def test_the_counts_add_up(answer_tree: MakeTree, drawn: list[tuple[int, float | None]]) -> None:
    """Every answer is in one GEN, CONT of a node holds what is below its answers, an answer's arm both."""
    places: list[tuple[str | None, float | None, None]] = []
    for at, (shown, score) in enumerate(drawn):
        scored = [str(key) for key in range(at) if places[key][1] is not None]
        places.append((scored[shown % len(scored)] if scored and shown >= 0 else None, score, None))
    known = arm_rewards(answer_tree(*places))
    assert sum(seen.observed for seen in known.gen.values()) == sum(score is not None for _, score, _ in places)
    for place, answers in known.below.items():
        below = known.cont.get(place, NO_REWARDS).observed
        assert known.gen[place].observed == len(answers)
        assert sum(known.answers[answer].observed for answer in answers) == len(answers) + below


def test_a_growing_log_gives_what_a_new_one_gives(answer_tree: MakeTree) -> None:
    whole = answer_tree((None, 0.8, "a"), ("0", 0.6, "b"), (None, 0.5, "a"), ("2", 0.1, "a"), ("1", 0.9, "b"))
    scores = whole.scores
    for count in range(len(scores) + 1):
        whole.scores = dict(list(scores.items())[:count])
        found = arm_rewards(whole)
    again = arm_rewards(Tree.of({"steps": whole.steps, "scores": {key: dict(score) for key, score in scores.items()}}))
    assert found == again


# --- where the next answers go --------------------------------------------------------------------------------------


def spread(tree: Tree, prior: Any, draws: int = 400) -> Counter[str | None]:
    """Count the nodes of many independent draws."""
    placed = Counter[str | None](thompson(10**6, draws, prior=prior)(tree))
    placed[None] = draws - placed.total()
    return placed


@pytest.mark.parametrize("prior", [Gaussian(), Beta()])
def test_an_empty_tree_starts_at_the_root(answer_tree: MakeTree, prior: Any) -> None:
    assert spread(answer_tree(), prior) == {None: 400}
    assert spread(answer_tree((None, None, None)), prior) == {None: 400}


def test_at_a_leaf_an_answer_is_always_written(answer_tree: MakeTree) -> None:
    """Reference 3.3: at a leaf always GEN."""
    placed = spread(answer_tree((None, 0.5, None)), Gaussian())
    assert set(placed) == {None, "0"}
    assert min(placed.values()) > 40


def test_where_refining_pays_it_goes_deeper(answer_tree: MakeTree) -> None:
    assert spread(answer_tree((None, 0.0, None), *[("0", 1.0, None)] * 30), Gaussian())[None] < 40


def test_what_was_best_gets_most(answer_tree: MakeTree) -> None:
    tree = answer_tree(*[(None, 0.1, None)] * 4, ("1", 0.9, None), ("1", 0.95, None), ("2", 0.1, None))
    placed = spread(tree, Beta())
    below_one, below_two = placed["1"] + placed["4"] + placed["5"], placed["2"] + placed["6"]
    assert below_one > 2 * below_two


def test_a_hopeless_tree_goes_wider(answer_tree: MakeTree) -> None:
    """GEN of the root saw .9, everything below was bad: wider, not deeper."""
    tree = answer_tree(*[(None, 0.9, None)] * 6, *[("0", 0.0, None)] * 6)
    assert spread(tree, Gaussian())[None] > 300


def test_equals_go_wider(answer_tree: MakeTree) -> None:
    """A tie between GEN and CONT, whose draws are all the same here, is GEN's."""

    class Flat(Gaussian):
        def draw(self, rewards: Rewards, chance: Any) -> float:
            return 0.5

    assert spread(answer_tree((None, 0.9, None), ("0", 0.9, None)), Flat()) == {None: 400}


def test_draws_depend_on_the_seed_and_the_number_of_the_sample(answer_tree: MakeTree) -> None:
    tree = answer_tree((None, 0.5, None), (None, 0.6, None), ("0", 0.4, None))
    wave = thompson(20, 12, prior=Gaussian())
    assert wave(tree) == wave(tree)
    assert wave(tree) != wave(answer_tree((None, 0.5, None), (None, 0.6, None), ("0", 0.4, None), seed=2))


def test_a_sample_goes_where_it_would_have_gone_in_a_smaller_wave(answer_tree: MakeTree) -> None:
    for seed in range(9):
        tree = answer_tree((None, 0.5, None), ("0", 0.4, None), seed=seed)
        waves = [thompson(20, size, prior=Gaussian())(tree) for size in range(12)]
        assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(waves))
        assert len(waves[-1]) > len(waves[1])


def test_no_more_nodes_than_answers_are_left(answer_tree: MakeTree) -> None:
    rows = [(None, 0.0, None), *[("0", 1.0, None)] * 30]
    assert len(thompson(34, 400, prior=Gaussian())(answer_tree(*rows))) <= 3
    assert thompson(31, 400, prior=Gaussian())(answer_tree(*rows)) == []


def test_the_parent_of_a_refinement_is_what_it_was_shown(answer_tree: MakeTree) -> None:
    tree = answer_tree((None, 0.5, None), ("0", 0.5, None))
    assert [parent_answer(tree, step) for step in tree.steps] == [None, "0"]


def test_arms_are_not_shared_between_searches(answer_tree: MakeTree) -> None:
    one, other = answer_tree((None, 0.5, None)), answer_tree((None, 0.7, None))
    assert arm_rewards(one).gen[None].mean == 0.5
    assert arm_rewards(other).gen[None].mean == 0.7
    assert arm_rewards(one).gen[None].mean == 0.5
    assert arm_rewards(Tree.of({})) == ArmRewards()
