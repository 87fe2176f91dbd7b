"""What every strategy starts with: a search graph whose first node reads the question, and checks of its options.

As part of another search (`its_graph.graphs.subsearch`) that first node continues the search in progress instead.
"""

import inspect
import secrets
import warnings
from collections.abc import Collection, Mapping, Set
from functools import cache
from typing import Any, TypeAlias

from langchain_core.messages import AnyMessage, HumanMessage, convert_to_openai_messages
from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite

from its_graph.context import SearchContext, search_context
from its_graph.contracts import Generator, Message, Signal
from its_graph.errors import ConfigurationError, DiminishingReturnsWarning, InputError
from its_graph.graphs.subsearch import building_subsearch, enter_subsearch, start_after_pilots
from its_graph.nodes.prompt_variation import with_system_prompt
from its_graph.nodes.rules.stopping import out_of_steps
from its_graph.nodes.rules.types import StartRule, StopRule
from its_graph.search.events import emit
from its_graph.search.state import LOGS, PureNode, SearchInput, SearchOutput, SearchState, Update
from its_graph.search.tree import Tree

__all__ = [
    "SearchGraph",
    "recursion_guard",
    "require",
    "require_at_least_one",
    "require_signal",
    "search_graph",
    "supersteps_to_answer",
]

SearchGraph: TypeAlias = StateGraph[SearchState, SearchContext, SearchInput, SearchOutput]

_MANY_SAMPLES = 64
_MANY_ITERATIONS = 200


# --- the first node -----------------------------------------------------------------------------------------------


def search_graph(
    strategy: str, *, n: int = 1, iterations: int = 1, start: StartRule = start_after_pilots
) -> SearchGraph:
    """Return a graph that contains the node `question`; a strategy adds its loop after it.

    `question` clears the logs, so that a thread's next search never sees the tree of the previous one.

    It reads the question from `problem` if there is one, as a question on its own, and from `messages` otherwise: a
    thread's messages accumulate, so they are present next to every `problem`, and are not asked again. The system
    prompt of the settings comes first, merged with the conversation's own: many servers reject a second system message.

    Args:
        strategy: name of the strategy, as results report it.
        n: samples (per round); above 64 a warning says that gains are small.
        iterations: rounds of a tree search; above 200 there is a warning too.
        start: how the strategy treats pilots as part of another search: `start_after_pilots` or `reuse_pilots`.
    """
    _warn_above(strategy, "n", n, _MANY_SAMPLES)
    _warn_above(strategy, "iterations", iterations, _MANY_ITERATIONS)
    if building_subsearch():
        return _with_first_node(enter_subsearch(start), StateGraph(SearchState, context_schema=SearchContext))
    graph = StateGraph(SearchState, context_schema=SearchContext, input_schema=SearchInput, output_schema=SearchOutput)
    return _with_first_node(_question(strategy), graph)


def _with_first_node(question: PureNode, graph: StateGraph[SearchState, SearchContext, Any, Any]) -> SearchGraph:
    graph.add_node("question", question)
    graph.add_edge(START, "question")
    return graph


def _warn_above(strategy: str, name: str, value: int, many: int) -> None:
    if value > many:
        warnings.warn(
            f"{strategy} with {name}={value}: above {many}, gains are usually small. Measure with `its-graph eval` "
            "whether they are worth the cost.",
            DiminishingReturnsWarning,
            stacklevel=_level_of_caller(),
        )


