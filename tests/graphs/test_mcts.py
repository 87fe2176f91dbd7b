"""MCTS (docs/reference/algorithms.md 3.1) as a whole search; tests/nodes has rules, descent and backup alone."""

import math
from collections import Counter
from itertools import groupby
from random import Random
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, Sample, SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs.mcts import create_mcts
from its_graph.nodes.rules.choice import argmax
from its_graph.nodes.tree_search.backup import most_visited
from its_graph.nodes.tree_search.bandit import puct
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)
QUESTION = {"problem": "Add 3, 5, 4, 7, 2."}


def run(graph: Any, context: SearchContext = SEEDED) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 5000}
    result = compiled.invoke(QUESTION, config, context=context)["result"]
    return result, Tree.of(compiled.get_state(config).values)


def expanded(tree: Tree) -> list[str | None]:
    """Return the nodes that were expanded, in order."""
    return list(dict.fromkeys(step["parent"] for step in tree.steps.values()))


def lot(request: SampleRequest, sides: int) -> int:
    return Random(request.seed).randrange(sides)


# --- small worlds -----------------------------------------------------------------------------------------------------


def two_step_world(request: SampleRequest) -> str:
    """Step 1 is good or bad, step 2 is boxed."""
    if request.prefix:
        return r"\boxed{1}" if "good" in request.prefix else r"\boxed{0}"
    return "good\n\n" if lot(request, 3) == 0 else "bad\n\n"


GOOD_OR_BAD = ScriptedVerifier(lambda candidate: 0.9 if "good" in "".join(candidate.steps) else 0.2)


@pytest.mark.parametrize("seed", range(8))
def test_the_two_step_world_takes_a_handful_of_iterations_on_one_leaf(seed: int) -> None:
    """Reference 3.1: it must return the good answer; a loop that skips finished leaves takes 96 of 100 iterations."""
    generator = ScriptedGenerator(two_step_world)
    graph = create_mcts(generator, GOOD_OR_BAD, iterations=100, leaves=1, branch=6)
    result, tree = run(graph, SearchContext(seed=seed))
    assert result["answer"] == "1"
    assert result["stop_reason"] == "completed"
    assert len(expanded(tree)) <= 3  # the root, good, bad: then the tree is exhausted
    assert len(generator.requests) <= 3 * 6
    quick, _ = run(create_mcts(ScriptedGenerator(two_step_world), GOOD_OR_BAD, iterations=2, leaves=1, branch=6))
    assert quick["answer"] == "1"


@pytest.mark.parametrize("options", [{}, {"rule": puct, "exploration": 1.25}, {"rollout_weight": 0.5}])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_answer_where_a_single_sample_mostly_fails(options: dict[str, Any], seed: int) -> None:
    result, _ = run(create_mcts(ToyGenerator(0.3), ToyVerifier(), **options), SearchContext(seed=seed))
    assert result["answer"] == "21"


