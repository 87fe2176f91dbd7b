"""The size of a tree search in whole solutions."""

from collections.abc import Callable

import pytest

from its_graph.nodes.tree_search.token_budget import stop_after_tokens_of
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


def spent(tree: Tree, tokens: int) -> Tree:
    zero = dict.fromkeys(("calls", "prompt_tokens", "cached_tokens", "verifier_tokens", "seconds", "flops"), 0)
    tree.charges["0"] = {"node": "expand", "generated_tokens": tokens} | zero  # type: ignore[assignment]
    return tree


@pytest.mark.parametrize(("tokens", "reason"), [(14, None), (15, "completed"), (16, "completed")])
def test_it_ends_with_the_tokens_of_n_solutions_of_mean_length(
    frontier_of: MakeTree, tokens: int, reason: str | None
) -> None:
    """The complete ones have 1 and 2 tokens here, each step one: 10 of them are 15 tokens."""
    rows = [("0", None, "a\n\n", 0.5, "stop_string"), ("1", None, r"\boxed{1}", 0.5, "end")]
    tree = frontier_of(*rows, ("2", "0", r"\boxed{2}", 0.5, "end"))
    assert stop_after_tokens_of(10)(spent(tree, tokens)) == reason


def test_it_never_ends_before_the_first_solution_nor_where_no_tokens_are_counted(frontier_of: MakeTree) -> None:
    rows = [("0", None, "a\n\n", 0.5, "stop_string"), ("1", "0", r"\boxed{1}", 0.5, "end")]
    tree = spent(frontier_of(*rows), 99)
    tree.steps["1"]["auxiliary"] = "rollout"
    assert stop_after_tokens_of(1)(tree) is None
    uncounted = frontier_of(*rows)
    for step in uncounted.steps.values():
        step["tokens"] = 0
    assert stop_after_tokens_of(1)(spent(uncounted, 0)) is None
