"""A search as a tool of an agent."""

from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.graph import StateGraph

from its_graph.context import SearchContext
from its_graph.errors import ItsGraphError

__all__ = ["create_search_tool"]


def create_search_tool(graph: Any, *, name: str, description: str, context: SearchContext | None = None) -> BaseTool:
    """Offer a search as a tool: the answer's text is the content, the result record is the artifact.

    Events and callbacks of the surrounding run reach into the search: stream the agent with `subgraphs=True`. A search
    that fails is an error message that the agent can read, never the end of the agent.

    Args:
        graph: a search, compiled or not (`create_best_of_n(...)`).
        name: what the agent's model calls it.
        description: when the model shall call it.
        context: settings of every call, its budget among them; those of the surrounding run unless given.
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
