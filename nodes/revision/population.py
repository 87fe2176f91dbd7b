"""Populations of solutions rewritten from one another: which members remain, which are shown, and which wins."""

import random
from collections.abc import Sequence

from its_graph.nodes.rules.types import Choice, PathRule, SourceRule
from its_graph.search.tree import Tree

__all__ = ["latest_generation", "population", "random_member", "random_members", "solutions", "usable_members"]


def solutions(tree: Tree) -> list[str]:
    """Return the ids of all solutions, truncated ones included and auxiliary text excluded, oldest first."""
    return [key for key, record in tree.steps.items() if "auxiliary" not in record]


def usable_members(tree: Tree, members: Sequence[str]) -> list[str]:
    """Return the complete solutions of `members`, or all of them if no member is complete."""
    return [member for member in members if tree.finished(member)] or list(members)


def population(n: int) -> PathRule:
    """Keep the newest usable member of each of `n` slots: the path rule of recursive self-aggregation.

    Each round draws one member per slot, in order, and failed ones use up their id: the slot is the member's number
    modulo n. So if a new member fails or is truncated, the previous one stays.
    """

    def rule(tree: Tree) -> list[str]:
        newest = {(int(member) - tree.first_record) % n: member for member in usable_members(tree, solutions(tree))}
        return [newest[slot] for slot in sorted(newest)]

    return rule


def random_members(n: int, k: int) -> SourceRule:
    """Write `n` new members, each from `k` distinct members of the frontier drawn at random (RSA, 2509.26626).

    If the frontier has fewer than `k` members, each is written from all of them.
    """

    def sources(tree: Tree) -> list[list[str]]:
        members, first = tree.frontier, tree.next_id
        generators = (random.Random(tree.seed(f"members of {first + offset}")) for offset in range(n))
        return [rng.sample(members, min(k, len(members))) for rng in generators]

    return sources


def random_member(tree: Tree) -> Choice:
    """Choose a random member of the last population, as RSA does if answers cannot be counted."""
    indices = [index for index, finalist in enumerate(tree.finalists) if finalist.id in set(tree.frontier)]
    return Choice(random.Random(tree.seed("any member")).choice(indices) if indices else None)


def latest_generation(tree: Tree) -> list[str]:
    """Return the newest solution and all others written from the same sources."""
    members = solutions(tree)
    sources = tree.steps[members[-1]].get("sources") if members else None
    return [member for member in members if tree.steps[member].get("sources") == sources]
