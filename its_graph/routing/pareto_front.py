"""The Pareto front of a bin: configs that cost more only where they are better by more than chance.

A bin holds a few dozen problems. Of two equally good configs the more expensive one measures better half of the time,
and the best of many measured configs owes part of its lead to luck. The front therefore starts at the cheapest config,
and a more expensive one joins only if it beats the previous point on the same problems (McNemar): on the problems where
they differ, wins minus losses must be more than one, and more than `guard` times the square root of the number of
differences. The test is one-sided. Ties stay with the cheaper config, and a single problem never decides, whatever the
guard.

A guard of 1 admits one in six configs that are no better than the previous point, a guard of 1/2 three in ten. It is a
trade-off: configs that it rejects by mistake are missing at large budgets, where many gains of about one problem per
bin add up.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from its_graph.routing.policy import PolicyPoint
from its_graph.routing.trials import Trial, common_configs, measure_point

__all__ = ["GUARD", "ParetoFront", "pareto_front"]

ParetoFront: TypeAlias = Sequence[PolicyPoint]
"""Points of one bin; cost and accuracy both rise strictly."""

GUARD = 0.5
"""Standard errors under the null hypothesis of no difference by which a more expensive config must be better."""


def pareto_front(trials: Sequence[Trial], *, guard: float = GUARD) -> ParetoFront:
    """Return the Pareto front of the problems of one bin."""
    points = sorted(
        (measure_point(config, trials) for config in common_configs(trials)),
        key=lambda point: (point.cost, -point.accuracy),
    )
    front = points[:1]
    for point in points[1:]:
        if point.cost > front[-1].cost and _beats(trials, point, front[-1], guard):
            front.append(point)
    return front


def _beats(trials: Sequence[Trial], expensive: PolicyPoint, cheap: PolicyPoint, guard: float) -> bool:
    gains = [trial.results[expensive.config].correct - trial.results[cheap.config].correct for trial in trials]
    return math.fsum(gains) > max(1.0, guard * math.hypot(*gains))
