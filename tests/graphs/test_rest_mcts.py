"""ReST-MCTS* (docs/reference/algorithms.md 3.2) as a whole search; tests/nodes has its values and visits."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext
from its_graph.catalog.registry import strategy
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs.rest_mcts import create_rest_mcts
from its_graph.nodes.rules.choice import argmax
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)
QUESTION = {"problem": "Add 3, 5, 4, 7, 2."}


def states(graph: Any, context: SearchContext = SEEDED) -> list[tuple[str, Tree]]:
    """Return what ran in each superstep, and the tree after it."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 5000}
    compiled.invoke(QUESTION, config, context=context)
    shots = list(reversed(list(compiled.get_state_history(config))))
    return [(before.next[0], Tree.of(after.values)) for before, after in pairwise(shots)]


def run(graph: Any, context: SearchContext = SEEDED) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 5000}
    result = compiled.invoke(QUESTION, config, context=context)["result"]
    return result, Tree.of(compiled.get_state(config).values)


def lot(request: SampleRequest, sides: int) -> int:
    return Random(request.seed).randrange(sides)


def endless(request: SampleRequest) -> str:
    return f"hm {request.seed}\n\n"


def test_the_defaults_are_the_published_ones() -> None:
    """Reference 3.2: c .7, 50 iterations, 3 actions, alpha .5, rollouts of 3 steps, end gate .9."""
    published = {"exploration": 0.7, "iterations": 50, "branch": 3, "alpha": 0.5, "rollout_steps": 3, "end_gate": 0.9}
    assert published.items() <= strategy("rest_mcts").options.items()


@pytest.mark.parametrize("seed", range(8))
def test_the_two_step_world_takes_a_handful_of_iterations(seed: int) -> None:
    """Reference 3.1: step 1 good or bad, step 2 boxed; .9 if good else .2."""

    def world(request: SampleRequest) -> str:
        if request.prefix:
            return r"\boxed{1}" if "good" in request.prefix else r"\boxed{0}"
        return "good\n\n" if lot(request, 3) == 0 else "bad\n\n"

    verifier = ScriptedVerifier(lambda candidate: 0.9 if "good" in "".join(candidate.steps) else 0.2)
    graph = create_rest_mcts(ScriptedGenerator(world), verifier, branch=6)
    result, tree = run(graph, SearchContext(seed=seed))
    assert result["answer"] == "1"
    expanded = {step["parent"] for step in tree.steps.values() if "auxiliary" not in step}
    assert len(expanded) <= 3  # the root, good, bad: an unvisited child counts V + 1, so bad is looked at too


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_answer_where_a_single_sample_mostly_fails(seed: int) -> None:
    result, _ = run(create_rest_mcts(ToyGenerator(0.3), ToyVerifier()), SearchContext(seed=seed))
    assert result["answer"] == "21"


# --- rollouts ---------------------------------------------------------------------------------------------------------


def test_a_greedy_rollout_of_three_steps_goes_out_from_the_best_child_only() -> None:
    """Reference 3.2, step 4."""
    generator = ScriptedGenerator(endless)
    verifier = ScriptedVerifier(lambda candidate: Random("".join(candidate.steps)).random() * 0.8)
    trail = states(create_rest_mcts(generator, verifier, iterations=6))
    judged = [tree for node, tree in trail if node == "verify_rollout"]
    assert len(judged) == 6
    for tree in judged:
        best = min(tree.new_steps, key=tree.sort_key)
        rolled = tree.path(tree.rollout_tip(best))[tree.depth(best) :]
        assert len(rolled) == 3
        assert all(tree.steps[step]["auxiliary"] == "rollout" for step in rolled)
        assert all(tree.score(step) is not None for step in rolled)
        assert all(tree.rollout_tip(step) == step for step in tree.new_steps if step != best)
    auxiliary = [step for step in judged[-1].steps.values() if "auxiliary" in step]
    assert len(auxiliary) == 3 * 6
    assert sum(request.temperature == 0 for request in generator.requests) == 3 * 6


