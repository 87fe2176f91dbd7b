"""verify: let a verifier score every fresh path, finished ones too, identical ones once."""

import math

from langchain_core.runnables import Runnable

from its_graph.body import Absorbed, ModelNode, Planned, model_node
from its_graph.budget import Spend, flops
from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.state import Score, SearchState, Update
from its_graph.tree import Tree

__all__ = ["verdict_price", "verify"]


def verify(verifier: Verifier) -> Runnable[SearchState, Update]:
    """Score every fresh path that has no score yet; one pass of the verifier scores all steps of a path.

    A path whose verdict fails, is NaN, or does not fit into the budget stays in the search without a score.
    """

    def absorb(tree: Tree, planned: Planned[Candidate], verdict: Verdict) -> Absorbed:
        spend = Spend(calls=1, verifier_tokens=verdict.tokens, flops=flops(verifier.parameters, verdict.tokens))
        if (problem := _problem(verifier, planned.request, verdict)) is not None:
            return Absorbed(_unscored(planned, problem, verdict.tokens), spend)
        scores = {key: _score(tree, key, verdict) for key in (planned.id, *planned.twins)}
        scores[planned.id]["tokens"] = verdict.tokens
        return Absorbed({"scores": scores}, spend)

    return model_node(
        ModelNode(
            name="verify",
            model=verifier,
            plan=_plan,
            price=lambda candidate: verdict_price(verifier, candidate),
            absorb=absorb,
            fail=lambda planned, error: _unscored(planned, f"{type(error).__name__}: {error}"),
            shrink=lambda planned, fits: None,
            close=lambda tree, planned: {},
        )
    )


def verdict_price(verifier: Verifier, candidate: Candidate) -> Spend:
    """Return the worst case of judging `candidate`."""
    tokens = verifier.tokens(candidate)
    return Spend(calls=1, verifier_tokens=tokens, flops=flops(verifier.parameters, tokens))


def _plan(tree: Tree) -> list[Planned[Candidate]]:
    """Group the fresh paths without a score by what the verifier would read."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for step in tree.fresh:
        if step not in tree.scores:
            tip = tree.rollout_tip(step)
            groups.setdefault((tree.text(tip), tree.finished(tip)), []).append(step)
    return [
        Planned(first, tree.steps[first]["parent"], tree.candidate(tree.rollout_tip(first)), tuple(twins))
        for first, *twins in groups.values()
    ]


def _score(tree: Tree, step: str, verdict: Verdict) -> Score:
    """Record the path's value and the scores of the last record's own steps; earlier ones stand in earlier records."""
    before = len(tree.pieces(tree.steps[step]["parent"]))
    own = len(tree.pieces(step)) - before
    return Score(step=step, value=verdict.value, steps=list(verdict.scores[before : before + own]), tokens=0)


def _problem(verifier: Verifier, candidate: Candidate, verdict: Verdict) -> str | None:
    """Say what makes a verdict unusable, or None."""
    if verdict.value is None or math.isnan(verdict.value):
        return "The verifier gave no score."
    if len(verdict.scores) != len(candidate.steps):
        return (
            f"The verifier gave {len(verdict.scores)} scores for {len(candidate.steps)} steps: expected one for each."
        )
    if verifier.score_range == "prob" and not 0 <= verdict.value <= 1:
        return (
            f"The verifier gave {verdict.value}, but declares scores in [0, 1]. "
            'Set score_range = "real" for an unbounded one.'
        )
    return None


def _unscored(planned: Planned[Candidate], error: str, tokens: int = 0) -> Update:
    keys = (planned.id, *planned.twins)
    scores = {key: Score(step=key, value=None, steps=[], tokens=0, error=error) for key in keys}
    scores[planned.id]["tokens"] = tokens
    return {"scores": scores}
