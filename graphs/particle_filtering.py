"""particle_filtering: search as inference, paths drawn by the odds that they are right (Puri et al. 2502.01618).

1. Expand: every particle that is not finished takes one step, n first steps in the beginning. 2. Verify every new path:
w is the chance that it is right. 3. Select: draw n particles, with replacement, by theta = softmax(logit w); finished
ones keep their last w and go on competing. Repeat until the whole population is finished, or `max_steps`. 4. Answer
with the best particle of the last population.
Cost: at most max_steps x n (generate + verify) steps; particles that are finished cost nothing more.
When: a verifier whose scores are calibrated chances: then paths live on that a beam prunes for one low score. One that
says .99 or .01 to everything leaves a few paths, many times, after the first round (see `anneal`). With many particles
and a verifier that errs, choose by `particle_vote`: the single highest score is the likeliest to be an error.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import step_search
from its_graph.nodes.rules import particles
from its_graph.nodes.rules.resampling import multinomial
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
    choose: ChoiceRule = particles.best_particle,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Let n particles take a step at a time, and draw them anew by the odds of their scores.

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model, which judges partial solutions.
        n: particles.
        resample: how they are drawn: `multinomial` or `systematic` of `its_graph.nodes.rules.resampling`.
        anneal: flattens the weights of a round: `cooling` or `least_effective_size` of `its_graph.nodes.rules.resampling`;
            None leaves them as they are.
        max_steps: the longest path.
        choose: how the winner is found: `best_particle` (default), `drawn_particle` or `particle_vote` of
            `its_graph.nodes.rules.particles`, or any rule of `its_graph.nodes.rules.choice`.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    keep = particles.resample(n, resample, anneal, score_range=verifier.score_range)
    return step_search(
        "particle_filtering", generator, verifier, keep, n=n, max_steps=max_steps, choose=choose, ask=ask
    )
