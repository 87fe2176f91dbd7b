"""its_graph: inference-time scaling for LangGraph.

Every strategy is a LangGraph subgraph of generate, expand, verify and select nodes over one shared state.
"""

from its_graph.budget import Budget, Spend
from its_graph.catalog.recommend import recommend
from its_graph.catalog.registry import create, strategies
from its_graph.context import SearchContext
from its_graph.contracts import (
    Candidate,
    Comparison,
    Generator,
    Judge,
    Opinion,
    Sample,
    SampleRequest,
    Verdict,
    Verifier,
)

__all__ = [
    "Budget",
    "Candidate",
    "Comparison",
    "Generator",
    "Judge",
    "Opinion",
    "Sample",
    "SampleRequest",
    "SearchContext",
    "Spend",
    "Verdict",
    "Verifier",
    "create",
    "recommend",
    "strategies",
]
