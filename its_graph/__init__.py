"""its_graph: inference-time scaling for LangGraph.

Every strategy is a LangGraph subgraph of generate, expand, verify and select nodes over one shared state.
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports
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
from its_graph.search.result import CandidateResult, Ledger, SearchResult, Vote

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from its_graph._version import __version__
    from its_graph.search.tree import Tree
    from its_graph.text.answers import extract_answer
    from its_graph.text.equivalence import equivalent
    from its_graph.text.steps import split_steps
else:
    __getattr__, __dir__, _ = lazy_exports(
        __name__,
        {
            "_version": ("__version__",),
            "search.tree": ("Tree",),
            "text.answers": ("extract_answer",),
            "text.equivalence": ("equivalent",),
            "text.steps": ("split_steps",),
        },
    )

__all__ = [
    "Budget",
    "Candidate",
    "CandidateResult",
    "Comparison",
    "Generator",
    "Judge",
    "Ledger",
    "Opinion",
    "Sample",
    "SampleRequest",
    "SearchContext",
    "SearchResult",
    "Spend",
    "Tree",
    "Verdict",
    "Verifier",
    "Vote",
    "__version__",
    "create",
    "equivalent",
    "extract_answer",
    "recommend",
    "split_steps",
    "strategies",
]


def _adapt_chat_model(model: "BaseChatModel", can_continue: bool | None) -> Generator:
    from its_graph.generators.chat_model import ChatModelGenerator

    return ChatModelGenerator(model, can_continue=can_continue)


Generator.chat_model_adapter = _adapt_chat_model
