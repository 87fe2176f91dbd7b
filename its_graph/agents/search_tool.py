"""A search as a tool for an agent."""

from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.graph import StateGraph

from its_graph.context import SearchContext
from its_graph.errors import ItsGraphError

__all__ = ["create_search_tool"]


def create_search_tool(graph: Any, *, name: str, description: str, context: SearchContext | None = None) -> BaseTool:
    """Return a search as a tool: its content is the answer's text, its artifact is the search result.

    The search inherits callbacks and streams of the surrounding run: stream the agent with `subgraphs=True` to see its
    events. A failed search becomes an error message that the agent can read; it does not end the agent.

    Args:
        graph: a search, compiled or not (`create_best_of_n(...)`).
        name: the tool's name.
        description: when the agent's model should call it.
        context: settings of every call, budget included; default: those of the surrounding run.

    >>> from its_graph.graphs import create_best_of_n
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> search = create_best_of_n(ToyGenerator(), ToyVerifier(), n=8)
    >>> tool = create_search_tool(search, name="add", description="Adds numbers.", context=SearchContext(seed=1))
    >>> tool.invoke({"question": "Add 3, 5."})[-8:]
    'boxed{8}'
    """
    search = graph.compile(name=name) if isinstance(graph, StateGraph) else graph

    def call(question: str) -> tuple[str, dict[str, Any]]:
        try:
            return _reply(search.invoke({"messages": [HumanMessage(question)]}, context=context))
        except ItsGraphError as error:
            raise ToolException(str(error)) from error

    async def acall(question: str) -> tuple[str, dict[str, Any]]:
        try:
            return _reply(await search.ainvoke({"messages": [HumanMessage(question)]}, context=context))
        except ItsGraphError as error:
            raise ToolException(str(error)) from error

    return StructuredTool.from_function(
        call,
        acall,
        name=name,
        description=description,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _reply(output: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return output["messages"][-1].text, output["result"]
