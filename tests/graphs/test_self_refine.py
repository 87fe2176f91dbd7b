"""Self-refinement with a critic, through the graph. For its rules alone see tests/nodes/revision/test_critique."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, Sample, SampleRequest, SearchContext
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_self_refine
from its_graph.nodes import prompts
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator

SEEDED = SearchContext(seed=7)
Reply = str | Sample | Exception


def run(graph: Any, context: SearchContext = SEEDED, **config: Any) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    thread: dict[str, Any] = {"configurable": {"thread_id": "1"}} | config
    result = compiled.invoke({"problem": "Add 3, 5."}, thread, context=context)["result"]
    return result, Tree.of(compiled.get_state(thread).values)


def saying(*replies: Reply, parameters: int = 0) -> ScriptedGenerator:
    """Return a generator that gives these replies one after the other."""
    left = iter(replies)

    def script(request: SampleRequest) -> str | Sample:
        reply = next(left)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return ScriptedGenerator(script, parameters=parameters)


def test_attempt_critique_attempt_until_the_rounds_are_over() -> None:
    generator = saying(r"\boxed{7}", "Off by one.", r"\boxed{9}", "Too much.", r"\boxed{8}")
    result, tree = run(create_self_refine(generator, rounds=2))
    assert [step.get("auxiliary") for step in tree.steps.values()] == [None, "critique", None, "critique", None]
    assert [step.get("sources") for step in tree.steps.values()] == [None, ["0"], ["0", "1"], ["2"], ["2", "3"]]
    assert [candidate["text"] for candidate in result["candidates"]] == [r"\boxed{7}", r"\boxed{9}", r"\boxed{8}"]
    assert (result["answer"], result["stop_reason"]) == ("8", "completed")
    asked = [list(request.messages) for request in generator.requests]
    assert asked[1] == prompts.critique(tree.question, [r"\boxed{7}"])
    assert asked[2] == prompts.refine(tree.question, [r"\boxed{7}", "Off by one."])
    assert asked[4] == prompts.refine(tree.question, [r"\boxed{9}", "Too much."])


def test_it_stops_when_the_critic_accepts() -> None:
    generator = saying(r"\boxed{7}", "Verdict: wrong", r"\boxed{8}", "Verdict: correct")
    result, _ = run(create_self_refine(generator, rounds=5))
    assert (result["answer"], result["stop_reason"]) == ("8", "accepted")
    assert result["spend"]["calls"] == 4


def test_the_accept_rule_may_be_the_users_own() -> None:
    generator = saying(r"\boxed{7}", "LGTM")
    result, _ = run(create_self_refine(generator, accepts=lambda text: "LGTM" in text))
    assert result["stop_reason"] == "accepted"


@pytest.mark.parametrize(("rounds", "calls"), [(0, 1), (1, 3), (3, 7)])
def test_the_cost_is_one_attempt_and_two_calls_a_round(rounds: int, calls: int) -> None:
    """The last attempt is not reviewed: nothing would read the review."""
    result, _ = run(create_self_refine(ToyGenerator(), rounds=rounds))
    assert result["spend"]["calls"] == calls
    assert result["stop_reason"] == "completed"


def test_another_model_can_be_the_critic_and_costs_what_it_costs() -> None:
    generator, critic = saying(r"\boxed{7}", r"\boxed{8}", parameters=10), saying("Off by one.", parameters=1000)
    result, _ = run(create_self_refine(generator, critic=critic, rounds=1))
    assert len(critic.requests) == 1
    assert len(generator.requests) == 2
    read = critic.prompt_tokens(critic.requests[0]) + 3
    own = sum(generator.prompt_tokens(request) + 1 for request in generator.requests)
    assert result["spend"]["flops"] == 2 * (1000 * read + 10 * own)


def test_a_failed_critique_leaves_a_plain_revision() -> None:
    generator = saying(r"\boxed{7}", ValueError("bad reply"), r"\boxed{8}")
    result, tree = run(create_self_refine(generator, rounds=1))
    assert tree.steps["2"]["sources"] == ["0"]
    assert list(generator.requests[2].messages) == prompts.revise(tree.question, [r"\boxed{7}"])
    assert result["answer"] == "8"


def test_a_failed_first_attempt_is_followed_by_another() -> None:
    generator = saying(ValueError("bad reply"), r"\boxed{7}", "Verdict: correct")
    result, tree = run(create_self_refine(generator, rounds=2))
    assert "sources" not in tree.steps["1"]
    assert (result["answer"], result["stop_reason"]) == ("7", "accepted")


def test_a_failed_refinement_is_tried_again_in_the_next_round() -> None:
    generator = saying(r"\boxed{7}", "Off by one.", ValueError("bad reply"), r"\boxed{8}")
    result, tree = run(create_self_refine(generator, rounds=2))
    assert tree.steps["3"]["sources"] == ["0", "1"]
    assert (result["answer"], result["stop_reason"]) == ("8", "completed")


def test_a_refinement_that_is_cut_off_is_not_the_answer() -> None:
    cut = Sample(text=r"\boxed{1} and", finish_reason="length")
    result, _ = run(create_self_refine(saying(r"\boxed{7}", "Off by one.", cut), rounds=1))
    assert result["answer"] == "7"
    assert result["truncated"] == 1


def test_in_prose_the_last_attempt_is_taken() -> None:
    result, _ = run(create_self_refine(saying("A poem.", "Dull.", "A better poem."), rounds=1))
    assert result["text"] == "A better poem."


def test_a_critique_that_states_an_answer_is_no_candidate() -> None:
    result, _ = run(create_self_refine(saying(r"\boxed{7}", r"No: \boxed{9}", r"\boxed{7}"), rounds=1))
    assert {candidate["answer"] for candidate in result["candidates"]} == {"7"}


@pytest.mark.parametrize(("calls", "made"), [(1, 1), (2, 2), (3, 3), (4, 4)])
def test_a_budget_that_ends_half_way_still_answers(calls: int, made: int) -> None:
    context = SearchContext(seed=7, budget=Budget(calls=calls))
    result, _ = run(create_self_refine(ToyGenerator(0), rounds=3), context)
    assert (result["answer"], result["stop_reason"]) == ("8", "budget")
    assert result["spend"]["calls"] == made


def test_a_recursion_limit_leaves_room_for_the_answer() -> None:
    result, _ = run(create_self_refine(ToyGenerator(), rounds=100), recursion_limit=12)
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] is not None


def test_invalid_options_are_rejected() -> None:
    with pytest.raises(ConfigurationError, match="rounds >= 0"):
        create_self_refine(ToyGenerator(), rounds=-1)
