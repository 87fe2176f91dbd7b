"""particle_filtering: search as inference, paths sampled in proportion to their odds (Puri et al. 2502.01618).

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Expand: every particle that is not finished takes one step; the first round samples n first steps. 2. Verify every
new path: w is the probability that it is correct. 3. Select: draw n particles, with replacement, by
theta = softmax(logit w); finished ones keep their last w and continue to compete. Repeat until the whole population is
finished, or `max_steps`. 4. Answer with the best particle of the final population.
Cost: at most max_steps x n (generate + verify) steps; particles that are finished cost nothing more.
When: the verifier's scores are calibrated probabilities: then paths survive that a beam prunes for one low score. A
verifier that gives everything .99 or .01 leaves a few paths, many times, after the first round (see `anneal`). With
many particles and a verifier that errs, choose by `particle_vote`: the single highest score is the likeliest to be an
error.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import step_search
from its_graph.nodes.rules.particles import best_particle
from its_graph.nodes.rules.resampling import multinomial, resample_particles
from its_graph.nodes.rules.types import Annealing, AskRule, ChoiceRule, Resampler

__all__ = ["create_particle_filtering"]


def create_particle_filtering(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    resample: Resampler = multinomial,
    anneal: Annealing | None = None,
    max_steps: int = 40,
    choose: ChoiceRule = best_particle,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Let n particles take a step at a time, and resample them by the odds of their scores.

    Particle filtering (Puri et al. 2502.01618). Cost: at most max_steps x n (generate + verify) steps. When: the
    verifier's scores are calibrated probabilities.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, which scores partial solutions.
        n: particles; >= 1.
        resample: how to draw them: `multinomial` or `systematic` of `its_graph.nodes.rules.resampling`.
        anneal: flattens the weights of a round: `cooling` or `least_effective_size` of
            `its_graph.nodes.rules.resampling`; None leaves them unchanged.
        max_steps: longest path, in steps; >= 1.
        choose: choice rule: `best_particle` (default), `drawn_particle` or `particle_vote` of
            `its_graph.nodes.rules.particles`, or any rule of `its_graph.nodes.rules.choice`.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if a size is out of range.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_particle_filtering
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_particle_filtering(ToyGenerator(), ToyVerifier(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    keep = resample_particles(n, resample, anneal, score_range=verifier.score_range)
    return step_search(
        "particle_filtering", generator, verifier, keep, n=n, max_steps=max_steps, choose=choose, ask=ask
    )
