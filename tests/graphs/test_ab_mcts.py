"""AB-MCTS-A (docs/reference/algorithms.md 3.3) as a whole search; the arms and the draws are tested in tests/nodes."""

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.generators.team import Team
from its_graph.graphs.ab_mcts import create_ab_mcts
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.tree_search.model_choice import ucb_model
from its_graph.nodes.tree_search.posteriors import Beta
from its_graph.nodes.tree_search.thompson import arm_rewards, parent_answer
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


def places(tree: Tree) -> list[str | None]:
    return [parent_answer(tree, step) for step in tree.steps]


def climbing(request: SampleRequest) -> str:
    """Answer one more than the answer that is shown; 1 without one."""
    shown = [str(message["content"]) for message in request.messages if message["role"] == "assistant"]
    return rf"\boxed{{{int(shown[0][len('boxed{') + 1 : -1]) + 1 if shown else 1}}}"


def height(candidate: Candidate) -> float:
    """Score an answer of `climbing`: the higher the better."""
    return min(int("".join(filter(str.isdigit, candidate.steps[-1]))) / 10, 1.0)


def test_answers_are_whole_and_their_tree_is_what_they_were_shown() -> None:
    result, tree = run(create_ab_mcts(ToyGenerator(0.3), ToyVerifier(), n=24))
    assert len(tree.steps) == 24
    assert all(step["parent"] is None for step in tree.steps.values())
    assert set(map(len, (step.get("sources", ["root"]) for step in tree.steps.values()))) == {1}
    assert None in places(tree)
    assert any(place is not None for place in places(tree))
    assert all(place is None or int(place) < int(step) for step, place in zip(tree.steps, places(tree), strict=True))
    assert len(result["candidates"]) == 24
    assert result["answer"] == "21"


def test_a_refinement_is_written_with_the_answer_and_its_score_in_view() -> None:
    generator = ScriptedGenerator(climbing)
    _, tree = run(create_ab_mcts(generator, ScriptedVerifier(height), n=12))
    refined = {step: place for step, place in zip(tree.steps, places(tree), strict=True) if place is not None}
    assert refined
    for step, place in refined.items():
        messages = generator.requests[int(step)].messages
        assert messages[1]["content"] == tree.text(place)
        assert f"{tree.score(place):.2f}, on a scale" in messages[3]["content"]
        assert generator.requests[int(step)].prefix == ""
    for step in set(tree.steps) - set(refined):
        assert [message["content"] for message in generator.requests[int(step)].messages] == [QUESTION["problem"]]


def test_where_refining_helps_it_goes_deep_and_where_it_hurts_it_goes_wide() -> None:
    def spoiling(request: SampleRequest) -> str:
        return r"\boxed{9}" if len(request.messages) == 1 else r"\boxed{1}"

    def begun_anew(script: Callable[[SampleRequest], str]) -> int:
        trees = (
            run(create_ab_mcts(ScriptedGenerator(script), ScriptedVerifier(height), n=30), SearchContext(seed=seed))[1]
            for seed in range(4)
        )
        return sum(places(tree).count(None) for tree in trees)

    assert begun_anew(spoiling) > 2 * begun_anew(climbing)


def test_the_best_scored_answer_wins_and_another_rule_can_be_given() -> None:
    generator = ScriptedGenerator(lambda request: r"\boxed{1}" if (request.seed or 0) % 4 else r"\boxed{2}")
    verifier = ScriptedVerifier(lambda candidate: 0.9 if "2" in candidate.steps[-1] else 0.5)
    best, _ = run(create_ab_mcts(generator, verifier))
    voted, _ = run(create_ab_mcts(generator, verifier, choose=majority))
    assert (best["answer"], voted["answer"]) == ("2", "1")


