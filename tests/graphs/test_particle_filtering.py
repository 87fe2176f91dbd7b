"""Particle filtering (docs/reference/algorithms.md 2.5); weights and draws alone are tested in tests/nodes."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_particle_filtering
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.particles import particle_vote
from its_graph.nodes.rules.resampling import systematic
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)
QUESTION = {"problem": "Add 3, 5, 4, 7, 2."}


def rounds(graph: Any, context: SearchContext = SEEDED) -> list[Tree]:
    """Return the tree as it was after every superstep of one run, the first one first."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    compiled.invoke(QUESTION, config, context=context)
    return [Tree.of(shot.values) for shot in reversed(list(compiled.get_state_history(config)))]


def run(graph: Any, context: SearchContext = SEEDED) -> dict[str, Any]:
    result: dict[str, Any] = graph.compile().invoke(QUESTION, context=context)["result"]
    return result


def ends_now_and_then(request: SampleRequest) -> str:
    return rf"\boxed{{{request.seed}}}" if (request.seed or 0) % 3 == 0 else f"thought {request.seed}\n\n"


def test_the_population_has_n_particles_after_every_round() -> None:
    graph = create_particle_filtering(
        ScriptedGenerator(ends_now_and_then), ScriptedVerifier(lambda candidate: 0.5), n=8
    )
    trees = rounds(graph)
    populations = [tree.frontier for tree in trees if tree.frontier]
    assert len(populations) > 3
    assert {len(population) for population in populations} == {8}
    assert all(map(trees[-1].finished, trees[-1].frontier))


def test_only_open_particles_take_a_step() -> None:
    """Reference 2.5: each step extends one step, finished particles keep their last w: they cost nothing more."""
    graph = create_particle_filtering(
        ScriptedGenerator(ends_now_and_then), ScriptedVerifier(lambda candidate: 0.5), n=8
    )
    trees = rounds(graph)
    for before, after in pairwise(trees):
        if len(after.steps) > len(before.steps) and before.frontier:
            drawn = Counter(after.steps[step]["parent"] for step in after.new_steps)
            assert drawn == Counter(filter(before.open, before.frontier))


def test_a_finished_particle_can_be_drawn_repeatedly() -> None:
    """One particle ends at once with a high weight; the others continue, and the next population has copies of it."""
    first = iter([r"\boxed{1}"])
    generator = ScriptedGenerator(lambda request: next(first, f"thought {request.seed}\n\n"))
    verifier = ScriptedVerifier(lambda candidate: 0.9 if candidate.finished else 0.2)
    trees = rounds(create_particle_filtering(generator, verifier, n=8, resample=systematic, max_steps=2))
    populations = [tree.frontier.count("0") for tree in trees if tree.frontier]
    assert populations[0] in {6, 7}  # 8 x 9 / (9 + 7/4)
    assert populations[-1] == 8


def test_the_best_of_the_last_population_wins_and_lost_ones_are_still_reported() -> None:
    """A finished particle that was not drawn again cannot win, but is still in the result."""
    first = iter([r"\boxed{1}"])
    generator = ScriptedGenerator(lambda request: next(first, r"\boxed{2}" if request.prefix else "thought\n\n"))
    verifier = ScriptedVerifier(lambda candidate: 0.6 if candidate.steps[0].startswith(r"\boxed{1}") else 0.5)

    def never_the_first(weights: Any, n: int, chance: Any) -> list[int]:
        return [1] * n

    result = run(create_particle_filtering(generator, verifier, n=4, resample=never_the_first))
    assert result["answer"] == "2"
    assert {candidate["answer"]: candidate["score"] for candidate in result["candidates"]} == {"1": 0.6, "2": 0.5}
    assert run(create_particle_filtering(generator, verifier, n=4, choose=majority))["answer"] == "2"


def test_how_to_draw_how_to_anneal_and_how_to_choose_are_functions() -> None:
    rounds: list[int] = []

    def anneal(number: int, scores: Any) -> float:
        rounds.append(number)
        return 1.0

    graph = create_particle_filtering(
        ToyGenerator(0.3), ToyVerifier(), n=8, resample=systematic, anneal=anneal, choose=particle_vote()
    )
    result = run(graph)
    assert rounds == [1, 2, 3, 4]
    assert result["answer"] == "21"
    assert sum(vote["weight"] for vote in result["votes"]) == pytest.approx(8 * 0.9, abs=1.0)


def test_right_paths_crowd_out_wrong_ones() -> None:
    trees = rounds(create_particle_filtering(ToyGenerator(0.5), ToyVerifier(right=0.999, wrong=0.001), n=16))
    second = next(tree for tree in trees if tree.frontier)
    assert [second.score(step) for step in second.frontier] == [0.999] * 16


def test_the_range_of_the_verifier_is_used() -> None:
    """Unbounded scores are log-odds already: 0 and 1 draw 1 : e. As probabilities they would draw nothing but 1."""
    generator = ScriptedGenerator(lambda request: f"thought {request.seed}\n\n")
    verifier = ScriptedVerifier(lambda candidate: float(candidate.steps[0][-3] in "13579"))
    verifier.score_range = "real"
    trees = rounds(create_particle_filtering(generator, verifier, n=16, max_steps=2))
    scores = Counter(trees[-1].score(step) for step in next(tree for tree in trees if tree.frontier).frontier)
    assert set(scores) == {0.0, 1.0}


def test_a_spent_budget_still_gives_an_answer() -> None:
    for calls in range(1, 60, 7):
        graph = create_particle_filtering(ToyGenerator(0.0), ToyVerifier(), n=4)
        result = run(graph, SearchContext(seed=7, budget=Budget(calls=calls)))
        assert result["answer"] == "21", calls
        assert result["spend"]["calls"] <= calls


def test_a_lost_particle_is_made_up_for_by_the_next_draw() -> None:
    calls = iter(range(10**6))
    toy = ToyGenerator(0.3)

    def script(request: SampleRequest) -> str:
        if next(calls) % 5 == 0:
            raise ValueError("bad reply")
        return str(toy.script(request))

    trees = rounds(create_particle_filtering(ScriptedGenerator(script), ToyVerifier(), n=8))
    populations = [len(tree.frontier) for tree in trees if tree.frontier and any(map(tree.open, tree.frontier))]
    assert set(populations) == {8}
    assert len(trees[-1].failures) >= 6


def test_it_finds_the_optimum_where_one_sample_rarely_does() -> None:
    """A step is right half the time, so one sample in 16 is."""
    graph: Any = create_particle_filtering(ToyGenerator(0.5), ToyVerifier(), n=16).compile()
    answers = [graph.invoke(QUESTION, context=SearchContext(seed=seed))["answer"] for seed in range(20)]
    assert answers.count("21") >= 14


@pytest.mark.parametrize("options", [{"n": 0}, {"max_steps": 0}])
def test_invalid_options_are_rejected_when_the_graph_is_built(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="got"):
        create_particle_filtering(ToyGenerator(), ToyVerifier(), **options)  # type: ignore[arg-type]