def test_a_rollout_stops_where_the_solution_does_and_is_no_candidate() -> None:
    def script(request: SampleRequest) -> str:
        return r"\boxed{21}" if request.prefix.count("\n\n") > 1 else f"hm {request.seed}\n\n"

    result, tree = run(
        create_rest_mcts(ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), iterations=1)
    )
    rolled = [step for step, record in tree.steps.items() if "auxiliary" in record]
    assert [tree.steps[step]["finish"] for step in rolled] == ["stop_string", "end"]
    assert {candidate["id"] for candidate in result["candidates"]}.isdisjoint(rolled)


def test_without_rollouts_a_step_is_worth_its_own_score() -> None:
    generator = ScriptedGenerator(endless)
    _, tree = run(create_rest_mcts(generator, ScriptedVerifier(lambda candidate: 0.5), rollout_steps=0, iterations=4))
    assert not any("auxiliary" in step for step in tree.steps.values())
    assert all(request.temperature > 0 for request in generator.requests)


def test_rollouts_steer_the_search() -> None:
    """Both first steps look alike; what a greedy rollout finds beyond one of them decides where the search goes."""

    def script(request: SampleRequest) -> str:
        return f"{request.seed} on\n\n" if request.prefix else f"{'left' if lot(request, 2) else 'right'}\n\n"

    def judge(candidate: Candidate) -> float:
        deep = len(candidate.steps) > 3
        return (0.85 if candidate.steps[0].startswith("left") else 0.1) if deep else 0.5

    options: dict[str, Any] = {"iterations": 12, "branch": 4, "max_steps": 3, "exploration": 0.1}
    _, tree = run(create_rest_mcts(ScriptedGenerator(script), ScriptedVerifier(judge), **options))
    roots = [tree.text(tree.root(step)) for step in tree.steps if tree.depth(step) == 2]
    assert roots.count("left\n\n") > roots.count("right\n\n")


# --- ends -------------------------------------------------------------------------------------------------------------


def gated(score: float, **options: Any) -> tuple[dict[str, Any], Tree]:
    generator = ScriptedGenerator(
        lambda request: rf"{request.seed} \boxed{{21}}" if request.prefix else endless(request)
    )
    verifier = ScriptedVerifier(lambda candidate: score if candidate.finished else 0.95)
    return run(create_rest_mcts(generator, verifier, **options))


def test_a_solution_that_is_good_enough_ends_the_search() -> None:
    """Reference 3.2, step 2: a good beginning does not, and a gate above 1 lets nothing through."""
    good, _ = gated(0.9)
    assert (len(good["candidates"]), good["stop_reason"], good["answer"]) == (3, "completed", "21")
    assert len(gated(0.89)[0]["candidates"]) == 9
    assert len(gated(0.89, end_gate=0.8)[0]["candidates"]) == 3
    assert len(gated(1.0, end_gate=1.01)[0]["candidates"]) == 9


def test_solutions_below_the_gate_are_not_selected_again() -> None:
    _, tree = gated(0.5)
    expanded = [step["parent"] for step in tree.steps.values() if "auxiliary" not in step]
    assert expanded == [None] * 3 + [parent for parent in dict.fromkeys(expanded[3:]) for _ in range(3)]
    assert all(parent is None or tree.open(parent) for parent in expanded)


@pytest.mark.parametrize("iterations", [1, 3, 8])
def test_it_expands_one_leaf_after_another(iterations: int) -> None:
    graph = create_rest_mcts(ScriptedGenerator(endless), ScriptedVerifier(lambda candidate: 0.5), iterations=iterations)
    trail = [(node, tree) for node, tree in states(graph) if node == "expand"]
    assert len(trail) == iterations
    assert all(len({tree.steps[step]["parent"] for step in tree.new_steps}) == 1 for _, tree in trail)


