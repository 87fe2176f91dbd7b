"""Many problems, one budget: each gets the samples that are worth most to it, and the total is never exceeded."""

from its_graph.batch.plans import adaptive, beta_greedy, seed_weights, uniform
from its_graph.batch.policy_plan import menu
from its_graph.batch.records import BatchReport, Move, Plan, Solved, Standing, View
from its_graph.batch.solve import solutions, solve_batch

__all__ = [
    "BatchReport",
    "Move",
    "Plan",
    "Solved",
    "Standing",
    "View",
    "adaptive",
    "beta_greedy",
    "menu",
    "seed_weights",
    "solutions",
    "solve_batch",
    "uniform",
]
