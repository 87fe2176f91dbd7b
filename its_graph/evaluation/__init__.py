"""How good a strategy is: run it over problems with known answers, and sum up what came out and what it cost.

Each problem is searched with its own seed, derived from the seed of the evaluation and the problem's number: a result
does not depend on which other problems are run, on their order, or on how many run at the same time.
"""

from its_graph.evaluation.data.problem import Problem
from its_graph.evaluation.outcome import Drawn, Outcome
from its_graph.evaluation.pools import Bins, Pool, oracle_bins, pass_curve, pools, widest_pools
from its_graph.evaluation.runs.evaluate import evaluate
from its_graph.evaluation.runs.grid import Arm, measure, measure_arms
from its_graph.evaluation.summary import Row, compare, summarise

__all__ = [
    "Arm",
    "Bins",
    "Drawn",
    "Outcome",
    "Pool",
    "Problem",
    "Row",
    "compare",
    "evaluate",
    "measure",
    "measure_arms",
    "oracle_bins",
    "pass_curve",
    "pools",
    "summarise",
    "widest_pools",
]
