"""compare: let a judge look at several solutions side by side."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from langchain_core.runnables import Runnable

from its_graph.budget import Spend, flops
from its_graph.contracts import Comparison, Judge, Opinion
from its_graph.search.calls import Absorbed, ModelNode, Planned
from its_graph.search.model_node import model_node
from its_graph.search.state import Judgement, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["Rounds", "compare", "contestants"]

Rounds: TypeAlias = Callable[[Tree], list[tuple[str, ...]]]
"""Names the groups of solutions to compare next, each in the order in which it is shown; none when all is decided."""


def contestants(tree: Tree) -> list[str]:
    """Return the complete solutions that differ, each under its oldest id: an identical twin can win nothing."""
    return tree.distinct(tree.complete)


def compare(judge: Judge, rounds: Rounds) -> Runnable[SearchState, Update]:
    """Compare the groups that `rounds` names. A comparison that fails, or does not fit the budget, decides nothing."""

    def plan(tree: Tree) -> list[Planned[Comparison]]:
        groups = rounds(tree)
        if len(contestants(tree)) < 2:
            return []
        first = len(tree.judgements)
        return [_planned(tree, str(first + offset), group) for offset, group in enumerate(groups)]

    def absorb(tree: Tree, planned: Planned[Comparison], opinion: Opinion) -> Absorbed:
        spend = Spend(calls=1, verifier_tokens=opinion.tokens, flops=flops(judge.parameters, opinion.tokens))
        return Absorbed({"judgements": {planned.id: _judgement(planned, opinion)}}, spend)

    return model_node(
        ModelNode(
            name="compare",
            model=judge,
            plan=plan,
            price=lambda comparison: _price(judge, comparison),
            absorb=absorb,
            fail=lambda planned, error: {
                "judgements": {planned.id: _undecided(planned, f"{type(error).__name__}: {error}")}
            },
            shrink=lambda planned, fits: None,
            close=lambda tree, planned: {},
        )
    )


def _planned(tree: Tree, key: str, group: Sequence[str]) -> Planned[Comparison]:
    shown = Comparison(
        messages=tuple(tree.question), texts=tuple(map(tree.text, group)), seed=tree.seed(f"judgement {key}")
    )
    return Planned(key, None, shown, sources=tuple(group))


def _price(judge: Judge, comparison: Comparison) -> Spend:
    tokens = judge.tokens(comparison)
    return Spend(calls=1, verifier_tokens=tokens, flops=flops(judge.parameters, tokens))


def _judgement(planned: Planned[Comparison], opinion: Opinion) -> Judgement:
    if len(opinion.scores) != len(planned.sources):
        problem = f"The judge gave {len(opinion.scores)} scores for {len(planned.sources)} solutions."
        return _undecided(planned, problem, opinion.tokens)
    scores = [score if score is not None and math.isfinite(score) else None for score in opinion.scores]
    return Judgement(among=list(planned.sources), scores=scores, tokens=opinion.tokens)


def _undecided(planned: Planned[Comparison], error: str, tokens: int = 0) -> Judgement:
    return Judgement(among=list(planned.sources), scores=[None] * len(planned.sources), tokens=tokens, error=error)
