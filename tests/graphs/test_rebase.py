"""REBASE against docs/reference/algorithms.md 2.4; for its widths alone see tests/nodes/rules/test_rebase."""

from collections import Counter
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_rebase
from its_graph.nodes.rules.choice import argmax
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


def drawn_at_each_depth(tree: Tree) -> list[int]:
    counts = Counter(tree.depth(step) for step in tree.steps)
    return [counts[depth] for depth in sorted(counts)]


def test_each_path_gets_its_share_of_the_continuations() -> None:
    """Reference 2.4: .9, .8, .1 at T = .2 share W = 4 as 3, 1, 0; n is 5, and one of them has ended."""
    texts = iter(["a", "b", "c", r"\boxed{1}", "c"])
    generator = ScriptedGenerator(lambda request: f"{next(texts, request.seed)}\n\n")
    scores = {"a": 0.9, "b": 0.8, "c": 0.1, r"\boxed{1}": 0.5}
    verifier = ScriptedVerifier(lambda candidate: scores[candidate.steps[0].strip()])
    _, tree = run(create_rebase(generator, verifier, n=5, max_steps=2))
    assert [len(tree.children.get(step, [])) for step in "01234"] == [3, 1, 0, 0, 0]


def test_the_width_shrinks_with_every_path_that_ends() -> None:
    """Every round draws n less the paths that have ended before it, and never more than n paths end in all."""

    def script(request: SampleRequest) -> str:
        return r"\boxed{21}" if (request.seed or 0) % 4 == 0 else f"thought {request.seed}\n\n"

    _, tree = run(create_rebase(ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), n=16))
    widths, left = [], 16
    for depth in range(1, max(map(tree.depth, tree.steps)) + 1):
        widths.append(left)
        left -= sum(tree.finished(step) for step in tree.steps if tree.depth(step) == depth)
    assert len(widths) > 3
    assert drawn_at_each_depth(tree) == widths
    assert len(tree.complete) == 16


def test_a_cut_off_path_takes_its_width_with_it() -> None:
    """Reference 2.4: a leaf is an answer or the token limit."""

    def script(request: SampleRequest) -> str:
        if request.prefix:
            return r"\boxed{21}"
        return "word " * 90 if (request.seed or 0) % 2 else f"thought {request.seed}\n\n"

    _, tree = run(create_rebase(ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), n=8))
    cut_off = sum(map(tree.truncated, tree.steps))
    assert 0 < cut_off < 8
    assert drawn_at_each_depth(tree) == [8, 8 - cut_off]


def test_a_sample_that_fails_gives_its_width_back() -> None:
    calls = iter(range(100))

    def script(request: SampleRequest) -> str:
        if next(calls) == 2:
            raise ValueError("bad reply")
        return r"\boxed{21}" if request.prefix else f"thought {request.seed}\n\n"

    _, tree = run(create_rebase(ScriptedGenerator(script), ScriptedVerifier(lambda candidate: 0.5), n=8))
    assert drawn_at_each_depth(tree) == [7, 8]


def test_equal_answers_add_up_their_scores() -> None:
    """Reference 2.4: final: weighted vote. A .4 + .4 against B .7, see Reference 1.2."""
    texts = iter([r"a \boxed{1}", r"b \boxed{1}", r"c \boxed{2}"])
    scores = iter([0.4, 0.4, 0.7])
    graph = create_rebase(
        ScriptedGenerator(lambda request: next(texts)), ScriptedVerifier(lambda candidate: next(scores)), n=3
    )
    assert run(graph)[0]["answer"] == "1"


def test_only_the_best_share_is_continued() -> None:
    graph = create_rebase(ToyGenerator(0.5), ScriptedVerifier(lambda candidate: 0.5), n=8, keep_share=0.25, max_steps=2)
    _, tree = run(graph)
    assert Counter(tree.steps[step]["parent"] for step in tree.steps if tree.depth(step) == 2) == {"0": 4, "1": 4}


def test_temperature_says_how_far_the_best_is_preferred() -> None:
    def widest(temperature: float) -> int:
        graph = create_rebase(ToyGenerator(0.5), judge, n=16, temperature=temperature, max_steps=2)
        _, tree = run(graph)
        return max(Counter(tree.steps[step]["parent"] for step in tree.steps if tree.depth(step) == 2).values())

    def rank(candidate: Candidate) -> float:
        return sum(map(ord, candidate.steps[0])) % 97 / 97

    judge = ScriptedVerifier(rank)
    assert widest(0.01) > widest(0.2) > widest(100.0)


def test_it_goes_25_steps_deep_at_most() -> None:
    """Reference 2.4: max depth 25."""
    generator = ScriptedGenerator(lambda request: f"{request.seed}\n\n" if request.stop else r"\boxed{5}")
    result, tree = run(create_rebase(generator, ScriptedVerifier(lambda candidate: 0.5), n=2))
    assert max(tree.depth(step) for step in tree.steps if tree.open(step)) == 25
    assert result["stop_reason"] == "max_steps"
    assert result["answer"] == "5"


def test_it_finds_the_optimum_where_one_sample_rarely_does() -> None:
    """A step is right half the time, so one sample in 16 is."""
    graph: Any = create_rebase(ToyGenerator(0.5), ToyVerifier(), n=16).compile()
    answers = [graph.invoke(QUESTION, context=SearchContext(seed=seed))["answer"] for seed in range(20)]
    assert answers.count("21") >= 14


@pytest.mark.parametrize("options", [{"n": 0}, {"max_steps": 0}, {"temperature": 0}, {"keep_share": 0}])
def test_invalid_options_are_rejected_when_the_graph_is_built(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="got"):
        create_rebase(ToyGenerator(), ToyVerifier(), **options)


def test_how_to_choose_is_a_function() -> None:
    texts = iter([r"a \boxed{1}", r"b \boxed{1}", r"c \boxed{2}"])
    scores = iter([0.4, 0.4, 0.7])
    generator, verifier = (
        ScriptedGenerator(lambda request: next(texts)),
        ScriptedVerifier(lambda candidate: next(scores)),
    )
    assert run(create_rebase(generator, verifier, n=3, choose=argmax))[0]["answer"] == "2"


def test_the_range_of_the_verifier_is_used() -> None:
    """Raw, 2 and seven 0 at T = .2 would give all 8 to the best; as probabilities .88 and .5 they leave it 4."""
    texts = iter(["a\n\n"])
    generator = ScriptedGenerator(lambda request: next(texts, f"{request.seed}\n\n"))
    verifier = ScriptedVerifier(lambda candidate: 2.0 if candidate.steps[0] == "a\n\n" else 0.0)
    verifier.score_range = "real"
    _, tree = run(create_rebase(generator, verifier, n=8, max_steps=2))
    assert len(tree.children["0"]) == 4
