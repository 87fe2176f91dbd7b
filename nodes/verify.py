"""verify: let a verifier score every new path, finished ones included, identical ones once."""

import math
from collections.abc import Iterable

from langchain_core.runnables import Runnable

from its_graph.budget import Spend, flops
from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.nodes.pricing import verdict_price
from its_graph.nodes.rules.types import ReadingRule
from its_graph.search.calls import Absorbed, ModelNode, PlannedCall
from its_graph.search.model_node import model_node
from its_graph.search.state import Score, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["new_paths", "verify"]


def new_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Verify every new path; if a rollout was drawn from it, the path is read to the end of the rollout.

    Steps that a person wrote since the last round come first: a step is verified before those that continue it.
    """
    return ((step, tree.rollout_tip(step)) for step in (*tree.unscored_edits, *tree.new_steps))


def verify(verifier: Verifier, reading: ReadingRule = new_paths) -> Runnable[SearchState, Update]:
    """Score every path of `reading` that has no score yet; one pass of the verifier scores all steps of a path.

    A path whose verdict fails, is not finite, or exceeds the budget stays in the search without a score.
    """

    def absorb(tree: Tree, planned: PlannedCall[Candidate], verdict: Verdict) -> Absorbed:
        used = flops(verifier.parameters, verdict.tokens) if verdict.flops is None else verdict.flops
        spend = Spend(calls=1, verifier_tokens=verdict.tokens, flops=used)
        if (problem := _problem(verifier, planned.request, verdict)) is not None:
            return Absorbed(_unscored(planned, problem, verdict.tokens), spend)
        scores = {key: _score(tree, key, verdict) for key in (planned.id, *planned.duplicates)}
        scores[planned.id]["tokens"] = verdict.tokens
        return Absorbed({"scores": scores}, spend)

    return model_node(
        ModelNode(
            name="verify",
            model=verifier,
            plan=lambda tree: _plan(tree, reading(tree)),
            price=lambda candidate: verdict_price(verifier, candidate),
            absorb=absorb,
            fail=lambda planned, error: _unscored(planned, f"{type(error).__name__}: {error}"),
        )
    )


def _plan(tree: Tree, paths: Iterable[tuple[str, str]]) -> list[PlannedCall[Candidate]]:
    """Group the paths that have no score by what the verifier would read."""
    groups: dict[tuple[str, bool], list[tuple[str, str]]] = {}
    for step, tip in paths:
        if step not in tree.scores:
            groups.setdefault((tree.text(tip), tree.finished(tip)), []).append((step, tip))
    return [
        PlannedCall(
            step, tree.steps[step]["parent"], tree.candidate(tip), tuple(duplicate for duplicate, _ in duplicates)
        )
        for (step, tip), *duplicates in groups.values()
    ]


def _score(tree: Tree, step: str, verdict: Verdict) -> Score:
    """Record the path's value and the scores of this record's own steps; earlier records hold the earlier ones."""
    before = len(tree.pieces(tree.steps[step]["parent"]))
    own = len(tree.pieces(step)) - before
    steps = [score if _finite(score) else None for score in verdict.scores[before : before + own]]
    return Score(step=step, value=verdict.value, steps=steps, tokens=0)


def _finite(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def _problem(verifier: Verifier, candidate: Candidate, verdict: Verdict) -> str | None:
    """Return why a verdict is unusable, or None."""
    if verdict.value is None or not _finite(verdict.value):
        return "The verifier returned no score."
    if len(verdict.scores) != len(candidate.steps):
        return (
            f"The verifier returned {len(verdict.scores)} scores for {len(candidate.steps)} steps; "
            "expected one per step."
        )
    if verifier.score_range == "prob" and not 0 <= verdict.value <= 1:
        return (
            f"The verifier returned {verdict.value}, but declares scores in [0, 1]. "
            'Set score_range = "real" for unbounded scores.'
        )
    return None


def _unscored(planned: PlannedCall[Candidate], error: str, tokens: int = 0) -> Update:
    keys = (planned.id, *planned.duplicates)
    scores = {key: Score(step=key, value=None, steps=[], tokens=0, error=error) for key in keys}
    scores[planned.id]["tokens"] = tokens
    return {"scores": scores}
