"""The workspace of parallel-distill-refine: what is written from it, and what the next one is written from."""

from its_graph.nodes.revision.population import usable_members
from its_graph.nodes.rules.types import SourceRule, StopRule
from its_graph.search.tree import Tree

__all__ = ["drafts_done", "from_latest_workspace", "latest_workspace", "new_drafts"]


def latest_workspace(tree: Tree) -> str | None:
    """Return the id of the newest workspace; None before the first."""
    return next((key for key, record in reversed(tree.steps.items()) if record.get("auxiliary") == "summary"), None)


def from_latest_workspace(node: str, n: int, rounds: int) -> SourceRule:
    """Write `n` drafts from the newest workspace, or from the question before there is one; one after `rounds` rounds.

    Args:
        node: the node that writes drafts; its runs count the rounds.
        n: drafts per round.
        rounds: rounds of drafts; the single solution after them is the last.
    """

    def sources(tree: Tree) -> list[list[str]]:
        workspace = latest_workspace(tree)
        shown = [] if workspace is None else [workspace]
        return [shown for _ in range(n if tree.runs(node) < rounds else 1)]

    return sources


def new_drafts(tree: Tree) -> list[list[str]]:
    """Write one workspace from the drafts of the last round; none if there are no drafts."""
    return [usable_members(tree, tree.new_steps)] if tree.new_steps else []


def drafts_done(node: str, rounds: int) -> StopRule:
    """Stop when the solution after the last workspace is written."""

    def rule(tree: Tree) -> str | None:
        return "completed" if tree.runs(node) > rounds else None

    return rule
