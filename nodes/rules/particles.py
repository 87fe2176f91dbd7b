"""Particles: a step search's frontier as a population that is resampled by weight, and what to choose of the last one.

A particle is a path. It stands in the frontier once for each of its copies, finished ones too: they keep their last
weight and go on competing. Cut-off paths leave the population, as they can neither go on nor be trusted.
"""

import random
from collections import Counter

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.choice import Choice, ChoiceRule, best_scored, eligible, score_vote, to_unit, without_scores
from its_graph.nodes.rules.rebase import unit_scores
from its_graph.nodes.rules.resampling import Annealing, Resampler, multinomial, odds_weights
from its_graph.nodes.select import PathRule
from its_graph.search.tree import Tree

__all__ = ["best_particle", "drawn_particle", "particle_vote", "resample"]


def resample(
    n: int, draw: Resampler = multinomial, anneal: Annealing | None = None, *, score_range: ScoreRange = "prob"
) -> PathRule:
    """Draw a population of `n` by theta = softmax(logit w) from all particles, w being the score of the path.

    A particle without a score weighs as much as one of mean score. A population that is all finished, or that a spent
    budget ends, is the last one and stays as it is: drawing once more would only lose some of it.
    """

    def rule(tree: Tree) -> list[str]:
        particles = _population(tree)
        if tree.stop_reason is not None or not any(map(tree.open, particles)):
            return particles
        scores = unit_scores(tree, particles, score_range)
        temperature = 1.0 if anneal is None else anneal(tree.depth(tree.new_steps[0]), scores)
        chance = random.Random(tree.seed(f"resample:{tree.next_id}"))
        drawn = draw(odds_weights(scores, temperature), n, chance)
        return [particles[index] for index in sorted(drawn)]

    return rule


def _population(tree: Tree) -> list[str]:
    """Return the particles after a round, oldest first: the new paths, and the finished ones of the frontier before."""
    finished = filter(tree.finished, tree.frontier)
    return sorted([*finished, *(step for step in tree.new_steps if not tree.truncated(step))], key=int)


def best_particle(tree: Tree) -> Choice:
    """Return the particle of the last population that has the highest score: the paper's choice."""
    return best_scored(tree, sorted(set(_last(tree))))


def drawn_particle(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Draw one particle of the last population by theta: a sample of what the filter approximates."""

    def rule(tree: Tree) -> Choice:
        particles = _last(tree)
        steps = [tree.finalists[index].id for index in particles]
        if all(tree.score(step) is None for step in steps):
            return without_scores(tree)
        weights = odds_weights(unit_scores(tree, steps, score_range))
        return Choice(random.Random(tree.seed("choose")).choices(particles, weights)[0])

    return rule


def particle_vote(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Vote weighted by score among the last population, each particle as often as it has copies in it."""
    scale = to_unit(score_range)

    def rule(tree: Tree) -> Choice:
        copies = Counter(_last(tree))
        scores = [None if one.score is None else scale(one.score) for one in tree.finalists]
        known = [score if copies[index] else None for index, score in enumerate(scores)]
        return score_vote(tree, [None if one is None else one * copies[index] for index, one in enumerate(known)])

    return rule


def _last(tree: Tree) -> list[int]:
    """Return the last population as indices of finalists, once for each copy, the best kind of candidate only.

    Pilots, if there are any, stay in it. Where it has none of that kind (the search ended before any of it was
    finished) all candidates of that kind do.
    """
    usable = eligible(tree)
    place = {tree.finalists[index].id: index for index in usable}
    last = [place[step] for step in tree.frontier if step in place]
    return [*(index for step, index in place.items() if int(step) < tree.first_record), *last] if last else usable
