"""Evaluation of strategies: run them over problems with known answers and summarize accuracy and cost.

Each problem is searched with its own seed, derived from the seed of the evaluation and the problem's index. A result
therefore does not depend on which other problems run, on their order, or on the concurrency.
"""

from its_graph.evaluation.data.problem import Problem
from its_graph.evaluation.outcome import Outcome, SampleRecord
from its_graph.evaluation.pools import DifficultyBins, SamplePool, build_pools, oracle_bins, pass_curve, widest_pools
from its_graph.evaluation.runs.evaluate import evaluate
from its_graph.evaluation.runs.grid import GridCell, measure, measure_cells
from its_graph.evaluation.summary import SummaryRow, compare_outcomes, summarize_outcomes

__all__ = [
    "DifficultyBins",
    "GridCell",
    "Outcome",
    "Problem",
    "SamplePool",
    "SampleRecord",
    "SummaryRow",
    "build_pools",
    "compare_outcomes",
    "evaluate",
    "measure",
    "measure_cells",
    "oracle_bins",
    "pass_curve",
    "summarize_outcomes",
    "widest_pools",
]
