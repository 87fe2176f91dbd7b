"""The question node, recursion guard and option checks."""

from types import FunctionType
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import SearchContext, create, strategies
from its_graph.catalog.registry import strategy
from its_graph.errors import DiminishingReturnsWarning, InputError
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.graphs.build import search_graph
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
TEXT: dict[str, Any] = {"type": "text", "text": "What is this?"}


def asked(given: dict[str, Any], **context: Any) -> list[dict[str, Any]]:
    """Return the conversation that the generator sees."""
    generator = ScriptedGenerator(lambda request: r"\boxed{1}")
    create("single", generator).compile().invoke(given, context=SearchContext(**context))
    return list(generator.requests[0].messages)


@pytest.mark.parametrize(("problem", "kind"), [(12, "int"), (["Add"], "list"), ({"text": "Add"}, "dict")])
def test_a_problem_that_is_not_text_is_rejected_by_type(problem: object, kind: str) -> None:
    with pytest.raises(InputError, match=f"`problem` must be text; got {kind}: .*Pass a conversation as `messages`"):
        asked({"problem": problem})


@pytest.mark.parametrize("content", ["", " ", [], [{"type": "text", "text": " "}], ["", " "]])
def test_a_last_message_without_content_is_rejected(content: Any) -> None:
    with pytest.raises(InputError, match=r"whose last message has text or an image; got 2 messages"):
        asked({"messages": [HumanMessage("Hello."), HumanMessage(content)]})


def test_an_image_alone_is_a_question() -> None:
    assert asked({"messages": [HumanMessage([IMAGE])]}) == [{"role": "user", "content": [IMAGE]}]
    assert asked({"messages": [HumanMessage([TEXT, IMAGE])]}) == [{"role": "user", "content": [TEXT, IMAGE]}]


def test_a_problem_is_asked_alone_even_beside_messages() -> None:
    given = {"problem": "Add 1, 2.", "messages": [HumanMessage("Add 3, 4.")]}
    assert asked(given) == [{"role": "user", "content": "Add 1, 2."}]


def test_there_is_never_more_than_one_system_message_at_the_top() -> None:
    ask = HumanMessage("Add 1, 2.")
    user = {"role": "user", "content": "Add 1, 2."}
    ours = {"role": "system", "content": "Be brief."}
    both = {"role": "system", "content": "Be brief.\n\nBe kind."}
    assert asked({"messages": [ask]}, system="Be brief.") == [ours, user]
    assert asked({"problem": "Add 1, 2."}, system="Be brief.") == [ours, user]
    assert asked({"messages": [SystemMessage("Be kind."), ask]}, system="Be brief.") == [both, user]
    assert asked({"messages": [SystemMessage("Be kind."), ask]}) == [{"role": "system", "content": "Be kind."}, user]


def test_a_system_message_with_more_than_text_keeps_it() -> None:
    given = {"messages": [SystemMessage([TEXT, IMAGE]), HumanMessage("Add 1, 2.")]}
    system = asked(given, system="Be brief.")[0]
    assert system == {"role": "system", "content": [{"type": "text", "text": "Be brief."}, TEXT, IMAGE]}


def test_a_problem_is_asked_once_and_the_threads_next_question_may_be_a_message() -> None:
    generator = ScriptedGenerator(lambda request: r"\boxed{1}")
    graph = create("single", generator).compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    graph.invoke({"problem": "Add 1, 2."}, config)
    graph.invoke({"messages": [HumanMessage("Add 3, 4.")]}, config)
    second = generator.requests[1].messages
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert second[-1]["content"] == "Add 3, 4."


def test_sizes_with_diminishing_returns_cause_a_warning_and_run() -> None:
    """Reference 1.1: N > 64 and more than 200 iterations bring little."""
    with pytest.warns(DiminishingReturnsWarning, match=r"best_of_n with n=65: above 64"):
        graph = create("best_of_n", ToyGenerator(), ToyVerifier(), n=65).compile()
    assert len(graph.invoke({"problem": "Add 1, 2."})["result"]["candidates"]) == 65
    with pytest.warns(DiminishingReturnsWarning, match=r"mine with iterations=201: above 200"):
        search_graph("mine", iterations=201)


@pytest.mark.parametrize(
    "make",
    [
        lambda: create_best_of_n(ToyGenerator(), ToyVerifier(), n=65),
        lambda: create("best_of_n", ToyGenerator(), ToyVerifier(), n=65),
        lambda: strategy("best_of_n").create(ToyGenerator(), ToyVerifier(), {"n": 65}),
        lambda: search_graph("mine", iterations=201),
    ],
)
def test_the_warning_names_the_callers_line(make: FunctionType) -> None:
    with pytest.warns(DiminishingReturnsWarning) as caught:
        make()
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, make.__code__.co_firstlineno)]


SIZED = [(strategy.name, size) for strategy in strategies() for size in ("n", "iterations") if size in strategy.options]


@pytest.mark.parametrize(("name", "size"), SIZED)
def test_every_strategy_warns_of_its_own_size(name: str, size: str) -> None:
    with pytest.warns(DiminishingReturnsWarning, match=rf"{name} with {size}=208: above"):
        create(name, ToyGenerator(), ToyVerifier(), **{size: 208})


def test_a_graph_exposes_its_schemas() -> None:
    """Servers and tools ask for them; pydantic refuses the TypedDict of `typing` before Python 3.12."""
    graph = create("best_of_n", ToyGenerator(), ToyVerifier()).compile()
    assert set(graph.get_input_jsonschema()["properties"]) == {"messages", "problem"}
    assert set(graph.get_output_jsonschema()["properties"]) == {"messages", "answer", "result"}


def test_smaller_sizes_cause_no_warning() -> None:
    create("best_of_n", ToyGenerator(), ToyVerifier(), n=64)
    search_graph("mine", iterations=200)
