"""The loop of all step searches; beam search and DVTS against docs/reference/algorithms.md 2.1, 2.2, 2.3 and 2.6."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext, Spend
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, ContinuationError, SearchFailedError
from its_graph.graphs import create_beam_search, create_dvts, create_particle_filtering, create_rebase
from its_graph.nodes.rules.advantage import advantage
from its_graph.nodes.rules.types import StepScore
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)
QUESTION = {"problem": "Add 3, 5, 4, 7, 2."}


def run(graph: Any, context: SearchContext = SEEDED) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    result = compiled.invoke(QUESTION, config, context=context)["result"]
    return result, Tree.of(compiled.get_state(config).values)


def endless(request: SampleRequest) -> str:
    """Return a step that differs with the seed and never ends the solution."""
    return f"thought {request.seed}\n\n"


def calls_per_round(generator: ScriptedGenerator) -> Counter[int]:
    """Count requests by the number of steps in their prefix."""
    return Counter(request.prefix.count("\n\n") for request in generator.requests)


def test_each_round_makes_n_calls_and_keeps_width() -> None:
    """Reference 2.1: N=8, M=4 -> round 1 = 8 calls, keep 2, each later round 8 calls."""
    generator = ScriptedGenerator(endless)
    _, tree = run(create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=8, width=2, max_steps=5))
    assert [calls_per_round(generator)[depth] for depth in range(5)] == [8] * 5
    kept = Counter(tree.depth(step["parent"]) for step in tree.steps.values())
    assert kept[4] == 8
    parents = {step["parent"] for step in tree.steps.values() if tree.depth(step["parent"]) == 3}
    assert len(parents) == 2


def test_width_must_divide_n() -> None:
    """Reference 2.1: N % M != 0 -> error, and it says what was given."""
    with pytest.raises(ConfigurationError, match=r"a width that divides n; got n=10, width=4"):
        create_beam_search(ToyGenerator(), ToyVerifier(), n=10, width=4)


@pytest.mark.parametrize(("n", "width"), [(0, 1), (4, 5), (4, 0), (-1, 1)])
@pytest.mark.parametrize("create", [create_beam_search, create_dvts])
def test_invalid_sizes_are_rejected_when_the_graph_is_built(create: Callable[..., Any], n: int, width: int) -> None:
    with pytest.raises(ConfigurationError, match="got"):
        create(ToyGenerator(), ToyVerifier(), n=n, width=width)


def test_width_one_is_greedy() -> None:
    """Reference 2.1: M=N keeps 1."""
    _, tree = run(create_beam_search(ToyGenerator(0.5), ToyVerifier(), n=4, width=1))
    for depth in range(1, 5):
        assert len({step["parent"] for step in tree.steps.values() if tree.depth(step["parent"]) == depth}) == 1


def test_a_finished_beam_is_kept_and_gets_no_further_call() -> None:
    """Reference 2.1. Seeds decide which paths end at once; those are candidates and never parents."""

    def script(request: SampleRequest) -> str:
        return r"\boxed{21}" if request.seed is not None and request.seed % 4 == 0 else endless(request)

    generator = ScriptedGenerator(script)
    result, tree = run(
        create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=8, width=2, max_steps=6)
    )
    assert len(tree.complete) > 0
    assert all(step["parent"] not in tree.complete for step in tree.steps.values())
    assert result["answer"] == "21"


def test_a_generator_that_never_ends_is_stopped_at_the_depth_limit() -> None:
    """Reference 3.1 (max_depth 3 -> depth <= 3); then one path is taken to its end."""
    generator = ScriptedGenerator(lambda request: endless(request) if request.stop else r"\boxed{5}")
    result, tree = run(
        create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=4, width=2, max_steps=3)
    )
    assert max(tree.depth(step) for step in tree.steps if tree.open(step)) == 3
    assert result["stop_reason"] == "max_steps"
    assert result["answer"] == "5"
    assert [request.stop for request in generator.requests].count(()) == 1


def test_beam_search_finds_the_optimum_where_one_sample_rarely_does() -> None:
    """A step is right half the time: one sample in 16 is; the best of 4 branches is 15 times in 16, at each step."""
    rights = 0
    for seed in range(20):
        graph = create_beam_search(ToyGenerator(0.5), ToyVerifier(), n=16, width=4)
        rights += run(graph, SearchContext(seed=seed))[0]["answer"] == "21"
    assert rights >= 14


def test_the_draws_of_a_round_are_shared_by_the_paths_that_are_open() -> None:
    """Three distinct paths share 8 draws as 3, 3, 2; no draw is lost to a path that was a duplicate."""
    texts = iter(["a", "b", "c", "a", "a", "a", "a", "a"])
    generator = ScriptedGenerator(lambda request: f"{next(texts, request.seed)}\n\n")
    _, tree = run(create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=8, width=4, max_steps=2))
    steps = [step for step in tree.steps.values() if step["finish"] == "stop_string"]
    second = Counter(step["parent"] for step in steps if step["parent"] is not None)
    assert second == {"0": 3, "1": 3, "2": 2}


def test_dvts_deals_the_first_steps_to_its_trees_and_returns_n_candidates() -> None:
    """Reference 2.3: n=8, m=4 -> 2 trees; output 8 candidates."""
    generator = ToyGenerator(0.3)
    result, tree = run(create_dvts(generator, ToyVerifier(), n=8, width=2))
    assert [calls_per_round(generator)[depth] for depth in range(5)] == [8] * 5
    assert len(result["candidates"]) == 8
    assert all(candidate["finished"] for candidate in result["candidates"])
    groups = {int(tree.root(candidate["id"])) // 4 for candidate in result["candidates"]}
    assert groups == {0, 1}


def test_no_lookahead_is_plain_beam_search() -> None:
    """Reference 2.2: k=0 identical to beam under a scripted model."""
    plain, _ = run(create_beam_search(ToyGenerator(), ToyVerifier(), n=8, width=2))
    zero, _ = run(create_beam_search(ToyGenerator(), ToyVerifier(), n=8, width=2, lookahead=0))
    assert [candidate["text"] for candidate in plain["candidates"]] == [
        candidate["text"] for candidate in zero["candidates"]
    ]


@pytest.mark.parametrize("create", [create_beam_search, create_dvts])
def test_lookahead_is_paid_judged_and_not_kept(create: Callable[..., Any]) -> None:
    """Reference 2.2: k=3, N=16 -> 64 units a round; the PRM input contains the rollout, the kept text does not."""
    generator = ScriptedGenerator(lambda request: f"{'greedy' if request.temperature == 0 else request.seed}\n\n")
    verifier = ScriptedVerifier(lambda candidate: 0.5)
    _, tree = run(create(generator, verifier, n=16, width=4, lookahead=3, max_steps=1))
    rounds = [request for request in generator.requests if request.stop]
    assert len(rounds) == 64
    assert sum(request.temperature == 0 for request in rounds) == 48
    assert all("greedy\n\ngreedy\n\ngreedy\n\n" in "".join(candidate.steps) for candidate in verifier.candidates)
    assert all(len(candidate.steps) == 4 for candidate in verifier.candidates)
    assert all("greedy" not in tree.text(step) for step in tree.frontier)
    assert all(len(score["steps"]) == 1 for score in tree.scores.values())


def test_lookahead_stops_at_the_end_of_the_solution() -> None:
    generator = ToyGenerator(0.3)
    result, tree = run(create_beam_search(generator, ToyVerifier(), n=4, width=2, lookahead=9))
    assert all(r"\boxed" not in request.prefix for request in generator.requests)
    assert result["answer"] == "21"
    assert not any("auxiliary" in step for step in (tree.steps[candidate["id"]] for candidate in result["candidates"]))


def test_a_step_search_refuses_a_generator_that_cannot_continue() -> None:
    generator = ToyGenerator()
    generator.can_continue = False
    with pytest.raises(ContinuationError, match="cannot continue a partial assistant message"):
        create_beam_search(generator, ToyVerifier())


def test_identical_paths_are_verified_once_and_all_scored() -> None:
    """Reference 1.1: deduplicate identical candidates before scoring, keep their multiplicity."""
    verifier = ScriptedVerifier(lambda candidate: 0.5)
    result, tree = run(create_beam_search(ScriptedGenerator(lambda request: r"\boxed{1}"), verifier, n=8, width=2))
    assert len(verifier.candidates) == 1
    assert len(tree.scores) == 8
    assert result["votes"] == [{"answer": "1", "count": 8, "weight": 4.0}]
    assert result["spend"]["calls"] == 9


def test_the_scores_of_all_steps_come_from_one_pass() -> None:
    verifier = ScriptedVerifier(lambda candidate: [0.9 - 0.1 * index for index in range(len(candidate.steps))])
    _, tree = run(create_beam_search(ToyGenerator(0), verifier, n=2, width=1))
    deepest = tree.complete[0]
    assert [tree.scores[step]["steps"] for step in tree.path(deepest)] == [
        [pytest.approx(0.9 - 0.1 * index)] for index in range(5)
    ]


def test_nothing_is_generated_that_could_not_be_verified() -> None:
    """Each admitted sample has its verification reserved: with calls to spare for 3 pairs, 3 samples are drawn."""
    verifier = ScriptedVerifier(lambda candidate: 0.5)
    generator = ScriptedGenerator(lambda request: rf"\boxed{{{request.seed}}}")
    context = SearchContext(seed=7, budget=Budget(calls=7))
    result, tree = run(create_beam_search(generator, verifier, n=8, width=2), context)
    assert len(tree.complete) == 3
    assert all(candidate["score"] is not None for candidate in result["candidates"])
    assert result["stop_reason"] == "budget"


def test_the_price_of_one_solution_is_held_back_until_one_is_complete() -> None:
    generator = ToyGenerator(0.0)
    for calls in range(1, 40):
        context = SearchContext(seed=7, budget=Budget(calls=calls))
        result, _ = run(create_beam_search(generator, ToyVerifier(), n=4, width=2), context)
        assert result["answer"] == "21", calls


def test_a_verifier_sees_the_conversation_and_whether_a_path_is_finished() -> None:
    seen: list[Candidate] = []
    verifier = ScriptedVerifier(lambda candidate: seen.append(candidate) or 0.5)  # type: ignore[func-returns-value]
    run(create_beam_search(ToyGenerator(0), verifier, n=2, width=1))
    assert seen[0].messages == ({"role": "user", "content": "Add 3, 5, 4, 7, 2."},)
    assert [one.finished for one in seen] == [False] * 4 + [True]


def test_having_nothing_more_to_say_ends_a_path() -> None:
    """A model that writes its separator before it ends its turn: the empty last step completes the solution."""
    generator = ScriptedGenerator(lambda request: "" if request.prefix else "The answer is 21.\n\n")
    result, _ = run(
        create_beam_search(generator, ScriptedVerifier(lambda candidate: [0.5] * len(candidate.steps)), n=4, width=2)
    )
    assert result["answer"] == "21"
    assert result["failed"] == []


def test_a_round_that_fails_as_a_whole_leaves_the_paths_before_it() -> None:
    def script(request: SampleRequest) -> str:
        if request.prefix and request.stop:
            raise ValueError("dead")
        return r"\boxed{21}" if request.prefix else f"thought {request.seed}\n\n"

    result, _ = run(
        create_beam_search(ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), n=4, width=2)
    )
    assert result["stop_reason"] == "failures"
    assert result["answer"] == "21"


def test_a_cut_off_step_does_not_kill_its_tree() -> None:
    """In DVTS a step that rambled into its limit gives way to the best one that can go on."""

    def script(request: SampleRequest) -> str:
        if request.prefix:
            return r"\boxed{21}"
        return "word " * 90 if (request.seed or 0) % 2 else f"thought {request.seed}\n\n"

    verifier = ScriptedVerifier(lambda candidate: 0.9 if "word" in candidate.steps[0] else 0.1)
    result, _ = run(create_dvts(ScriptedGenerator(script), verifier, n=8, width=2))
    assert result["answer"] == "21"


@pytest.mark.parametrize("create", [create_beam_search, create_dvts])
@pytest.mark.parametrize("calls", [9, 20, 33])
def test_lookahead_leaves_enough_to_answer(create: Callable[..., Any], calls: int) -> None:
    graph = create(ToyGenerator(0.0), ToyVerifier(), n=4, width=2, lookahead=2)
    result, _ = run(graph, SearchContext(seed=7, budget=Budget(calls=calls)))
    assert result["answer"] == "21"
    assert result["spend"]["calls"] <= calls


# --- PAV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("score", "answer"), [(Tree.score, "high"), (advantage(), "low")])
def test_of_paths_of_equal_promise_those_that_made_progress_go_on(score: StepScore, answer: str) -> None:
    """Reference 2.6: the effective reward prunes, Q alone chooses. `high` stays at .6, `low` comes up to .6."""
    first = iter(["high\n\n", "low\n\n"] * 2)

    def script(request: SampleRequest) -> str:
        if not request.prefix:
            return next(first)
        kind = request.prefix.split()[0]
        return rf"\boxed{{{kind}}}" if "now" in request.prefix else f"{kind} now {request.seed}\n\n"

    verifier = ScriptedVerifier(lambda candidate: 0.3 if candidate.steps[-1] == "low\n\n" else 0.6)
    result, _ = run(create_beam_search(ScriptedGenerator(script), verifier, n=4, width=2, score=score))
    assert {
        (candidate["answer"], candidate["score"]) for candidate in result["candidates"] if candidate["finished"]
    } == {(answer, 0.6)}


def test_paths_of_a_tree_compete_by_the_score_that_is_given() -> None:
    def worst(tree: Tree, step: str) -> float:
        return -(tree.score(step) or 0)

    result, _ = run(create_dvts(ToyGenerator(0.5), ToyVerifier(), n=16, width=1, score=worst))
    assert "21" not in {candidate["answer"] for candidate in result["candidates"]}


# --- how a search ends -----------------------------------------------------------------------------------------------

STEP_SEARCHES: list[Any] = [
    partial(create_beam_search, n=4, width=2),
    partial(create_beam_search, n=4, width=2, lookahead=2),
    partial(create_dvts, n=4, width=2),
    partial(create_dvts, n=4, width=2, lookahead=1),
    partial(create_rebase, n=4),
    partial(create_particle_filtering, n=4),
]
each_search = pytest.mark.parametrize(
    "create", STEP_SEARCHES, ids=lambda made: f"{made.func.__name__}+{made.keywords.get('lookahead', 0)}"
)
limits = st.one_of(st.none(), st.integers(0, 600))


@each_search
@settings(max_examples=40, deadline=None)
@given(
    calls=limits,
    generated=limits,
    tokens=limits,
    flops=limits,
    seed=st.integers(0, 99),
    broken=st.floats(0, 0.6),
    passing=st.booleans(),
    retries=st.integers(0, 2),
    length=st.integers(1, 12),
)
def test_no_limit_is_ever_exceeded(
    create: Any,
    calls: int | None,
    generated: int | None,
    tokens: int | None,
    flops: int | None,
    seed: int,
    broken: float,
    passing: bool,
    retries: int,
    length: int,
) -> None:
    """Whatever fails and is retried, with lookahead and without, for failures of generator and verifier."""
    chance = random.Random(seed)

    def shaky(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def script(asked: Any) -> Any:
            if chance.random() < broken:
                raise ConnectionError("reset") if passing else ValueError("bad reply")
            return answer(asked)

        return script

    budget = Budget(calls=calls, generated_tokens=generated, tokens=tokens, flops=flops and flops * 25)
    generator = ScriptedGenerator(shaky(ToyGenerator(0.3).script), parameters=10)
    generator.step_tokens = length  # short ones are cut off, and so are paths
    verifier = ScriptedVerifier(shaky(ToyVerifier().script), parameters=5)
    context = SearchContext(seed=seed, budget=budget, retries=retries)
    try:
        spend = Spend(**create(generator, verifier).compile().invoke(QUESTION, context=context)["result"]["spend"])
    except SearchFailedError as error:
        spend = error.spend
    assert budget.allows(spend)
    assert len(generator.requests) + len(verifier.candidates) == spend.calls


def test_a_beam_has_enough_once_n_solutions_are_complete() -> None:
    """Half of every round ends; with n = 4 two rounds make four, though paths are still open."""
    draws = iter(range(100))
    generator = ScriptedGenerator(lambda request: rf"\boxed{{{n}}}" if (n := next(draws)) % 2 else f"thought {n}\n\n")
    result, tree = run(create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=4, width=2))
    assert len(generator.requests) == 8
    assert len(tree.complete) == 4
    assert any(map(tree.open, tree.frontier))
    assert result["stop_reason"] == "completed"


def test_rollouts_that_reach_the_end_complete_nothing() -> None:
    """Lookahead reaches the end of a solution from the first round on: no path has, and the search continues."""

    def script(request: SampleRequest) -> str:
        at_end = request.temperature == 0 or request.prefix.count("\n\n") == 3
        return r"\boxed{1}" if at_end else f"{request.seed}\n\n"

    graph = create_beam_search(
        ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), n=4, width=2, lookahead=1
    )
    result, tree = run(graph)
    assert sum(step.get("auxiliary") == "rollout" and step["finish"] == "end" for step in tree.steps.values()) == 12
    assert tree.completed == len(tree.complete) == 4
    assert {tree.depth(step) for step in tree.complete} == {4}
    assert len(result["candidates"]) == 4


def test_a_stopped_search_finishes_its_best_path_not_its_oldest() -> None:
    """Each first step is better than the one before it. DVTS names one of each tree, in their order."""
    seen: list[str] = []

    def judge(candidate: Candidate) -> float:
        seen.append("".join(candidate.steps))
        return 0.1 * len(seen)

    generator = ScriptedGenerator(lambda request: endless(request) if request.stop else r"\boxed{5}")
    run(create_dvts(generator, ScriptedVerifier(judge), n=4, width=2, max_steps=1))
    assert generator.requests[-1].stop == ()
    assert generator.requests[-1].prefix == seen[3]


def spent_after(calls: int, script: Callable[[SampleRequest], str]) -> tuple[ScriptedGenerator, Tree]:
    """Return generator and tree of a beam search limited to `calls` calls; it answers with the last of them."""
    generator = ScriptedGenerator(lambda request: script(request) if request.stop else r"\boxed{5}")
    graph = create_beam_search(generator, ScriptedVerifier(lambda candidate: 0.5), n=4, width=2)
    result, tree = run(graph, SearchContext(seed=7, budget=Budget(calls=calls)))
    assert (result["stop_reason"], result["answer"]) == ("budget", "5")
    return generator, tree


def test_when_the_budget_ends_the_newest_paths_are_finished() -> None:
    """4 + 4 calls for the first round, 2 + 2 for half of the second, 1 to complete one of its paths."""
    generator, tree = spent_after(13, endless)
    assert generator.requests[-1].prefix.count("\n\n") == 2
    assert len(tree.steps) == 4 + 2 + 1


def test_when_the_budget_ends_before_a_round_the_paths_before_it_are_finished() -> None:
    """4 + 4 calls for the first round, 1 to complete a path: none is left to continue."""
    generator, tree = spent_after(9, endless)
    assert generator.requests[-1].prefix.count("\n\n") == 1
    assert len(tree.steps) == 4 + 1


def test_when_the_budget_ends_in_a_round_without_an_open_path_those_before_it_are_finished() -> None:
    generator, tree = spent_after(13, lambda request: "word " * 90 if request.prefix else endless(request))
    assert generator.requests[-1].prefix.count("\n\n") == 1
    assert sum(map(tree.truncated, tree.steps)) == 2


@each_search
def test_a_search_answers_before_the_recursion_limit_ends_it(create: Any) -> None:
    """No path ever ends. The question, whole rounds, finish and answer, and one more that LangGraph counts."""
    a_round = 3 + create.keywords.get("lookahead", 0)
    for limit in range(4 + a_round, 15):
        generator = ScriptedGenerator(lambda request: endless(request) if request.stop else r"\boxed{5}")
        graph = create(generator, ScriptedVerifier(lambda candidate: 0.5), max_steps=99).compile()
        result = graph.invoke(QUESTION, {"recursion_limit": limit}, context=SEEDED)["result"]
        assert (result["answer"], result["stop_reason"]) == ("5", "recursion_limit"), limit
        assert generator.requests[-1].prefix.count("\n\n") == (limit - 4) // a_round
