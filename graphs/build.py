"""What every strategy begins with: an empty search graph whose first node takes the question in."""

import secrets
from typing import Any, TypeAlias

from langchain_core.messages import AnyMessage, HumanMessage, convert_to_openai_messages
from langgraph.graph import START, StateGraph
from langgraph.types import Overwrite

from its_graph.context import SearchContext, search_context
from its_graph.contracts import Message
from its_graph.errors import ConfigurationError, InputError
from its_graph.events import emit
from its_graph.state import LOGS, PureNode, SearchInput, SearchOutput, SearchState, Update

__all__ = ["SearchGraph", "require", "search_graph"]

SearchGraph: TypeAlias = StateGraph[SearchState, SearchContext, SearchInput, SearchOutput]


def search_graph(strategy: str) -> SearchGraph:
    """Return a graph that holds the node `question`; a strategy adds its loop behind it.

    `question` empties the logs, so that a thread's next search never sees the tree of the one before.
    """
    graph = StateGraph(SearchState, context_schema=SearchContext, input_schema=SearchInput, output_schema=SearchOutput)
    graph.add_node("question", _question(strategy))
    graph.add_edge(START, "question")
    return graph


def _question(strategy: str) -> PureNode:
    def question(state: SearchState) -> Update:
        settings = search_context()
        if settings.seed is None:
            settings = settings.model_copy(update={"seed": secrets.randbits(31)})
        problem, messages = state.get("problem"), state.get("messages") or []
        asked = _conversation(problem, messages)
        system: list[Message] = [{"role": "system", "content": settings.system}] if settings.system else []
        update: Update = {
            "messages": [HumanMessage(problem)] if problem is not None else [],
            "problem": None,  # taken in; the thread's next question may come as messages
            "strategy": strategy,
            "settings": settings.model_dump(),
            "question": system + asked,
            "answer": None,
            "result": {},
            "fresh": [],
            "frontier": [],
            "stop_reason": None,
        }
        emit(update)
        return update | {log: Overwrite({}) for log in LOGS}

    return question


def _conversation(problem: str | None, messages: list[AnyMessage]) -> list[Message]:
    """Return what the generator is asked: a bare problem is a question of its own, whatever the thread holds."""
    if problem is not None:
        if not problem.strip():
            raise InputError("The problem is empty. Give a question as `problem` or a conversation as `messages`.")
        return [{"role": "user", "content": problem}]
    if not messages or not messages[-1].text.strip():
        raise InputError(
            "There is no question: give `problem`, or `messages` whose last one has text. "
            f"Given: {len(messages)} messages."
        )
    asked: list[Message] = convert_to_openai_messages(messages)
    return asked


def require(condition: bool, message: str, **given: Any) -> None:
    """Raise a `ConfigurationError` that names what was given, unless `condition` holds."""
    if not condition:
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ConfigurationError(f"{message} Given: {named}.")
