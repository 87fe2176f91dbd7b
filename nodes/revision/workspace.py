"""The workspace of parallel-distill-refine: what is written from it, and what goes into the next one."""

from its_graph.nodes.revision.population import usable_members
from its_graph.nodes.rewrite import SourceRule, runs
from its_graph.nodes.select import StopRule
from its_graph.search.tree import Tree

__all__ = ["drafts_done", "new_drafts", "from_latest_workspace", "latest_workspace"]


def latest_workspace(tree: Tree) -> str | None:
    """Return the id of the newest workspace; None before the first."""
    return next((key for key, record in reversed(tree.steps.items()) if record.get("auxiliary") == "summary"), None)


def from_latest_workspace(node: str, n: int, rounds: int) -> SourceRule:
    """Write `n` drafts from the newest workspace, before the first one from the question; after `rounds` of them, one.

    Args:
        node: the node that writes them; its runs are the rounds.
        n: drafts of a round.
        rounds: rounds of drafts; the one solution that follows is the last.
    """

    def sources(tree: Tree) -> list[list[str]]:
        workspace = latest_workspace(tree)
        seen = [] if workspace is None else [workspace]
        return [seen for _ in range(n if runs(tree, node) < rounds else 1)]

    return sources


def new_drafts(tree: Tree) -> list[list[str]]:
    """Write one workspace from the drafts of the last round; none from no draft."""
    return [usable_members(tree, tree.new_steps)] if tree.new_steps else []


def drafts_done(node: str, rounds: int) -> StopRule:
    """Stop when the solution that follows the last workspace was written."""

    def rule(tree: Tree) -> str | None:
        return "completed" if runs(tree, node) > rounds else None

    return rule
