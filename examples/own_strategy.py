"""A strategy of your own is one rule: which paths to go on with. Here: the best path, and one from the rest."""

import random

from its_graph import SearchContext
from its_graph.graphs.step_search import step_search
from its_graph.nodes.rules.frontier import deal
from its_graph.search.tree import Tree
from its_graph.testing import ToyGenerator, ToyVerifier


def best_and_a_stray(tree: Tree) -> list[str]:
    """Go on with the best open path and a random other one. A rule is pure: its chance comes from the search's seed."""
    paths = tree.distinct(sorted(filter(tree.open, tree.new_steps), key=tree.sort_key))
    stray = random.Random(tree.seed(f"stray {tree.next_id}"))
    return deal(paths[:1] + stray.sample(paths[1:], k=min(1, len(paths) - 1)), 8) if paths else []


search = step_search("best_and_a_stray", ToyGenerator(0.5), ToyVerifier(), best_and_a_stray, n=8)
result = search.compile().invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=SearchContext(seed=1))["result"]

print("strategy:", result["strategy"])
print("answer:", result["answer"])