@pytest.mark.parametrize("leaves", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_uct_on_a_bandit_visits_the_best_arm_most(leaves: int, seed: int) -> None:
    """Below each of three first steps every verdict is won or lost by lot: 70, 50 and 30 times in 100."""
    chances = {"0": 0.5, "1": 0.7, "2": 0.3}

    def play(request: SampleRequest) -> str:
        return f"play {request.seed}\n\n" if request.prefix else f"arm {lot(request, 3)}\n\n"

    def won(candidate: Candidate) -> float:
        arm = candidate.steps[0].split()[1]
        return float(Random("".join(candidate.steps)).random() < chances[arm])

    graph = create_mcts(
        ScriptedGenerator(play), ScriptedVerifier(won), iterations=150, leaves=leaves, branch=9, exploration=0.5
    )
    _, tree = run(graph, SearchContext(seed=seed))
    visits = Counter(tree.text(tree.root(step)) for step in tree.steps if tree.depth(step) > 1)
    assert visits.most_common(1)[0][0] == "arm 1\n\n"
    assert visits["arm 1\n\n"] > sum(visits.values()) / 2


def test_a_verifier_that_takes_the_minimum_does_not_keep_it_from_finishing() -> None:
    """Reference 3.1, rule 5: with min over steps deep paths score low; finished ones are chosen all the same."""
    generator = ScriptedGenerator(
        lambda request: r"\boxed{21}" if request.prefix.count("\n\n") >= 4 else f"{request.seed}\n\n"
    )
    verifier = ScriptedVerifier(lambda candidate: [0.9**depth for depth in range(len(candidate.steps))])
    result, _ = run(create_mcts(generator, verifier))
    assert result["answer"] == "21"


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_a_generator_that_never_ends_stays_within_the_depth() -> None:
    """Reference 3.1: max_depth 3 -> tree depth <= 3."""
    generator = ScriptedGenerator(lambda request: f"hm {request.seed}\n\n")
    result, tree = run(create_mcts(generator, ScriptedVerifier(lambda candidate: 0.5), max_steps=3, iterations=20))
    steps = [step for step in tree.steps if tree.open(step)]
    assert max(map(tree.depth, steps[:-1])) == 3
    assert result["stop_reason"] == "max_steps"
    assert result["text"] is not None


def test_a_round_expands_different_leaves_in_one_batch() -> None:
    """Reference 3.1, rule 6: waves under virtual loss."""
    generator = ToyGenerator(0.3)
    batches: list[list[str]] = []
    each = generator.batch_as_completed

    def watch(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append([request.prefix for request in inputs])
        return each(inputs, *args, **kwargs)

    generator.batch_as_completed = watch  # type: ignore[method-assign]
    run(create_mcts(generator, ToyVerifier(), leaves=3, branch=2, n=8))
    rounds = [[(prefix, len(list(same))) for prefix, same in groupby(batch)] for batch in batches if batch]
    assert rounds[0] == [("", 2)]
    assert all(len({prefix for prefix, _ in leaves}) == len(leaves) <= 3 for leaves in rounds)
    assert {count for leaves in rounds for _, count in leaves} == {2}
    assert any(len(leaves) == 3 for leaves in rounds)


def test_a_node_is_expanded_once_and_equal_steps_are_one() -> None:
    """Reference 3.1, rules 1 and 4."""
    generator = ScriptedGenerator(lambda request: f"{lot(request, 2)}\n\n")
    result, tree = run(
        create_mcts(generator, ScriptedVerifier(lambda candidate: 0.5), max_steps=3, branch=6, iterations=99)
    )
    assert (
        len(expanded(tree)) == len({tree.text(node) for node in expanded(tree)}) == 1 + 2 + 4 + 1
    )  # the last one is completed
    assert result["stop_reason"] == "max_steps"


@pytest.mark.parametrize("iterations", [1, 2, 5, 11])
def test_iterations_bound_the_expansions(iterations: int) -> None:
    generator = ScriptedGenerator(lambda request: f"hm {request.seed}\n\n")
    _, tree = run(create_mcts(generator, ScriptedVerifier(lambda candidate: 0.5), iterations=iterations))
    assert len(expanded(tree)) == iterations + 1  # the last one completes the best path


def endless(request: SampleRequest) -> str:
    """A tree that is never exhausted, with solutions from the fourth step on."""
    deep = request.prefix.count("\n\n") > 2 and lot(request, 3) == 0
    return rf"{request.seed} \boxed{{21}}" if deep else f"on {request.seed}\n\n"


def test_it_costs_about_as_much_as_n_whole_solutions() -> None:
    for n in (16, 32):
        result, tree = run(create_mcts(ScriptedGenerator(endless), ToyVerifier(), n=n))
        mean = sum(map(tree.tokens, tree.complete)) / len(tree.complete)
        assert n <= result["spend"]["generated_tokens"] / mean < n + 3


def test_finished_leaves_are_backed_up() -> None:
    """Reference 3.1, rule 1: where a branch only led to bad solutions, the search turns to the other one."""

    def world(request: SampleRequest) -> str:
        if not request.prefix:
            return f"{lot(request, 2)}\n\n"
        deep = request.prefix.count("\n\n")
        return r"\boxed{9}" if deep > 1 and lot(request, 2) else f"on {request.seed}\n\n"

    def judge(candidate: Candidate) -> float:
        first = candidate.steps[0][0]
        return (0.0 if first == "0" else 0.6) if candidate.finished else (0.8 if first == "0" else 0.7)

    _, tree = run(
        create_mcts(
            ScriptedGenerator(world), ScriptedVerifier(judge), iterations=60, leaves=1, branch=6, n=64, exploration=0.1
        )
    )
    below = Counter(tree.text(tree.root(step))[0] for step in expanded(tree) if step is not None)
    assert below["1"] > 3 * below["0"] > 0


def test_with_puct_the_steps_that_the_generator_was_sure_of_come_first() -> None:
    def unsure(request: SampleRequest) -> Sample:
        sure = lot(request, 4) == 0
        text = f"{'sure' if sure else 'unsure'} {request.seed}\n\n"
        return Sample(text=text, finish_reason="stop_string", generated_tokens=2, confidence=-0.1 if sure else -4.0)

    verifier = ScriptedVerifier(lambda candidate: 0.5)
    graph = create_mcts(
        ScriptedGenerator(unsure), verifier, rule=puct, exploration=1.25, branch=4, leaves=1, iterations=30
    )
    _, tree = run(graph)
    steps = [step for step in expanded(tree)[:-1] if step is not None]
    assert sum(tree.steps[step]["text"].startswith("sure") for step in steps) > 0.5 * len(steps)


# --- simulation -------------------------------------------------------------------------------------------------------


def test_a_simulation_values_its_step_and_is_a_candidate() -> None:
    generator = ToyGenerator(0.3)
    result, tree = run(create_mcts(generator, ToyVerifier(), rollout_weight=0.5, n=6))
    whole = {request.prefix for request in generator.requests if not request.stop}
    opened = {tree.text(step) for step in tree.steps if tree.open(step)}
    assert whole == opened  # every open step is simulated, equal ones once
    assert sum(not request.stop for request in generator.requests) == len(opened)
    assert all("auxiliary" not in step for step in tree.steps.values())
    assert len([candidate for candidate in result["candidates"] if candidate["finished"]]) >= len(opened)


def test_an_outcome_verifier_will_do_where_only_simulations_count() -> None:
    verifier = ScriptedVerifier(lambda candidate: 0.9 if r"\boxed{21}" in candidate.steps[-1] else 0.1)
    result, _ = run(create_mcts(ToyGenerator(0.3), verifier, rollout_weight=1.0))
    assert result["answer"] == "21"
    assert all(candidate.finished for candidate in verifier.candidates)


def test_lost_simulations_do_not_stall_the_search() -> None:
    toy = ToyGenerator(0.3)

    def script(request: SampleRequest) -> str:
        if not request.stop and lot(request, 3) == 0:
            raise ValueError("bad reply")
        return str(toy.script(request))

    result, tree = run(create_mcts(ScriptedGenerator(script), ToyVerifier(), rollout_weight=1.0))
    assert len(tree.failures) > 2
    assert (result["answer"], result["stop_reason"]) == ("21", "completed")


# --- the answer -------------------------------------------------------------------------------------------------------


def three_winners(request: SampleRequest) -> str:
    """One branch holds the best solution, one the most of them, and one takes the most visits to its few."""
    first, depth = request.prefix[:1], request.prefix.count("\n\n")
    if not first:
        return f"{lot(request, 3)}\n\n"
    if first == "0":
        return rf"{request.seed} \boxed{{vote}}"
    if first == "1":
        return rf"{request.seed} \boxed{{value}}" if lot(request, 4) == 0 else f"{request.seed} no idea"
    return rf"{request.seed} \boxed{{visits}}" if depth > 1 else f"{request.seed}\n\n"


def taste(candidate: Candidate) -> float:
    said = candidate.steps[-1]
    return next((score for word, score in {"value": 0.99, "visits": 0.4, "idea": 0.0}.items() if word in said), 0.5)


@pytest.mark.parametrize(
    ("choose", "answer"), [(None, "vote"), (argmax, "value"), (most_visited, "visits")], ids=["vote", "value", "visits"]
)
def test_the_answer_is_chosen_by_vote_by_value_or_by_visits(choose: Any, answer: str) -> None:
    """Reference 3.1, rule 3."""
    options: dict[str, Any] = {"branch": 9, "leaves": 1, "iterations": 5, "n": 64}
    result, _ = run(create_mcts(ScriptedGenerator(three_winners), ScriptedVerifier(taste), choose=choose, **options))
    assert result["answer"] == answer


def test_a_search_that_has_no_solution_yet_completes_its_best_path() -> None:
    """Reference 3.1, rule 3: the result is a finished node if any exists."""
    generator = ScriptedGenerator(lambda request: f"{request.seed}\n\n" if request.stop else r"so \boxed{21}")
    verifier = ScriptedVerifier(
        lambda candidate: (
            0.1 * (int(candidate.steps[-1].strip()) % 10) if candidate.steps[-1].strip().isdigit() else 0.5
        )
    )
    result, tree = run(create_mcts(generator, verifier, iterations=3, leaves=1))
    assert result["answer"] == "21"
    assert result["stop_reason"] == "iterations"
    parent = tree.steps[tree.complete[0]]["parent"]
    best = max(tree.score(step) or 0.0 for step in tree.steps if tree.open(step) and step not in expanded(tree)[:-1])
    assert parent is not None
    assert tree.score(parent) == best


# --- what is missing --------------------------------------------------------------------------------------------------


def test_a_leaf_that_fails_altogether_is_left_alone() -> None:
    def script(request: SampleRequest) -> str:
        if request.prefix.startswith("best"):
            raise ValueError("bad reply")
        return r"\boxed{1}" if request.prefix else ("best\n\n" if lot(request, 2) else "good\n\n")

    verifier = ScriptedVerifier(lambda candidate: 0.9 if candidate.steps[0].startswith("best") else 0.5)
    result, tree = run(create_mcts(ScriptedGenerator(script), verifier, branch=6, leaves=1))
    assert len({failure["parent"] for failure in tree.failures.values()}) == 1
    assert len(tree.failures) == 6
    assert (result["answer"], result["stop_reason"]) == ("1", "completed")


@pytest.mark.parametrize("limit", range(11, 18))
@pytest.mark.parametrize("rollout_weight", [0.0, 0.5])
def test_the_recursion_limit_does_not_lose_the_search(limit: int, rollout_weight: float) -> None:
    graph: Any = create_mcts(ToyGenerator(0.0), ToyVerifier(), n=64, leaves=1, rollout_weight=rollout_weight).compile()
    result = graph.invoke(QUESTION, {"recursion_limit": limit}, context=SEEDED)["result"]
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] == "21"


@pytest.mark.parametrize("calls", range(1, 60, 6))
def test_a_spent_budget_still_gives_an_answer(calls: int) -> None:
    for rollout_weight in (0.0, 0.5):
        graph = create_mcts(ToyGenerator(0.0), ToyVerifier(), rollout_weight=rollout_weight, n=64)
        result, _ = run(graph, SearchContext(seed=7, budget=Budget(calls=calls)))
        assert result["answer"] == "21"
        assert result["spend"]["calls"] <= calls


def test_unbounded_scores_guide_it_too() -> None:
    verifier = ScriptedVerifier(lambda candidate: 10 * min(ToyVerifier().script(candidate)) - 5)  # type: ignore[arg-type]
    verifier.score_range = "real"
    result, _ = run(create_mcts(ToyGenerator(0.3), verifier))
    assert result["answer"] == "21"


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"iterations": 0},
        {"branch": 0},
        {"leaves": 0},
        {"max_steps": 0},
        {"exploration": -1},
        {"exploration": math.nan},
        {"rollout_weight": -0.1},
        {"rollout_weight": 1.1},
    ],
)
def test_invalid_options_are_rejected_when_the_graph_is_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"got .*{next(iter(wrong))}="):
        create_mcts(ToyGenerator(), ToyVerifier(), **wrong)
