"""Strategies: each file is one algorithm, as in its paper, and returns an uncompiled LangGraph `StateGraph`."""

from its_graph.graphs.ab_mcts import create_ab_mcts
from its_graph.graphs.adaptive_best_of_n import create_adaptive_best_of_n
from its_graph.graphs.aggregation import create_aggregation
from its_graph.graphs.beam_search import create_beam_search
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.graphs.budget_forcing import create_budget_forcing
from its_graph.graphs.compute_optimal import create_compute_optimal
from its_graph.graphs.deepconf import create_deepconf
from its_graph.graphs.deepconf_online import create_deepconf_online
from its_graph.graphs.diverse_prompts import create_diverse_prompts
from its_graph.graphs.dvts import create_dvts
from its_graph.graphs.extended_cot import create_extended_cot
from its_graph.graphs.gen_select import create_gen_select
from its_graph.graphs.knockout import create_knockout
from its_graph.graphs.mcts import create_mcts
from its_graph.graphs.particle_filtering import create_particle_filtering
from its_graph.graphs.pdr import create_pdr
from its_graph.graphs.rebase import create_rebase
from its_graph.graphs.rest_mcts import create_rest_mcts
from its_graph.graphs.self_certainty import create_self_certainty
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.graphs.self_refine import create_self_refine
from its_graph.graphs.sequential_revision import create_sequential_revision
from its_graph.graphs.single import create_single
from its_graph.graphs.tournament import create_tournament

__all__ = [
    "create_ab_mcts",
    "create_adaptive_best_of_n",
    "create_aggregation",
    "create_beam_search",
    "create_best_of_n",
    "create_budget_forcing",
    "create_compute_optimal",
    "create_deepconf",
    "create_deepconf_online",
    "create_diverse_prompts",
    "create_dvts",
    "create_extended_cot",
    "create_gen_select",
    "create_knockout",
    "create_mcts",
    "create_particle_filtering",
    "create_pdr",
    "create_rebase",
    "create_rest_mcts",
    "create_self_certainty",
    "create_self_consistency",
    "create_self_refine",
    "create_sequential_revision",
    "create_single",
    "create_tournament",
]
