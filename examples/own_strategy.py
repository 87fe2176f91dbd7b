"""Your own step search is one rule: which paths to expand next. Here: the best path and a random other one."""

import random

from its_graph import SearchContext, Tree
from its_graph.graphs.step_search import step_search
from its_graph.nodes.rules.frontier import deal
from its_graph.testing import ToyGenerator, ToyVerifier


def best_and_random(tree: Tree) -> list[str]:
    """Return the best open path and a random other one. A rule is pure: its randomness comes from the search's seed."""
    paths = tree.distinct(sorted(filter(tree.open, tree.new_steps), key=tree.sort_key))
    rng = random.Random(tree.seed(f"random path {tree.next_id}"))
    return deal(paths[:1] + rng.sample(paths[1:], k=min(1, len(paths) - 1)), 8) if paths else []


search = step_search("best_and_random", ToyGenerator(0.5), ToyVerifier(), best_and_random, n=8)
result = search.compile().invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=SearchContext(seed=1))["result"]

print("strategy:", result["strategy"])
print("answer:", result["answer"])
