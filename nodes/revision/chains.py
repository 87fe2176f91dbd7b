"""Chains of attempts, each written with the earlier ones in view: which attempt follows which, and the final choice."""

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.subset_choice import subset_choice
from its_graph.nodes.rules.types import Choice, ChoiceRule, SourceRule, SubsetRule
from its_graph.search.tree import Tree

__all__ = ["chain_ends", "chains", "hierarchical", "latest_attempts", "ratio_grid"]


def chains(tree: Tree) -> list[list[str]]:
    """Return the chains, each as the ids of its attempts, oldest first.

    An attempt that was shown no other starts a chain; any other attempt belongs to the chain of the last one that it
    was shown.
    """
    chain_of: dict[str, list[str]] = {}
    all_chains: list[list[str]] = []
    for key, record in tree.steps.items():
        shown = record.get("sources")
        chain = chain_of[key] = chain_of[shown[-1]] if shown else []
        if "auxiliary" in record:
            continue
        if not chain:
            all_chains.append(chain)
        chain.append(key)
    return all_chains


def chain_ends(tree: Tree) -> list[str]:
    """Continue from the last attempt of each chain: the path rule of sequential revision."""
    return [chain[-1] for chain in chains(tree)]


def latest_attempts(count: int, shown: int = 4) -> SourceRule:
    """Write each chain's next attempt from its last `shown` ones, oldest first (Snell et al. 2408.03314: four).

    If there are fewer than `count` chains because the first attempts of others failed, those chains are restarted.
    """

    def sources(tree: Tree) -> list[list[str]]:
        present = [chain[-shown:] for chain in chains(tree)]
        return present + [[] for _ in range(count - len(present))]

    return sources


def hierarchical(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Choose within each chain by weighted best-of-N, then in the same way among the chains' winners.

    Snell et al. (2408.03314, section 6): over the whole chain, because the last attempt is often worse than an earlier
    one. A winner represents its chain with its own score, the best among those of its answer.
    """
    vote = weighted(score_range)

    def rule(tree: Tree) -> Choice:
        heats = [subset_choice(_only(chain), vote)(tree) for chain in chains(tree)]
        winners = [tree.finalists[heat.winner].id for heat in heats if heat.winner is not None]
        final = subset_choice(_only(winners), vote)(tree)
        return final._replace(tie=final.tie or any(heat.tie for heat in heats if heat.winner == final.winner))

    return rule


def _only(solutions: list[str]) -> SubsetRule:
    return lambda tree: solutions


def ratio_grid(n: int) -> list[tuple[int, int]]:
    """Return the ways to split `n` attempts into chains: pairs (sequential, parallel) with sequential x parallel = n.

    From fully parallel to a single chain. For powers of two up to 256 these are the ratios that Snell et al.
    (2408.03314, section 6) compare; at 256 they use every second one.
    """
    pairs = [(length, n // length) for length in range(1, n + 1) if n % length == 0]
    return pairs[::2] if n == 256 else pairs