def _level_of_caller() -> int:
    """Return the `stacklevel`, as seen from the caller of this function, of the first line outside this library."""
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
        conversation = _conversation(problem, messages)
        update: Update = {
            "messages": [HumanMessage(problem)] if problem is not None else [],
            "problem": None,  # consumed; the thread's next question may arrive as messages
            "strategy": strategy,
            "settings": settings.model_dump(),
            "question": with_system_prompt(settings.system, conversation) if settings.system else conversation,
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
    """Return the conversation that the generator answers: a bare problem is asked alone, whatever the thread holds."""
    if problem is not None:
        if not isinstance(problem, str):
            raise InputError(
                f"`problem` must be text; got {type(problem).__name__}: {problem!r}. "
                "Pass a conversation as `messages` instead."
            )
        if not problem.strip():
            raise InputError("`problem` is empty. Pass a question as `problem` or a conversation as `messages`.")
        return [{"role": "user", "content": problem}]
    conversation: list[Message] = convert_to_openai_messages(messages)
    if not conversation or not _has_content(conversation[-1]["content"]):
        raise InputError(
            "No question given. Pass `problem`, or `messages` whose last message has text or an image; "
            f"got {len(messages)} messages."
        )
    return conversation


def _has_content(content: str | list[dict[str, Any]]) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    return any(block["type"] != "text" or block["text"].strip() for block in content)


# --- the recursion limit ------------------------------------------------------------------------------------------


def recursion_guard(graph: SearchGraph, decision: str = "select", *, spare: int = 0) -> StopRule:
    """Stop while the recursion limit still leaves room for one more round and for the answer after it.

    The number of supersteps is derived from the graph when the rule is first applied, since the graph is complete then.

    Args:
        graph: the graph that the rule becomes part of.
        decision: the node with the exits; its exit `more` starts another round.
        spare: supersteps to keep in addition.
    """
    supersteps = cache(lambda: supersteps_to_answer(graph, decision) + spare)

    def rule(tree: Tree) -> str | None:
        return out_of_steps(supersteps())(tree)

    return rule


def supersteps_to_answer(graph: SearchGraph, decision: str) -> int:
    """Return the most supersteps from one `decision` through another round to the end of the graph.

    That is the longest path from the exit `more` back to `decision`, plus the longest path from its other exits.
    """
    next_nodes: dict[str, set[str]] = {}
    for start, end in graph.edges:
        next_nodes.setdefault(start, set()).add(end)
    for start, branches in graph.branches.items():
        for branch in branches.values():
            next_nodes.setdefault(start, set()).update((branch.ends or {}).values())
    exits = {label: node for branch in graph.branches[decision].values() for label, node in (branch.ends or {}).items()}
    one_round = _longest_path(next_nodes, exits["more"], decision)
    ends = [_longest_path(next_nodes, node, END, {decision}) for label, node in exits.items() if label != "more"]
    return one_round + max(ends) - 1  # END is not a superstep


def _longest_path(
    next_nodes: Mapping[str, Collection[str]], start: str, end: str, visited: Set[str] = frozenset()
) -> int:
    """Return the number of nodes on the longest simple path from `start` to `end`, both included; below 0 if none."""
    if start == end:
        return 1
    visited = {*visited, start}
    lengths = [
        _longest_path(next_nodes, node, end, visited) for node in next_nodes.get(start, ()) if node not in visited
    ]
    return 1 + max(lengths, default=-len(next_nodes) - 2)


# --- options ------------------------------------------------------------------------------------------------------


def require(condition: bool, requirement: str, **options: Any) -> None:
    """Reject options that break a requirement.

    Raises:
        ConfigurationError: unless `condition` holds; it states the requirement and the values of `options`.
    """
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ConfigurationError(f"{requirement}; got {values}.")


def require_at_least_one(strategy: str, **sizes: int) -> None:
    """Reject sizes below 1.

    Raises:
        ConfigurationError: for the first size that is below 1.
    """
    for name, size in sizes.items():
        require(size >= 1, f"{strategy} needs {name} >= 1", **{name: size})


_SUPPORTED_BY: dict[Signal, str] = {
    "logprobs": "local models (TransformersGenerator), and servers that return log-probabilities",
    "token_confidences": "local models (TransformersGenerator), and servers that return top log-probabilities",
    "self_certainty": "local models only (TransformersGenerator): no server returns the whole vocabulary",
    "alternatives": "local models (TransformersGenerator), and servers that return top log-probabilities",
}


def require_signal(strategy: str, generator: Generator, signal: Signal) -> None:
    """Reject a generator that does not return `signal`.

    Raises:
        ConfigurationError: the message lists what supports the signal.
    """
    if signal not in generator.signals:
        available = ", ".join(sorted(generator.signals)) or "no signals"
        raise ConfigurationError(
            f"{strategy} needs {signal}, which {type(generator).__name__} does not return (it returns {available}). "
            f"Supported by: {_SUPPORTED_BY[signal]}."
        )
