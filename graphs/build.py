"""What every strategy begins with: an empty search graph whose first node takes the question in.

As part of another search (`its_graph.graphs.subsearch`) that node goes on with the search under way instead.
"""

import inspect
import secrets
import warnings
from typing import Any, TypeAlias

from langchain_core.messages import AnyMessage, HumanMessage, convert_to_openai_messages
from langgraph.graph import START, StateGraph
from langgraph.types import Overwrite

from its_graph.context import SearchContext, search_context
from its_graph.contracts import Generator, Message, Signal
from its_graph.errors import ConfigurationError, DiminishingReturnsWarning, InputError
from its_graph.graphs.subsearch import building_subsearch, enter_subsearch, start_after_pilots
from its_graph.nodes.prompt_variation import with_system_prompt
from its_graph.nodes.rules.types import StartRule
from its_graph.search.events import emit
from its_graph.search.state import LOGS, PureNode, SearchInput, SearchOutput, SearchState, Update

__all__ = ["SearchGraph", "require", "require_signal", "search_graph"]

SearchGraph: TypeAlias = StateGraph[SearchState, SearchContext, SearchInput, SearchOutput]

_MANY_SAMPLES = 64
_MANY_ITERATIONS = 200


def search_graph(strategy: str, *, n: int = 1, iterations: int = 1, entry: StartRule = start_after_pilots) -> SearchGraph:
    """Return a graph that holds the node `question`; a strategy adds its loop behind it.

    `question` empties the logs, so that a thread's next search never sees the tree of the one before.

    It takes the question from `problem` where one is given, as a question of its own, and from `messages` otherwise:
    a thread's messages add up, so they are there beside every `problem`, and are not asked again. The system prompt
    of the settings comes first, in one message with the conversation's own: many servers refuse a second one.

    Args:
        strategy: its name, as it stands in results.
        n: samples (of a round); beyond 64 a warning says that gains are small there.
        iterations: rounds of a tree search; a warning beyond 200.
        entry: what the strategy makes of pilots, as part of another search: `start_after_pilots` or `going_on`.
    """
    _warn_beyond(strategy, "n", n, _MANY_SAMPLES)
    _warn_beyond(strategy, "iterations", iterations, _MANY_ITERATIONS)
    if building_subsearch():
        return _begun_by(enter_subsearch(entry), StateGraph(SearchState, context_schema=SearchContext))
    graph = StateGraph(SearchState, context_schema=SearchContext, input_schema=SearchInput, output_schema=SearchOutput)
    return _begun_by(_question(strategy), graph)


def _begun_by(question: PureNode, graph: StateGraph[SearchState, SearchContext, Any, Any]) -> SearchGraph:
    graph.add_node("question", question)
    graph.add_edge(START, "question")
    return graph


def _warn_beyond(strategy: str, name: str, given: int, many: int) -> None:
    if given > many:
        warnings.warn(
            f"{strategy} with {name}={given}: beyond {many}, gains are small as a rule. Measure with `its-graph eval` "
            "whether they pay for you.",
            DiminishingReturnsWarning,
            stacklevel=_level_of_caller(),
        )


def _level_of_caller() -> int:
    """Return the `stacklevel`, seen from who asks, of the first line outside this library: whoever wanted so much."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "its_graph":
        level, frame = level + 1, frame.f_back
    return level


def _question(strategy: str) -> PureNode:
    def question(state: SearchState) -> Update:
        settings = search_context()
        if settings.seed is None:
            settings = settings.model_copy(update={"seed": secrets.randbits(31)})
        problem, messages = state.get("problem"), state.get("messages") or []
        asked = _conversation(problem, messages)
        update: Update = {
            "messages": [HumanMessage(problem)] if problem is not None else [],
            "problem": None,  # taken in; the thread's next question may come as messages
            "strategy": strategy,
            "settings": settings.model_dump(),
            "question": with_system_prompt(settings.system, asked) if settings.system else asked,
            "answer": None,
            "result": {},
            "new_steps": [],
            "frontier": [],
            "stop_reason": None,
            "strategy_start": None,
            "route": None,
        }
        emit(update)
        return update | {log: Overwrite({}) for log in LOGS}

    return question


def _conversation(problem: Any, messages: list[AnyMessage]) -> list[Message]:
    """Return what the generator is asked: a bare problem is a question of its own, whatever the thread holds."""
    if problem is not None:
        if not isinstance(problem, str):
            raise InputError(
                f"The problem is of type {type(problem).__name__}: {problem!r}. "
                "Give a question in text as `problem`, or a conversation as `messages`."
            )
        if not problem.strip():
            raise InputError("The problem is empty. Give a question as `problem` or a conversation as `messages`.")
        return [{"role": "user", "content": problem}]
    asked: list[Message] = convert_to_openai_messages(messages)
    if not asked or not _says_something(asked[-1]["content"]):
        raise InputError(
            "There is no question: give `problem`, or `messages` whose last one has text or an image. "
            f"Given: {len(messages)} messages."
        )
    return asked


def _says_something(content: str | list[dict[str, Any]]) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    return any(block["type"] != "text" or block["text"].strip() for block in content)


def require(condition: bool, message: str, **given: Any) -> None:
    """Raise a `ConfigurationError` that names what was given, unless `condition` holds."""
    if not condition:
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise ConfigurationError(f"{message} Given: {named}.")


_TOLD_BY: dict[Signal, str] = {
    "logprobs": "local models (TransformersGenerator), and servers that return log-probabilities",
    "token_confidences": "local models (TransformersGenerator), and servers that return top log-probabilities",
    "self_certainty": "local models only (TransformersGenerator): no server returns the whole vocabulary",
    "alternatives": "local models (TransformersGenerator), and servers that return top log-probabilities",
}


def require_signal(strategy: str, generator: Generator, signal: Signal) -> None:
    """Raise a `ConfigurationError` that says who tells `signal`, unless `generator` does."""
    if signal not in generator.signals:
        told = ", ".join(sorted(generator.signals)) or "none"
        raise ConfigurationError(
            f"{strategy} reads the {signal} of samples, and {type(generator).__name__} tells {told} of them. "
            f"It is told by {_TOLD_BY[signal]}."
        )
