"""Path rules against the vectors of docs/reference/algorithms.md 2.1 and 2.3."""

from collections.abc import Callable

from its_graph.nodes.rules.frontier import best_of_each_tree, deal, keep_none, top_k
from its_graph.search.tree import Tree

FrontierOf = Callable[..., Tree]
OPEN = "stop_string"


def best(width: int, tree: Tree) -> list[str]:
    """Return the paths that `top_k` keeps, each once."""
    return list(dict.fromkeys(top_k(width, n=2 * width)(tree)))


def test_top_k_keeps_the_best_ties_to_the_lowest_index(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.5, OPEN), ("1", None, "b", 0.9, OPEN), ("2", None, "c", 0.9, OPEN))
    assert best(2, tree) == ["1", "2"]
    assert best(1, tree) == ["1"]


def test_top_k_goes_by_number_not_by_spelling(frontier_of: FrontierOf) -> None:
    rows = [(str(index), None, f"t{index}", 0.5, OPEN) for index in range(12)]
    assert best(11, frontier_of(*rows))[-1] == "10"


def test_a_finished_path_takes_no_place(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, "end"), ("1", None, "b", 0.5, OPEN), ("2", None, "c", 0.7, "length"))
    assert best(2, tree) == ["1"]


def test_equal_texts_are_kept_once(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, OPEN), ("1", None, "a", 0.9, OPEN), ("2", None, "b", 0.1, OPEN))
    assert best(2, tree) == ["0", "2"]


def test_continuations_are_dealt_out_the_first_paths_get_what_is_left_over() -> None:
    """The frontier lists a path once per continuation."""
    assert deal(["a", "b", "c"], 8) == ["a"] * 3 + ["b"] * 3 + ["c"] * 2
    assert deal(["a", "b", "c"], 2) == ["a", "b"]
    assert deal([], 8) == []


def test_a_missing_score_comes_last(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", None, OPEN), ("1", None, "b", 0.0, OPEN))
    assert best(2, tree) == ["1", "0"]


def test_the_second_best_survives_in_its_own_tree(frontier_of: FrontierOf) -> None:
    """Reference 2.3: n = 8, m = 4 -> 2 trees; a globally second-best step that is best in its tree survives."""
    scores = [0.9, 0.8, 0.7, 0.6, 0.1, 0.2, 0.3, 0.05]
    tree = frontier_of(*[(str(index), None, f"t{index}", score, OPEN) for index, score in enumerate(scores)])
    assert best_of_each_tree(8, 2)(tree) == ["0"] * 4 + ["6"] * 4


def test_nothing_moves_between_trees_later_on(frontier_of: FrontierOf) -> None:
    """Children belong to the tree of their first step, however good those of the other tree are."""
    first = [(str(index), None, f"t{index}", 0.5, OPEN) for index in range(4)]
    children = [
        ("4", "1", "x", 0.9, OPEN),
        ("5", "1", "y", 0.8, OPEN),
        ("6", "3", "x", 0.1, OPEN),
        ("7", "3", "y", 0.2, OPEN),
    ]
    tree = frontier_of(*first, *children)
    tree.new_steps = ["4", "5", "6", "7"]
    assert best_of_each_tree(4, 2)(tree) == ["4", "4", "7", "7"]


def test_a_tree_whose_best_path_is_finished_is_done(frontier_of: FrontierOf) -> None:
    tree = frontier_of(
        ("0", None, "a", 0.9, "end"),
        ("1", None, "b", 0.8, OPEN),
        ("2", None, "c", 0.1, OPEN),
        ("3", None, "d", 0.2, "end"),
    )
    assert best_of_each_tree(4, 2)(tree) == []


def test_sampling_keeps_no_path(frontier_of: FrontierOf) -> None:
    assert keep_none(frontier_of(("0", None, "a", 0.9, OPEN))) == []


def test_paths_compete_by_the_score_that_is_given(frontier_of: FrontierOf) -> None:
    """A rule for pruning only: it may be another score than the verifier's, in beam search and in DVTS."""
    rows = [(str(index), None, f"t{index}", score, OPEN) for index, score in enumerate([0.9, 0.5, 0.1, 0.2])]
    tree = frontier_of(*rows)

    def worst(tree: Tree, step: str) -> float | None:
        score = tree.score(step)
        return None if score is None else -score

    assert top_k(2, 2, worst)(tree) == ["2", "3"]
    assert best_of_each_tree(4, 2, worst)(tree) == ["1", "1", "2", "2"]
