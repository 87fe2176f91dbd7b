"""Search inside agents: as a tool, around a model call, in place of a chat model, over whole agents.

Names are loaded on first use. `create_search_tool` and `DeliberateChatModel` need only langchain-core; the others need
the extra `agents` (langchain).
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports

if TYPE_CHECKING:
    from its_graph.agents.best_of_n import create_agent_best_of_n as create_agent_best_of_n
    from its_graph.agents.chat_model import DeliberateChatModel as DeliberateChatModel
    from its_graph.agents.conditions import always as always
    from its_graph.agents.conditions import before_tools as before_tools
    from its_graph.agents.conditions import first_turns as first_turns
    from its_graph.agents.conditions import when_unsure as when_unsure
    from its_graph.agents.middleware import DeliberateMiddleware as DeliberateMiddleware
    from its_graph.agents.search_tool import create_search_tool as create_search_tool
    from its_graph.agents.selection import by_score as by_score
    from its_graph.agents.selection import by_tournament as by_tournament
    from its_graph.agents.selection import by_vote as by_vote
    from its_graph.agents.tool_effects import ToolEffects as ToolEffects
    from its_graph.agents.tool_effects import mark as mark
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "best_of_n": ("create_agent_best_of_n",),
            "chat_model": ("DeliberateChatModel",),
            "selection": ("by_score", "by_tournament", "by_vote"),
            "tool_effects": ("ToolEffects", "mark"),
            "conditions": ("always", "before_tools", "first_turns", "when_unsure"),
            "middleware": ("DeliberateMiddleware",),
            "search_tool": ("create_search_tool",),
        },
        requires=dict.fromkeys(("best_of_n", "middleware", "tool_effects"), "langchain"),
    )
