"""Strategies: each file reads as its paper's loop and returns an uncompiled LangGraph `StateGraph`."""

from its_graph.graphs.beam_search import create_beam_search
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.graphs.dvts import create_dvts
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.graphs.single import create_single

__all__ = [
    "create_beam_search",
    "create_best_of_n",
    "create_dvts",
    "create_self_consistency",
    "create_single",
]
