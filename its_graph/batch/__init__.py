"""Many problems, one budget: each gets the samples that are worth most to it, and the total is never exceeded."""

from its_graph.batch.plans import adaptive_plan, beta_greedy_plan, hardest_first_plan, uniform_plan
from its_graph.batch.policy_plan import policy_plan
from its_graph.batch.records import Allocation, AllocationPlan, BatchReport, BatchView, ProblemResult, ProblemStats
from its_graph.batch.solve import solve_batch, stream_solutions

__all__ = [
    "Allocation",
    "AllocationPlan",
    "BatchReport",
    "BatchView",
    "ProblemResult",
    "ProblemStats",
    "adaptive_plan",
    "beta_greedy_plan",
    "hardest_first_plan",
    "policy_plan",
    "solve_batch",
    "stream_solutions",
    "uniform_plan",
]
