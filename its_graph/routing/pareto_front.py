"""Ladders: of the settings measured in a bin those worth paying for, each better than a cheaper one by more than luck.

A bin holds a few dozen problems. Of two equally good settings the dearer one measures better half of the time, and the
best measured of many owes some of its lead to luck. A ladder therefore climbs from the cheapest setting upwards, and a
dearer one becomes a rung only if it beats the rung below on the same problems (McNemar): where the two differ, its wins
less its losses must be more than one, and more than `guard` times the square root of the number of differences. The
test is one-sided. Ties stay with the cheaper setting, and one problem alone never decides, whatever the guard.

A guard of 1 lets one of six settings through that are no better than the rung below, one of 1/2 three of ten. It is a
trade: what it keeps out by mistake is missing at large budgets, where many small gains of about a problem a bin add up.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from its_graph.routing.policy import PolicyPoint
from its_graph.routing.trials import Trial, measure_point, common_configs

__all__ = ["GUARD", "ParetoFront", "pareto_front"]

ParetoFront: TypeAlias = Sequence[PolicyPoint]
"""Rungs of one bin: cost and accuracy both rise strictly."""

GUARD = 0.5
"""Standard errors, were there no difference, by which a dearer setting must be better."""


def pareto_front(trials: Sequence[Trial], *, guard: float = GUARD) -> ParetoFront:
    """Return the ladder of the problems of one bin."""
    points = sorted(
        (measure_point(setting, trials) for setting in common_configs(trials)),
        key=lambda point: (point.cost, -point.accuracy),
    )
    rungs = points[:1]
    for point in points[1:]:
        if point.cost > rungs[-1].cost and _beats(trials, point, rungs[-1], guard):
            rungs.append(point)
    return rungs


def _beats(trials: Sequence[Trial], dearer: PolicyPoint, cheaper: PolicyPoint, guard: float) -> bool:
    gains = [trial.results[dearer.config].correct - trial.results[cheaper.config].correct for trial in trials]
    return math.fsum(gains) > max(1.0, guard * math.hypot(*gains))
