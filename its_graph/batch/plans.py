"""Plans: who gets the next samples. Pure functions of where all problems stand.

A plan that divides what is left spends it by halves and looks again: samples cost more or less than expected, what was
not used is divided anew, and every sample has told something by then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import ceil

from its_graph.allocation.adaptive import Adaptive
from its_graph.allocation.baselines import SEED_WEIGHTS, by_weight
from its_graph.allocation.curves import beta
from its_graph.allocation.unequal_prices import allocate_with_prices
from its_graph.batch.records import Allocation, AllocationPlan, BatchView, ProblemStats
from its_graph.errors import ConfigurationError, MissingExtraError

try:
    import numpy as np
except ImportError as error:
    raise MissingExtraError("numpy", "allocation") from error

__all__ = [
    "MAX_SAMPLES_PER_PROBLEM",
    "adaptive_plan",
    "beta_greedy_plan",
    "hardest_first_plan",
    "pilots_first",
    "uniform_plan",
]

MAX_SAMPLES_PER_PROBLEM = 64
"""Samples of one problem beyond which little is gained as a rule."""
JEFFREYS = (0.5, 0.5)
"""Beta prior of the chance that a sample is right, before any was seen."""
_PARTS = 8
"""Plans that answer problems as they go do so for about an eighth of those left at a time."""
_FEWEST = 8
"""Problems at a time at least: the waves of the last ones would be too small for a backend that batches."""


def uniform_plan(*, most: int = MAX_SAMPLES_PER_PROBLEM) -> AllocationPlan:
    """Give every problem the same number of samples. The baseline, and the right plan if nothing tells them apart.

    Args:
        most: samples of one problem at most.
    """
    return _by_share(lambda standing: 1.0, most)


def hardest_first_plan(*, most: int = MAX_SAMPLES_PER_PROBLEM) -> AllocationPlan:
    """Give 1, 4, 16 or 64 shares by difficulty, which is read from the first sample, the hardest the most.

    A baseline to beat: it feeds what nobody can solve. Everybody keeps the first sample.

    Args:
        most: samples of one problem at most.
    """
    return _by_share(lambda standing: SEED_WEIGHTS[min(3, int(4 * standing.difficulty))], most)


def beta_greedy_plan(
    *, pilots: int = 2, most: int = MAX_SAMPLES_PER_PROBLEM, prior: tuple[float, float] = JEFFREYS
) -> AllocationPlan:
    """Draw pilots, then each sample where it most probably turns an unsolved problem into a solved one, for its cost.

    What is believed of a problem's chance is Beta(prior + what its samples show). One more sample is worth the chance
    that no sample so far is right times the chance that this one is. A problem whose further samples are not worth
    anybody else's is answered at once.

    Args:
        pilots: samples of every problem, which stay candidates; at least 2 without a verifier, as one vote agrees with
            itself.
        most: samples of one problem at most.
        prior: a and b, above 0.
    """
    if not 1 <= pilots <= most or min(prior) <= 0:
        raise ConfigurationError(
            f"beta_greedy needs 1 <= pilots <= most and a prior above 0. Given: pilots={pilots}, most={most}, "
            f"prior={prior}."
        )

    def plan(view: BatchView) -> list[Allocation]:
        if moves := pilots_first(view, pilots):
            return moves
        counts = _allocated(list(view.open.values()), list(view.costs.values()), view.left, most, prior)
        return [
            Allocation(problem, standing.samples + ceil(count / 2), None if count else "allocation")
            for (problem, standing), count in zip(view.open.items(), counts, strict=True)
        ]

    return plan


def adaptive_plan(
    *,
    solved: float = 0.9,
    wave: int | None = None,
    most: int = MAX_SAMPLES_PER_PROBLEM,
    prior: tuple[float, float] = JEFFREYS,
) -> AllocationPlan:
    """Draw one sample at a time for the most hopeful problem: most probably unsolved so far, and solved by the next.

    Optimal for a verifier that knows success when it sees it, and for prices that are equal. One that scores a mistake
    highly ends that problem on it, and votes tell nothing: without a verifier take another plan.

    Args:
        solved: score in [0, 1] from which on a problem counts as solved.
        wave: problems that get a sample at the same time; by default about an eighth of those left.
        most: samples of one problem at most.
        prior: a and b of the Beta distribution of a problem's chance, above 0.
    """
    if not 0 < solved <= 1 or (wave is not None and wave < 1) or min(prior) <= 0:
        raise ConfigurationError(
            f"adaptive needs 0 < solved <= 1, a wave of at least 1 and a prior above 0. "
            f"Given: solved={solved}, wave={wave}, prior={prior}."
        )

    def plan(view: BatchView) -> list[Allocation]:
        ended = [Allocation(problem, one.samples, end) for problem, one in view.open.items() if (end := ends(one))]
        done = {move.problem for move in ended}
        going = {problem: one for problem, one in view.open.items() if problem not in done}
        size = wave or max(_FEWEST, len(going) // _PARTS)
        return [*ended, *islice(_hopeful(going, view, prior), size)]

    def ends(standing: ProblemStats) -> str | None:
        if standing.best is not None and standing.best >= solved:
            return "solved"
        return "allocation" if standing.samples >= most else None

    return plan


def pilots_first(view: BatchView, pilots: int) -> list[Allocation]:
    """Return the moves that bring every problem to `pilots` samples; none once all have them."""
    return [Allocation(problem, pilots) for problem, one in view.open.items() if one.samples < pilots]


def _by_share(weight: Callable[[ProblemStats], float], most: int) -> AllocationPlan:
    """Answer problem after problem, each with its share of all samples that the open ones have or can still get."""

    def plan(view: BatchView) -> list[Allocation]:
        rows = list(view.open.items())
        drawn = sum(one.samples for _, one in rows)
        payable = int(view.left / (sum(view.costs.values()) / len(rows)))
        counts = by_weight([weight(one) for _, one in rows], max(drawn + payable, len(rows)), least=1)
        part = max(_FEWEST, ceil(len(rows) / _PARTS))
        return [
            Allocation(problem, min(most, count), "allocation")
            for (problem, _), count in islice(zip(rows, counts, strict=True), part)
        ]

    return plan


def _allocated(
    standings: Sequence[ProblemStats], costs: Sequence[float], left: float, most: int, prior: tuple[float, float]
) -> list[int]:
    """Return how many more samples each problem is to get."""
    table = np.array([(one.samples, one.right, one.wrong, one.unsolved) for one in standings])
    samples, right, wrong, unsolved = table.T
    curves = beta(prior[0] + right, prior[1] + wrong, most) * unsolved[:, None]
    allowed = np.maximum(most - samples, 0).astype(int)
    # A curve that is flat beyond `most` samples in all is worth nothing there.
    curves = np.take_along_axis(curves, np.minimum(np.arange(most + 1), allowed[:, None]), axis=1)
    counts: list[int] = allocate_with_prices(curves, costs, left).tolist()
    return counts


def _hopeful(going: Mapping[int, ProblemStats], view: BatchView, prior: tuple[float, float]) -> Iterator[Allocation]:
    """Yield a move of one more sample for the most hopeful problem, then the next one, as long as all can be paid."""
    rows = [(problem, one) for problem, one in going.items() if one.unsolved > 0]
    a, b = [prior[0] + one.right for _, one in rows], [prior[1] + one.wrong for _, one in rows]
    # Half the chance of being unsolved is as good as twice the cost.
    queue, left = Adaptive(a, b, [view.costs[problem] / one.unsolved for problem, one in rows]), view.left
    while (place := queue.next()) is not None:
        problem, standing = rows[place]
        if view.costs[problem] <= left:
            left -= view.costs[problem]
            yield Allocation(problem, standing.samples + 1)
