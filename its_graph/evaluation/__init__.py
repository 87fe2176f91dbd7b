"""How good a strategy is: run it over problems with known answers, and sum up what came out and what it cost.

Each problem is searched with its own seed, derived from the seed of the evaluation and the problem's number: a result
does not depend on which other problems are run, on their order, or on how many run at the same time.
"""

from its_graph.evaluation.data.problem import Problem
from its_graph.evaluation.outcome import Outcome, SampleRecord
from its_graph.evaluation.pools import DifficultyBins, SamplePool, oracle_bins, pass_curve, sample_pools, widest_pools
from its_graph.evaluation.runs.evaluate import evaluate
from its_graph.evaluation.runs.grid import GridCell, measure, measure_cells
from its_graph.evaluation.summary import SummaryRow, compare_outcomes, summarize_outcomes

__all__ = [
    "DifficultyBins",
    "GridCell",
    "Outcome",
    "SamplePool",
    "Problem",
    "SampleRecord",
    "SummaryRow",
    "compare_outcomes",
    "evaluate",
    "measure",
    "measure_cells",
    "oracle_bins",
    "pass_curve",
    "sample_pools",
    "summarize_outcomes",
    "widest_pools",
]
