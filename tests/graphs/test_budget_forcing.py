"""Budget forcing: the vectors of docs/reference/algorithms.md 4.2, through the graph."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext, Spend
from its_graph.contracts import Sample
from its_graph.errors import ConfigurationError, ContinuationError
from its_graph.graphs import create_budget_forcing
from its_graph.nodes.think import thinking_tokens
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator
from its_graph.text.thinking import S1, THINK, TURN

END = "</think>"
ANSWER = r"\boxed{4}"


def thinker(request: SampleRequest) -> str:
    """End every chain of thought with the delimiter; answer after it."""
    if END in request.prefix:
        return ANSWER
    return f"thought {request.prefix.count('Wait')} {END} {ANSWER}"


def run(
    script: Callable[[SampleRequest], str | Sample], context: SearchContext | None = None, **options: Any
) -> tuple[dict[str, Any], Tree, list[SampleRequest]]:
    """Return the result, the tree and the requests of one run; the style is `think` by default."""
    generator = ScriptedGenerator(script)
    graph = create_budget_forcing(generator, **({"style": "think"} | options)).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    result = graph.invoke({"problem": "What is 2 + 2?"}, config, context=context or SearchContext(seed=7))["result"]
    return result, Tree.of(graph.get_state(config).values), generator.requests


# --- the floor -------------------------------------------------------------------------------------------------------


def test_two_ends_are_ignored_and_the_third_is_not() -> None:
    """Reference 4.2: it ends 3 times, NUM_IGNORE=2 -> exactly 2 `Wait`, 3 generations, then the answer."""
    result, tree, requests = run(thinker, ignores=2)
    assert len(requests) == 4
    assert [request.stop for request in requests] == [(END,)] * 3 + [()]
    assert result["text"] == f"thought 0 Waitthought 1 Waitthought 2 {END}\n\n{ANSWER}"
    assert requests[-1].prefix == f"thought 0 Waitthought 1 Waitthought 2 {END}\n\n"
    assert (result["answer"], result["stop_reason"]) == ("4", "completed")
    assert [candidate["finished"] for candidate in result["candidates"]] == [True]
    assert result["spend"]["calls"] == 4
    assert thinking_tokens(tree, "3", THINK) == 3 * 3  # three words a thought, its delimiter included


def test_without_ignores_there_is_no_wait() -> None:
    """Reference 4.2: NUM_IGNORE=0 -> no `Wait`."""
    result, _, requests = run(thinker, ignores=0)
    assert len(requests) == 2
    assert result["text"] == f"thought 0 {END}\n\n{ANSWER}"


@pytest.mark.parametrize("wait", ["", "Hmm", "Alternatively"])
def test_the_text_in_place_of_an_end_is_free(wait: str) -> None:
    """Reference 4.2, settings tried in the paper."""
    result, _, requests = run(lambda candidate: ANSWER if END in candidate.prefix else f"a{END}", ignores=1, wait=wait)
    assert requests[1].prefix == f"a{wait}"
    assert result["text"] == f"a{wait}a{END}\n\n{ANSWER}"


def test_the_end_of_the_turn_is_an_end_of_thinking_too() -> None:
    """Reference 4.2: thinking stops on the end of the turn as on the delimiter."""
    result, _, _ = run(lambda candidate: ANSWER if END in candidate.prefix else "so", ignores=1)
    assert result["text"] == f"soWaitso{END}\n\n{ANSWER}"


def test_nothing_more_to_think_is_an_end_as_well() -> None:
    texts: Iterator[str | Sample] = iter(["so", Sample(text="", finish_reason="end"), ANSWER])
    result, _, _ = run(lambda candidate: next(texts), ignores=1)
    assert result["text"] == f"soWait{END}\n\n{ANSWER}"


# --- the ceiling -----------------------------------------------------------------------------------------------------


def rambler(request: SampleRequest) -> str:
    """Think forever; answer after the end of the thinking."""
    return ANSWER if END in request.prefix else " ".join(["hm"] * 1000)


def test_at_the_ceiling_there_is_one_forced_end_and_one_final_answer() -> None:
    """Reference 4.2: exactly one forced end, one `Final Answer:`, thinking within its maximum; no `Wait`."""
    result, tree, requests = run(rambler, ignores=4, max_thinking_tokens=10, answer_tokens=5)
    thought = " ".join(["hm"] * 10)
    assert result["text"] == f"{thought}\n{END}\n\nFinal Answer:{ANSWER}"
    assert result["text"].count(END) == result["text"].count("Final Answer:") == 1
    assert [request.max_tokens for request in requests] == [10, 5]
    assert thinking_tokens(tree, "1", THINK) == 10
    assert (result["answer"], result["truncated"]) == ("4", 0)


def test_a_prolonged_thinking_gets_what_is_left_and_a_cut_one_is_final() -> None:
    """Reference 4.2, README rule: remaining = maximum - used; a generation ended by length is final."""
    script = iter([f"one two three {END}", "hm " * 50, ANSWER])
    result, tree, requests = run(lambda candidate: next(script), ignores=3, max_thinking_tokens=10)
    assert [request.max_tokens for request in requests] == [10, 6, 64]
    assert result["text"].count("Wait") == 1
    assert thinking_tokens(tree, "2", THINK) == 10
    assert requests[-1].prefix.endswith(f"\n{END}\n\nFinal Answer:")


def test_no_end_is_ignored_once_the_maximum_is_used_up() -> None:
    """Reference 4.2, README rule: it stops extending at <= 0. The thinking ended by itself: nothing is forced."""
    script = iter([f"one two three {END}", ANSWER])
    result, _, _ = run(lambda candidate: next(script), ignores=3, max_thinking_tokens=4)
    assert result["text"] == f"one two three {END}\n\n{ANSWER}"


def test_the_maximum_counts_every_thought_of_the_path() -> None:
    result, _, requests = run(
        lambda candidate: ANSWER if END in candidate.prefix else f"a b {END}", ignores=9, max_thinking_tokens=6
    )
    assert [request.max_tokens for request in requests] == [6, 3, 64]
    assert "Final Answer" not in result["text"]


def test_an_end_at_the_very_limit_is_an_end() -> None:
    script: Iterator[str | Sample] = iter([Sample(text=f"a{END}", finish_reason="length", generated_tokens=2), ANSWER])
    assert run(lambda candidate: next(script), ignores=0)[0]["text"] == f"a{END}\n\n{ANSWER}"


def test_thinking_below_the_maximum_is_not_prolonged_beyond_the_ignores() -> None:
    """Reference 4.2: the rule acts on the end, a fixed number of times, not whenever below the budget."""
    _, tree, requests = run(thinker, ignores=1, max_thinking_tokens=10_000)
    assert len(requests) == 3
    assert thinking_tokens(tree, "2", THINK) == 6


@given(lengths=st.lists(st.integers(1, 12), min_size=6, max_size=6), ignores=st.integers(0, 5), most=st.integers(1, 30))
def test_thinking_is_never_longer_than_its_maximum(lengths: list[int], ignores: int, most: int) -> None:
    """Reference 4.2: total thinking <= maximum, one end, at most `ignores` times `Wait`."""
    script = iter([" ".join(["hm"] * length) + f" {END}" for length in lengths])
    result, tree, _ = run(
        lambda candidate: ANSWER if END in candidate.prefix else next(script), ignores=ignores, max_thinking_tokens=most
    )
    (done,) = tree.complete
    assert thinking_tokens(tree, done, THINK) <= most
    assert result["text"].count(END) == 1
    assert result["text"].count("Wait") <= ignores
    assert result["text"].count("Final Answer:") <= 1
    assert result["answer"] == "4"


def test_an_answer_that_is_cut_off_does_not_vote() -> None:
    long = " ".join(["so"] * 9)
    result, _, _ = run(lambda candidate: f"{ANSWER} {long}" if END in candidate.prefix else f"a {END}", answer_tokens=5)
    assert (result["truncated"], result["votes"]) == (1, [])


# --- styles ----------------------------------------------------------------------------------------------------------


def test_the_delimiters_of_s1() -> None:
    """Reference 4.2: `<|im_start|>` ends the thinking, `<|im_start|>answer` leads over, `Wait` prolongs."""
    script = iter(["a<|im_start|>", "b<|im_start|>answer", "4"])
    result, _, requests = run(lambda candidate: next(script), style="s1")
    assert requests[0].prefix == "<|im_start|>think\n"
    assert requests[0].stop == ("<|im_start|>",)
    assert result["text"] == "<|im_start|>think\naWaitb<|im_start|>answer\n4"


def test_s1_cut_off_answers_final_answer() -> None:
    """Reference 4.2: a thinking that reaches its maximum."""
    script = iter(["a b c d", "4"])
    result, _, _ = run(lambda candidate: next(script), style=S1, max_thinking_tokens=3)
    assert result["text"] == "<|im_start|>think\na b c\n<|im_start|>answer\nFinal Answer:4"
    assert result["answer"] == "4"


def test_a_model_without_delimiters_looks_at_its_solution_again() -> None:
    """The end of its turn is the end of its thinking; what it says last counts. No call is spent on an answer."""
    script = iter([r"so \boxed{3}", r" no, \boxed{4}"])
    result, tree, requests = run(lambda candidate: next(script), style=None)
    assert [request.stop for request in requests] == [(), ()]
    assert result["text"] == r"so \boxed{3}" + "\n\n" + r"Wait no, \boxed{4}"
    assert (result["answer"], result["candidates"][0]["finished"]) == ("4", True)
    assert thinking_tokens(tree, "1", TURN) == 5 - 1  # `Wait` was not generated


def test_a_solution_without_delimiters_that_is_cut_off_is_asked_for_its_answer() -> None:
    script = iter(["so so so", "4"])
    result, tree, requests = run(lambda candidate: next(script), style="turn", max_thinking_tokens=2)
    assert requests[-1].prefix == "so so\n\nFinal Answer:"
    assert (result["answer"], result["truncated"]) == ("4", 0)
    assert thinking_tokens(tree, "1", TURN) == 2


def test_a_custom_style() -> None:
    """A model that was trained to wait on a line of its own."""
    style = THINK._replace(joint="\n", wait="Wait\n\n", final="")
    script = iter([f"a\n{END}", f"b\n{END}", ANSWER])
    result, _, _ = run(lambda candidate: next(script), style=style)
    assert result["text"] == f"a\n\nWait\n\nb\n{END}\n\n{ANSWER}"


def test_the_generators_own_style_is_taken() -> None:
    generator = ScriptedGenerator(thinker)
    generator.think_style = THINK
    create_budget_forcing(generator, ignores=0).compile().invoke({"problem": "?"})
    assert generator.requests[0].stop == (END,)


# --- several thoughts, failures, limits ------------------------------------------------------------------------------


def test_chains_of_thought_run_in_parallel_and_their_answers_vote() -> None:
    """The first chain of thought is cut, the others are extended; all answers are sampled together and vote."""
    answers = iter(["5", "4", "4"])
    thoughts = iter(["hm " * 99, f"a {END}", f"b {END}", f"c {END}", f"d {END}"])
    result, tree, requests = run(
        lambda candidate: rf"\boxed{{{next(answers)}}}" if END in candidate.prefix else next(thoughts),
        n=3,
        max_thinking_tokens=20,
    )
    assert len(requests) == 3 + 2 + 3
    assert [(vote["answer"], vote["count"]) for vote in result["votes"]] == [("4", 2), ("5", 1)]
    assert len(result["candidates"]) == 3
    assert sorted(thinking_tokens(tree, candidate["id"], THINK) for candidate in result["candidates"]) == [4, 4, 20]


def test_a_continuation_that_fails_loses_only_itself() -> None:
    """The thinking had ended by itself: it is concluded as it is, and not extended under another id."""

    def script(request: SampleRequest) -> str:
        if request.prefix == "thought 0 Wait":
            raise ValueError("bad reply")
        return thinker(request)

    result, _, requests = run(script, ignores=3)
    assert len(requests) == 3
    assert result["text"] == f"thought 0 {END}\n\n{ANSWER}"
    assert result["failed"] == ["ValueError: bad reply"]


def test_an_answer_that_fails_leaves_the_others() -> None:
    calls = iter(range(99))

    def script(request: SampleRequest) -> str:
        if END in request.prefix and next(calls) == 0:
            raise ValueError("bad reply")
        return thinker(request)

    result, _, _ = run(script, n=2)
    assert result["answer"] == "4"
    assert [candidate["finished"] for candidate in result["candidates"]].count(False) == 1
    assert result["failed"] == ["ValueError: bad reply"]


@pytest.mark.parametrize("calls", [2, 3, 4, 5, 6, 7])
def test_a_budget_of_calls_always_leaves_one_for_the_answer(calls: int) -> None:
    result, _, requests = run(thinker, SearchContext(seed=7, budget=Budget(calls=calls)), ignores=5)
    assert len(requests) == calls
    assert result["answer"] == "4"
    assert result["stop_reason"] == ("budget" if calls < 7 else "completed")


def test_the_shortest_thoughts_come_first_where_the_budget_bears_not_all() -> None:
    """Four calls: two chains of thought, of which the shorter is extended and answered."""
    thoughts = iter([f"long long long long {END}", f"short {END}", f"so {END}"])
    context = SearchContext(seed=7, budget=Budget(calls=4))
    result, _, requests = run(lambda candidate: ANSWER if END in candidate.prefix else next(thoughts), context, n=2)
    assert [request.prefix for request in requests[2:]] == ["short Wait", f"short Waitso {END}\n\n"]
    assert (result["answer"], result["stop_reason"]) == ("4", "budget")


def test_the_shortest_thought_is_answered_first() -> None:
    thoughts = iter([f"long long {END}", f"short {END}"])
    context = SearchContext(seed=7, budget=Budget(calls=3))
    _, _, requests = run(
        lambda candidate: ANSWER if END in candidate.prefix else next(thoughts), context, n=2, ignores=0
    )
    assert [request.prefix for request in requests[2:]] == [f"short {END}\n\n"]


def test_a_solution_without_delimiters_needs_no_reserved_call() -> None:
    context = SearchContext(seed=7, budget=Budget(calls=2))
    result, _, requests = run(lambda candidate: ANSWER, context, style="turn")
    assert (len(requests), result["answer"], result["stop_reason"]) == (2, "4", "completed")


@pytest.mark.parametrize("kind", ["tokens", "generated_tokens", "flops"])
@pytest.mark.parametrize("n", [1, 3])
def test_a_thinking_is_cut_so_that_the_budget_bears_its_answer(n: int, kind: str) -> None:
    """However tight the budget, once an answer is affordable the thinking leaves room for it; no limit is exceeded."""
    for limit in range(60, 400, 17):
        budget = Budget(**{kind: limit * 20 if kind == "flops" else limit})
        generator = ScriptedGenerator(rambler, parameters=10)
        graph = create_budget_forcing(generator, n=n, style="think", answer_tokens=20, max_thinking_tokens=100)
        result = graph.compile().invoke({"problem": "?"}, context=SearchContext(seed=7, budget=budget))["result"]
        assert budget.allows(Spend(**result["spend"]))
        assert result["answer"] == "4", limit


def test_the_thinking_is_as_long_as_the_budget_allows() -> None:
    """A prompt of 5 and a thought of L; then 5 + L + 3 are read for an answer of 20 at most: L = 53 of 139 tokens."""
    context = SearchContext(seed=7, budget=Budget(tokens=139))
    _, tree, _ = run(rambler, context, answer_tokens=20, max_thinking_tokens=100)
    assert tree.steps["0"]["tokens"] == 53


def test_the_recursion_limit_leaves_the_answer() -> None:
    """The question, two supersteps a round, conclude, answer, and one more that LangGraph counts."""
    for limit in range(6, 14):
        generator = ScriptedGenerator(thinker)
        graph = create_budget_forcing(generator, ignores=99, style="think", max_thinking_tokens=10**6).compile()
        result = graph.invoke({"problem": "?"}, {"recursion_limit": limit}, context=SearchContext(seed=7))["result"]
        assert (result["answer"], result["stop_reason"]) == ("4", "recursion_limit"), limit
        assert len(generator.requests) - 1 == (limit - 4) // 2


def test_a_search_that_is_done_does_not_blame_the_recursion_limit() -> None:
    generator = ScriptedGenerator(thinker)
    graph = create_budget_forcing(generator, ignores=0, style="think").compile()
    result = graph.invoke({"problem": "?"}, {"recursion_limit": 6}, context=SearchContext(seed=7))["result"]
    assert (result["answer"], result["stop_reason"]) == ("4", "completed")


def test_in_the_toy_world_a_second_look_changes_nothing() -> None:
    """A model without separate thinking keeps its solution; the run is complete."""
    generator = ToyGenerator(0.0)
    result = create_budget_forcing(generator, ignores=2).compile().invoke({"problem": "Add 3, 5, 4."})["result"]
    assert (result["answer"], result["spend"]["calls"], result["text"].count("Wait")) == ("12", 3, 2)


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"ignores": -1}, {"max_thinking_tokens": 0}, {"answer_tokens": 0}, {"style": "r1"}]
)
def test_invalid_options_are_rejected(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options)) if "style" not in options else "r1"):
        create_budget_forcing(ToyGenerator(), **options)


def test_a_generator_that_cannot_continue_is_rejected() -> None:
    generator = ToyGenerator()
    generator.can_continue = False
    with pytest.raises(ContinuationError, match="extended_cot"):
        create_budget_forcing(generator)