def test_a_wave_is_drawn_together_and_the_last_one_is_what_is_left() -> None:
    generator = ToyGenerator(0.3)
    batches: list[int] = []
    each = generator.batch_as_completed

    def count(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append(len(inputs))
        return each(inputs, *args, **kwargs)

    generator.batch_as_completed = count  # type: ignore[method-assign]
    _, tree = run(create_ab_mcts(generator, ToyVerifier(), n=12, wave=5))
    assert [size for size in batches if size] == [5, 5, 2]
    assert places(tree)[:5] == [None] * 5
    assert any(place is not None for place in places(tree)[5:])


@pytest.mark.parametrize("wrong", [{"n": 0}, {"wave": 0}])
def test_invalid_sizes_are_rejected(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=rf"{next(iter(wrong))} >= 1; got {next(iter(wrong))}=0"):
        create_ab_mcts(ToyGenerator(), ToyVerifier(), **wrong)  # type: ignore[arg-type]


# --- several models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pick", [None, ucb_model()])
def test_of_several_models_the_better_one_is_asked_more(pick: Any) -> None:
    team = Team({"weak": ToyGenerator(0.95), "strong": ToyGenerator(0.05)})
    _, tree = run(create_ab_mcts(team, ToyVerifier(), n=40, pick=pick))
    asked = [step["model"] for step in tree.steps.values()]
    assert asked.count("strong") > asked.count("weak") > 0
    known = arm_rewards(tree)
    assert known.models["strong"].mean > known.models["weak"].mean


def test_one_model_is_not_named() -> None:
    _, tree = run(create_ab_mcts(ToyGenerator(0.3), ToyVerifier(), n=4))
    assert all("model" not in step for step in tree.steps.values())


@pytest.mark.parametrize("pick", [None, ucb_model()])
def test_a_model_that_always_fails_does_not_stall_the_search(pick: Any) -> None:
    def dead(request: SampleRequest) -> str:
        raise ValueError("no such model")

    team = Team({"dead": ScriptedGenerator(dead), "alive": ToyGenerator(0.3)})
    result, tree = run(create_ab_mcts(team, ToyVerifier(), n=40, pick=pick))
    assert len(tree.failures) + len(tree.steps) == 40
    assert len(tree.steps) >= 15
    assert result["answer"] == "21"
    assert result["stop_reason"] == "completed"


# --- what is missing ------------------------------------------------------------------------------------------------


def lossy(good: Callable[[SampleRequest], Any]) -> ScriptedGenerator:
    def script(request: SampleRequest) -> Any:
        if (request.seed or 0) % 3 == 0:
            raise ValueError("bad reply")
        return good(request)

    return ScriptedGenerator(script)


def test_failed_samples_do_not_end_the_search_even_where_an_answer_was_to_be_refined() -> None:
    result, tree = run(create_ab_mcts(lossy(climbing), ScriptedVerifier(height), n=30))
    assert len(tree.steps) + len(tree.failures) == 30
    assert len(tree.failures) >= 5
    assert result["stop_reason"] == "completed"


def test_answers_without_a_score_are_never_refined() -> None:
    def judge(candidate: Candidate) -> float:
        return height(candidate) if len(verifier.candidates) % 2 else float("nan")

    verifier = ScriptedVerifier(judge)
    result, tree = run(create_ab_mcts(ScriptedGenerator(climbing), verifier, n=20))
    assert result["unscored"] > 5
    assert all(place is None or tree.score(place) is not None for place in places(tree))


def test_without_any_score_it_samples_and_votes() -> None:
    result, tree = run(create_ab_mcts(ToyGenerator(0.1), ScriptedVerifier(lambda candidate: float("nan")), n=12))
    assert places(tree) == [None] * 12
    assert result["answer"] == "21"
    assert result["notes"] == ["No candidate that may vote has a score: the vote decided."]


def test_unbounded_scores_and_the_beta_prior_go_together() -> None:
    verifier = ScriptedVerifier(lambda candidate: 20 * height(candidate) - 3)
    verifier.score_range = "real"
    generator = ScriptedGenerator(climbing)
    _, tree = run(create_ab_mcts(generator, verifier, n=20, prior=Beta()))
    assert any(place is not None for place in places(tree))
    shown = [str(request.messages[3]["content"]) for request in generator.requests if len(request.messages) > 3]
    assert shown
    assert all(0 <= float(text.split("attempt ")[1].split(",")[0]) <= 1 for text in shown)


def test_a_budget_ends_it_between_two_answers() -> None:
    result, _ = run(
        create_ab_mcts(ToyGenerator(0.3), ToyVerifier(), n=40), SearchContext(seed=7, budget=Budget(calls=20))
    )
    assert result["stop_reason"] == "budget"
    assert result["spend"]["calls"] == 20
    assert result["unscored"] == 0
    assert result["answer"] is not None


@pytest.mark.parametrize("limit", range(9, 16))
def test_the_recursion_limit_does_not_lose_the_search(limit: int) -> None:
    graph: Any = create_ab_mcts(ToyGenerator(0.3), ToyVerifier(), n=40).compile()
    result = graph.invoke(QUESTION, {"recursion_limit": limit}, context=SEEDED)["result"]
    assert result["stop_reason"] == "recursion_limit"
    # question, select, three supersteps a round, answer, and LangGraph counts one more to see that nothing is left
    assert len(result["candidates"]) == (limit - 4) // 3
