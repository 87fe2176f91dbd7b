"""Solve many problems under one budget: each problem gets the samples worth most to it, and the total never exceeds it.

A plan decides which problems get the next samples; `solve_batch` carries it out.
"""

from its_graph.batch.plans import adaptive_plan, beta_greedy_plan, hardest_first_plan, uniform_plan
from its_graph.batch.policy_plan import policy_plan
from its_graph.batch.solve import solve_batch, stream_solutions
from its_graph.batch.types import Allocation, AllocationPlan, BatchReport, BatchView, ProblemResult, ProblemStats

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
