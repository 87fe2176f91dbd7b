"""compare: let a judge compare several solutions side by side."""

import math
from collections.abc import Sequence

from langchain_core.runnables import Runnable

from its_graph.budget import Spend, flops
from its_graph.contracts import Comparison, Judge, Opinion
from its_graph.nodes.rules.tournament import contestants
from its_graph.nodes.rules.types import ComparisonRounds
from its_graph.search.calls import Absorbed, ModelNode, PlannedCall
from its_graph.search.model_node import model_node
from its_graph.search.state import Judgment, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["compare_candidates"]


def compare_candidates(judge: Judge, rounds: ComparisonRounds) -> Runnable[SearchState, Update]:
    """Compare the groups that `rounds` returns. A comparison that fails or exceeds the budget decides nothing."""

    def plan(tree: Tree) -> list[PlannedCall[Comparison]]:
        groups = rounds(tree)
        if len(contestants(tree)) < 2:
            return []
        first = len(tree.judgments)
        return [_planned(tree, str(first + offset), group) for offset, group in enumerate(groups)]

    def absorb(tree: Tree, planned: PlannedCall[Comparison], opinion: Opinion) -> Absorbed:
        spend = Spend(calls=1, verifier_tokens=opinion.tokens, flops=flops(judge.parameters, opinion.tokens))
        return Absorbed({"judgments": {planned.id: _judgment(planned, opinion)}}, spend)

    return model_node(
        ModelNode(
            name="compare",
            model=judge,
            plan=plan,
            price=lambda comparison: _price(judge, comparison),
            absorb=absorb,
            fail=lambda planned, error: {
                "judgments": {planned.id: _undecided(planned, f"{type(error).__name__}: {error}")}
            },
        )
    )


def _planned(tree: Tree, key: str, group: Sequence[str]) -> PlannedCall[Comparison]:
    comparison = Comparison(
        messages=tuple(tree.question), texts=tuple(map(tree.text, group)), seed=tree.seed(f"judgment {key}")
    )
    return PlannedCall(key, None, comparison, sources=tuple(group))


def _price(judge: Judge, comparison: Comparison) -> Spend:
    tokens = judge.tokens(comparison)
    return Spend(calls=1, verifier_tokens=tokens, flops=flops(judge.parameters, tokens))


def _judgment(planned: PlannedCall[Comparison], opinion: Opinion) -> Judgment:
    if len(opinion.scores) != len(planned.sources):
        problem = f"The judge returned {len(opinion.scores)} scores for {len(planned.sources)} solutions."
        return _undecided(planned, problem, opinion.tokens)
    scores = [score if score is not None and math.isfinite(score) else None for score in opinion.scores]
    return Judgment(candidates=list(planned.sources), scores=scores, tokens=opinion.tokens)


def _undecided(planned: PlannedCall[Comparison], error: str, tokens: int = 0) -> Judgment:
    return Judgment(candidates=list(planned.sources), scores=[None] * len(planned.sources), tokens=tokens, error=error)
