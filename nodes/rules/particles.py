"""Choice rules of particle filtering: who wins in the final population (`its_graph.nodes.rules.resampling`)."""

import random
from collections import Counter

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.choice import best_scored, eligible, score_vote, to_unit, without_scores
from its_graph.nodes.rules.rebase import unit_scores
from its_graph.nodes.rules.resampling import odds_weights
from its_graph.nodes.rules.types import Choice, ChoiceRule
from its_graph.search.tree import Tree

__all__ = ["best_particle", "drawn_particle", "particle_vote"]


def best_particle(tree: Tree) -> Choice:
    """Choose the highest-scoring particle of the final population: the paper's rule."""
    return best_scored(tree, sorted(set(_final_population(tree))))


def drawn_particle(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Draw one particle of the final population by theta: a sample of the distribution that the filter approximates."""

    def rule(tree: Tree) -> Choice:
        particles = _final_population(tree)
        steps = [tree.finalists[index].id for index in particles]
        if all(tree.score(step) is None for step in steps):
            return without_scores(tree)
        weights = odds_weights(unit_scores(tree, steps, score_range))
        return Choice(random.Random(tree.seed("choose")).choices(particles, weights)[0])

    return rule


def particle_vote(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Vote over the final population, weighted by score; a particle votes once per copy."""
    scale = to_unit(score_range)

    def rule(tree: Tree) -> Choice:
        copies = Counter(_final_population(tree))
        scores = [None if finalist.score is None else scale(finalist.score) for finalist in tree.finalists]
        weights = [
            None if score is None or not copies[index] else score * copies[index] for index, score in enumerate(scores)
        ]
        return score_vote(tree, weights)

    return rule


def _final_population(tree: Tree) -> list[int]:
    """Return the final population as indices of finalists, once per copy, limited to the best kind of candidate.

    Pilots, if any, belong to it. If the population has no candidate of that kind (the search ended before any
    particle finished), all candidates of that kind are returned.
    """
    usable = eligible(tree)
    index_of = {tree.finalists[index].id: index for index in usable}
    population = [index_of[step] for step in tree.frontier if step in index_of]
    pilots = [index for step, index in index_of.items() if int(step) < tree.first_record]
    return [*pilots, *population] if population else usable
