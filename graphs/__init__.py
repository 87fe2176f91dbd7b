"""Strategies: each file reads as its paper's loop and returns an uncompiled LangGraph `StateGraph`."""

from its_graph.graphs.ab_mcts import create_ab_mcts
from its_graph.graphs.aggregation import create_aggregation
from its_graph.graphs.beam_search import create_beam_search
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.graphs.budget_forcing import create_budget_forcing
from its_graph.graphs.dvts import create_dvts
from its_graph.graphs.extended_cot import create_extended_cot
from its_graph.graphs.particle_filtering import create_particle_filtering
from its_graph.graphs.pdr import create_pdr
from its_graph.graphs.rebase import create_rebase
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.graphs.self_refine import create_self_refine
from its_graph.graphs.sequential_revision import create_sequential_revision
from its_graph.graphs.single import create_single

__all__ = [
    "create_ab_mcts",
    "create_aggregation",
    "create_beam_search",
    "create_best_of_n",
    "create_budget_forcing",
    "create_dvts",
    "create_extended_cot",
    "create_particle_filtering",
    "create_pdr",
    "create_rebase",
    "create_self_consistency",
    "create_self_refine",
    "create_sequential_revision",
    "create_single",
]
