"""Parallel-distill-refine through the graph: docs/reference/algorithms.md 4.5."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, Sample, SampleRequest, SearchContext
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_pdr
from its_graph.nodes import prompts
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator

SEEDED = SearchContext(seed=7)
_NOTES_WANTED = prompts.summarize([{"role": "user", "content": "?"}], ["x"])[-1]["content"].split("\n\n")[0]


def run(graph: Any, context: SearchContext = SEEDED, **config: Any) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    thread: dict[str, Any] = {"configurable": {"thread_id": "1"}} | config
    result = compiled.invoke({"problem": "Add 3, 5, 4, 7, 2."}, thread, context=context)["result"]
    return result, Tree.of(compiled.get_state(thread).values)


def seen(request: SampleRequest) -> list[str]:
    """Return the earlier texts that a request shows."""
    return [str(message["content"]) for message in request.messages if message["role"] == "assistant"]


def numbered(say: Callable[[int, bool], str | Sample]) -> ScriptedGenerator:
    """Return a generator whose replies are a function of their number and of whether notes are asked for."""

    def script(request: SampleRequest) -> str | Sample:
        return say(len(generator.requests) - 1, str(request.messages[-1]["content"]).startswith(_NOTES_WANTED))

    generator = ScriptedGenerator(script)
    return generator


def answers(at: int, is_summary: bool) -> str:
    return f"notes {at}" if is_summary else rf"\boxed{{{at}}}"


def workspaces(tree: Tree) -> list[str]:
    return [key for key, step in tree.steps.items() if step.get("auxiliary") == "summary"]


@pytest.mark.parametrize(("n", "rounds"), [(1, 1), (4, 2), (3, 3), (1, 4)])
def test_m_drafts_and_a_workspace_a_round_and_one_last_solution(n: int, rounds: int) -> None:
    """Reference 4.5: rounds R, M drafts: M*R drafts + R workspace calls; then one solution from the last one."""
    result, tree = run(create_pdr(numbered(answers), n=n, rounds=rounds))
    assert len(workspaces(tree)) == rounds
    assert len(tree.steps) - rounds == n * rounds + 1 == len(result["candidates"])
    assert result["spend"]["calls"] == n * rounds + rounds + 1
    assert result["stop_reason"] == "completed"


def test_a_draft_sees_the_newest_workspace_and_a_workspace_the_drafts_of_its_round() -> None:
    generator = numbered(answers)
    _, tree = run(create_pdr(generator, n=2, rounds=2))
    shown = [seen(request) for request in generator.requests]
    assert shown[:3] == [[], [], [r"\boxed{0}", r"\boxed{1}"]]
    assert shown[3:6] == [["notes 2"], ["notes 2"], [r"\boxed{3}", r"\boxed{4}"]]
    assert shown[6:] == [["notes 5"]]
    assert [step.get("sources") for step in tree.steps.values()] == [
        None, None, ["0", "1"], ["2"], ["2"], ["3", "4"], ["5"],
    ]  # fmt: skip
    assert list(generator.requests[3].messages) == prompts.from_workspace(tree.question, ["notes 2"])
    assert list(generator.requests[2].messages) == prompts.summarize(tree.question, shown[2])


def test_with_one_draft_a_round_it_is_sequential_refinement() -> None:
    """Reference 4.5: M=1 is sequential refinement."""
    _, tree = run(create_pdr(numbered(answers), n=1, rounds=3))
    assert [step.get("sources") for step in tree.steps.values()] == [None, *([str(key)] for key in range(6))]


@settings(max_examples=25, deadline=None)
@given(draft=st.integers(1, 64), notes=st.integers(1, 300), cap=st.integers(1, 80))
def test_a_workspace_is_never_longer_than_its_cap(draft: int, notes: int, cap: int) -> None:
    """Reference 4.5: workspace length <= its cap for any drafts."""

    def ramble(at: int, is_summary: bool) -> str:
        return "word " * notes if is_summary else "hm " * draft

    generator = numbered(ramble)
    _, tree = run(create_pdr(generator, n=2, rounds=2, workspace_tokens=cap))
    assert [tree.steps[key]["tokens"] for key in workspaces(tree)] == [min(notes, cap, 64)] * 2
    assert all(len(tree.text(key).split()) <= cap for key in workspaces(tree))
    assert all(len(text.split()) <= cap for request in generator.requests[3:5] for text in seen(request))


def test_the_last_solution_is_the_answer_whatever_the_drafts_say() -> None:
    result, _ = run(
        create_pdr(numbered(lambda at, notes: "notes" if notes else rf"\boxed{{{7 if at == 10 else 5}}}"), n=4)
    )
    assert result["answer"] == "7"
    assert [(vote["answer"], vote["count"]) for vote in result["votes"]] == [("7", 1)]


@pytest.mark.parametrize("last", ["hm", Sample(text=r"\boxed{7}", finish_reason="length"), ValueError("bad reply")])
def test_a_last_solution_without_an_answer_leaves_it_to_the_vote_of_the_drafts(last: Any) -> None:
    def say(at: int, is_summary: bool) -> str | Sample:
        if at == 8 and isinstance(last, Exception):
            raise last
        return last if at == 8 else "notes" if is_summary else rf"\boxed{{{5 + (at == 0)}}}"

    result, _ = run(create_pdr(numbered(say), n=3))
    assert result["answer"] == "5"


def test_a_failed_workspace_leaves_the_one_before_or_the_question() -> None:
    def say(at: int, is_summary: bool) -> str:
        if at in {2, 8}:
            raise ValueError("the prompt is too long")
        return answers(at, is_summary)

    _, tree = run(create_pdr(numbered(say), n=2, rounds=3))
    assert workspaces(tree) == ["5"]
    assert [tree.steps[key].get("sources") for key in ("3", "4", "6", "7", "9")] == [None, None, ["5"], ["5"], ["5"]]


def test_drafts_that_fail_or_are_truncated_are_not_summarized() -> None:
    def say(at: int, is_summary: bool) -> str | Sample:
        if at == 0:
            raise ValueError("bad reply")
        return Sample(text="so", finish_reason="length") if at == 1 else answers(at, is_summary)

    _, tree = run(create_pdr(numbered(say), n=4, rounds=1))
    assert tree.steps["4"]["sources"] == ["2", "3"]


def test_a_first_round_that_fails_whole_is_followed_by_another() -> None:
    def say(at: int, is_summary: bool) -> str:
        if at < 2:
            raise ValueError("bad reply")
        return answers(at, is_summary)

    result, tree = run(create_pdr(numbered(say), n=2, rounds=2))
    assert workspaces(tree) == ["4"]
    assert tree.steps["4"]["sources"] == ["2", "3"]
    assert result["answer"] == "5"


def test_a_later_round_that_fails_entirely_is_not_summarized() -> None:
    def say(at: int, is_summary: bool) -> str:
        if at in {3, 4}:
            raise ValueError("bad reply")
        return answers(at, is_summary)

    result, tree = run(create_pdr(numbered(say), n=2, rounds=2))
    assert workspaces(tree) == ["2"]
    assert tree.steps["5"]["sources"] == ["2"]
    assert result["answer"] == "5"


def test_a_workspace_is_no_answer_even_if_it_reads_like_one() -> None:
    result, tree = run(create_pdr(numbered(lambda at, notes: rf"\boxed{{{9 if notes else 5}}}"), n=2))
    assert {candidate["answer"] for candidate in result["candidates"]} == {"5"}
    assert len(workspaces(tree)) == 2


@pytest.mark.parametrize(("calls", "drafts", "notes"), [(2, 2, 0), (3, 3, 0), (4, 3, 1), (5, 4, 1), (8, 6, 2)])
def test_a_budget_that_ends_half_way_stops_there(calls: int, drafts: int, notes: int) -> None:
    context = SearchContext(seed=7, budget=Budget(calls=calls))
    result, tree = run(
        create_pdr(numbered(lambda at, is_summary: "notes" if is_summary else r"\boxed{5}"), n=3), context
    )
    assert result["stop_reason"] == "budget"
    assert result["answer"] == "5"
    assert (len(tree.steps) - len(workspaces(tree)), len(workspaces(tree))) == (drafts, notes)


def test_a_recursion_limit_leaves_room_for_the_answer() -> None:
    result, _ = run(create_pdr(ToyGenerator(), n=2, rounds=100), recursion_limit=12)
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] is not None


@pytest.mark.parametrize("option", ["n", "rounds", "workspace_tokens"])
def test_invalid_options_are_rejected(option: str) -> None:
    options: dict[str, Any] = {option: 0}
    with pytest.raises(ConfigurationError, match=rf"{option} >= 1; got {option}=0"):
        create_pdr(ToyGenerator(), **options)
