"""Populations of solutions that are written anew from one another: who lives, who is shown to whom, who wins."""

import random
from collections.abc import Sequence

from its_graph.nodes.rewrite import SourceRule
from its_graph.nodes.rules.choice import Choice
from its_graph.nodes.select import PathRule
from its_graph.search.tree import Tree

__all__ = ["random_member", "usable_members", "latest_generation", "population", "random_members", "solutions"]


def solutions(tree: Tree) -> list[str]:
    """Return the ids of all solutions, cut-off ones too, oldest first; asides are none."""
    return [key for key, record in tree.steps.items() if "auxiliary" not in record]


def usable_members(tree: Tree, among: Sequence[str]) -> list[str]:
    """Return who can be of use to others: the complete ones; where there is none, those that were cut off."""
    return [one for one in among if tree.finished(one)] or list(among)


def population(n: int) -> PathRule:
    """Go on with the newest living member of each of `n` places: the path rule of recursive self-aggregation.

    Each round draws one member for every place, in order, and failed ones use up their id: the place is its number
    modulo n. So where a new member fails or is cut off, the one before it stays.
    """

    def rule(tree: Tree) -> list[str]:
        newest = {(int(one) - tree.first_record) % n: one for one in usable_members(tree, solutions(tree))}
        return [newest[place] for place in sorted(newest)]

    return rule


def random_members(n: int, k: int) -> SourceRule:
    """Write `n` new members, each from `k` different ones, drawn at random from the frontier (RSA, 2509.26626).

    Where fewer than `k` live, from all of them.
    """

    def sources(tree: Tree) -> list[list[str]]:
        alive, first = tree.frontier, tree.next_id
        draws = (random.Random(tree.seed(f"members of {first + place}")) for place in range(n))
        return [draw.sample(alive, min(k, len(alive))) for draw in draws]

    return sources


def random_member(tree: Tree) -> Choice:
    """Take a random member of the last population, as RSA does where answers cannot be counted."""
    places = [place for place, one in enumerate(tree.finalists) if one.id in set(tree.frontier)]
    return Choice(random.Random(tree.seed("any member")).choice(places) if places else None)


def latest_generation(tree: Tree) -> list[str]:
    """Return the newest solution and all others that were written from the same sources."""
    every = solutions(tree)
    shown = tree.steps[every[-1]].get("sources") if every else None
    return [one for one in every if tree.steps[one].get("sources") == shown]