def test_a_generator_that_never_ends_stays_within_the_depth() -> None:
    """Reference 3.1: max_depth 3 -> tree depth <= 3; a rollout may look beyond."""
    generator = ScriptedGenerator(lambda request: f"{lot(request, 2)}\n\n")
    options: dict[str, Any] = {"max_steps": 3, "rollout_steps": 1, "branch": 4}
    result, tree = run(create_rest_mcts(generator, ScriptedVerifier(lambda candidate: 0.5), **options))
    steps = [step for step, record in tree.steps.items() if "auxiliary" not in record]
    assert max(map(tree.depth, steps[:-1])) == 3
    assert (result["stop_reason"], result["text"] is None) == ("max_steps", False)


# --- the answer -------------------------------------------------------------------------------------------------------


def test_the_answer_has_the_largest_sum_of_values_or_the_best_value() -> None:
    """Reference 3.2, step 6."""

    def script(request: SampleRequest) -> str:
        if not request.prefix:
            return f"{lot(request, 2)}\n\n"
        return rf"{request.seed} \boxed{{{'best' if request.prefix[0] == '0' and lot(request, 3) == 0 else 'often'}}}"

    verifier = ScriptedVerifier(lambda candidate: 0.8 if "best" in candidate.steps[-1] else 0.5)
    summed, _ = run(create_rest_mcts(ScriptedGenerator(script), verifier, branch=6))
    best, _ = run(create_rest_mcts(ScriptedGenerator(script), verifier, branch=6, choose=argmax))
    assert (summed["answer"], best["answer"]) == ("often", "best")


# --- what is missing --------------------------------------------------------------------------------------------------


def test_lost_rollouts_and_lost_verdicts_do_not_stall_the_search() -> None:
    toy, judge = ToyGenerator(0.3), ToyVerifier()

    def lot_of(candidate: Candidate) -> float:
        return Random("".join(candidate.steps)).random()

    def script(request: SampleRequest) -> str:
        if request.temperature == 0 and lot(request, 2):
            raise ValueError("bad reply")
        return str(toy.script(request))

    def lossy(candidate: Candidate) -> Any:
        return float("nan") if not candidate.finished and lot_of(candidate) < 0.3 else judge.script(candidate)

    result, tree = run(create_rest_mcts(ScriptedGenerator(script), ScriptedVerifier(lossy), end_gate=1.1))
    assert tree.failures
    assert any(score["value"] is None for score in tree.scores.values())
    assert (result["answer"], result["stop_reason"]) == ("21", "completed")


@pytest.mark.parametrize("limit", range(14, 26))
@pytest.mark.parametrize("rollout_steps", [0, 3])
def test_the_recursion_limit_does_not_lose_the_search(limit: int, rollout_steps: int) -> None:
    verifier = ScriptedVerifier(lambda candidate: 0.5)
    graph: Any = create_rest_mcts(ScriptedGenerator(endless), verifier, rollout_steps=rollout_steps).compile()
    result = graph.invoke(QUESTION, {"recursion_limit": limit}, context=SEEDED)["result"]
    assert result["stop_reason"] == "recursion_limit"
    assert result["text"] is not None


@pytest.mark.parametrize("calls", range(1, 60, 6))
def test_a_spent_budget_still_gives_an_answer(calls: int) -> None:
    graph = create_rest_mcts(ToyGenerator(0.0), ToyVerifier(), n=64)
    result, _ = run(graph, SearchContext(seed=7, budget=Budget(calls=calls)))
    assert result["answer"] == "21"
    assert result["spend"]["calls"] <= calls


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"iterations": 0},
        {"branch": 0},
        {"max_steps": 0},
        {"exploration": -0.1},
        {"alpha": 1.5},
        {"alpha": -0.5},
        {"rollout_steps": -1},
    ],
)
def test_invalid_options_are_rejected_when_the_graph_is_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"got .*{next(iter(wrong))}="):
        create_rest_mcts(ToyGenerator(), ToyVerifier(), **wrong)
