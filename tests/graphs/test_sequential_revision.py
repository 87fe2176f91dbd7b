"""Sequential revision through the graph: docs/reference/algorithms.md 4.3.

For its rules alone see tests/nodes/revision/test_chains.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, SampleRequest, SearchContext
from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_best_of_n, create_sequential_revision
from its_graph.nodes import prompts
from its_graph.nodes.revision.chains import chains, ratio_grid
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.stopping import adaptive_consistency
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)


class Attempts(ScriptedGenerator):
    """Writes attempt after attempt, by a function of their number, and remembers the sizes of its batches."""

    def __init__(self, say: Callable[[int], str] = lambda number: rf"attempt {number} \boxed{{{number}}}") -> None:
        super().__init__(lambda request: say(len(self.requests) - 1))
        self.sizes: list[int] = []

    def batch_as_completed(self, inputs: Any, *rest: Any, **options: Any) -> Iterator[Any]:
        self.sizes.append(len(inputs))
        return super().batch_as_completed(inputs, *rest, **options)


def seen(request: SampleRequest) -> list[str]:
    """Return the earlier texts that a request shows."""
    return [str(message["content"]) for message in request.messages if message["role"] == "assistant"]


def score_of(scores: dict[str, float]) -> ScriptedVerifier:
    """Return a verifier that scores a solution by the number of its attempt."""
    return ScriptedVerifier(lambda candidate: scores["".join(candidate.steps).split()[1]])


def run(graph: Any, context: SearchContext = SEEDED, **config: Any) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    thread: dict[str, Any] = {"configurable": {"thread_id": "1"}} | config
    result = compiled.invoke({"problem": "Add 3, 5, 4, 7, 2."}, thread, context=context)["result"]
    return result, Tree.of(compiled.get_state(thread).values)


def test_a_revision_sees_the_last_four_attempts_oldest_first() -> None:
    """Reference 4.3: after 6 attempts the prompt holds attempts 3..6."""
    generator = Attempts()
    _, tree = run(create_sequential_revision(generator, ToyVerifier(), n=7, chains=1))
    texts = [rf"attempt {number} \boxed{{{number}}}" for number in range(7)]
    assert [seen(request) for request in generator.requests] == [texts[max(0, at - 4) : at] for at in range(7)]
    assert tree.steps["6"]["sources"] == ["2", "3", "4", "5"]
    assert list(generator.requests[6].messages) == prompts.revise(tree.question, texts[2:6])


def test_an_earlier_attempt_is_returned_where_it_scores_higher() -> None:
    """Reference 4.3: chain scores [.9, .4] -> returns attempt 1."""
    result, _ = run(create_sequential_revision(Attempts(), score_of({"0": 0.9, "1": 0.4}), n=2, chains=1))
    assert result["answer"] == "0"
    assert [candidate["score"] for candidate in result["candidates"]] == [0.9, 0.4]


@pytest.mark.parametrize(("length", "count"), ratio_grid(8) + ratio_grid(16))
def test_every_split_of_the_grid_costs_the_same(length: int, count: int) -> None:
    """Reference 4.3: s*p = N for each entry; the attempts of one round are sampled together."""
    generator = Attempts()
    result, tree = run(create_sequential_revision(generator, ToyVerifier(), n=length * count, chains=count))
    assert generator.sizes == [count] * length
    assert [len(chain) for chain in chains(tree)] == [length] * count
    assert len(result["candidates"]) == length * count
    assert result["stop_reason"] == "completed"


@pytest.mark.parametrize(("n", "rounds"), [(1, [1]), (2, [1, 1]), (7, [1] * 7), (8, [2] * 4), (16, [4] * 4)])
def test_by_default_chains_are_as_many_as_they_are_long_or_longer(n: int, rounds: list[int]) -> None:
    generator = Attempts()
    run(create_sequential_revision(generator, ToyVerifier(), n=n))
    assert generator.sizes == rounds


def test_chains_do_not_see_each_other() -> None:
    _, tree = run(create_sequential_revision(ToyGenerator(), ToyVerifier(), n=12, chains=3, shown=2))
    assert chains(tree) == [["0", "3", "6", "9"], ["1", "4", "7", "10"], ["2", "5", "8", "11"]]
    assert [tree.steps[str(key)].get("sources") for key in (1, 4, 7, 10)] == [None, ["1"], ["1", "4"], ["4", "7"]]
    assert tree.frontier == ["9", "10", "11"]


def test_with_one_attempt_a_chain_it_is_best_of_n() -> None:
    """Reference 4.3: the ratio 1:N is all parallel."""
    revision, _ = run(create_sequential_revision(ToyGenerator(), ToyVerifier(), n=8, chains=8))
    plain, _ = run(create_best_of_n(ToyGenerator(), ToyVerifier(), n=8))
    assert revision["candidates"] == plain["candidates"]
    assert revision["text"] == plain["text"]


def test_a_right_attempt_that_is_spoiled_later_is_still_found() -> None:
    """Reference 4.3: about 38 % of right answers turn wrong: the choice goes over the chain, never the last."""
    generator = Attempts(lambda number: rf"attempt {number} \boxed{{{21 if number == 1 else 9}}}")
    scores = {"0": 0.1, "1": 0.9, "2": 0.2, "3": 0.3}
    result, tree = run(create_sequential_revision(generator, score_of(scores), n=4, chains=1))
    assert result["answer"] == "21"
    assert tree.frontier == ["3"]
    pooled, _ = run(create_sequential_revision(Attempts(generator_of(9)), score_of(scores), n=4, choose=majority))
    assert pooled["answer"] == "9"


def generator_of(answer: int) -> Callable[[int], str]:
    return lambda number: rf"attempt {number} \boxed{{{answer}}}"


def test_a_chain_whose_first_attempt_failed_is_restarted() -> None:
    def say(number: int) -> str:
        if number == 1:
            raise ValueError("bad reply")
        return rf"attempt {number} \boxed{{5}}"

    result, tree = run(create_sequential_revision(Attempts(say), ToyVerifier(), n=6, chains=2))
    assert chains(tree) == [["0", "2", "4"], ["3", "5"]]
    assert result["failed"] == ["ValueError: bad reply"]
    assert result["stop_reason"] == "completed"


def test_a_revision_that_fails_is_tried_again_from_the_same_attempts() -> None:
    def say(number: int) -> str:
        if number == 2:
            raise ValueError("bad reply")
        return rf"attempt {number} \boxed{{5}}"

    _, tree = run(create_sequential_revision(Attempts(say), ToyVerifier(), n=6, chains=2))
    assert chains(tree) == [["0", "4"], ["1", "3", "5"]]
    assert tree.steps["4"]["sources"] == ["0"]


def test_a_round_that_fails_whole_loses_only_itself() -> None:
    def say(number: int) -> str:
        if number in {2, 3}:
            raise ValueError("bad reply")
        return rf"attempt {number} \boxed{{5}}"

    result, tree = run(create_sequential_revision(Attempts(say), ToyVerifier(), n=8, chains=2))
    assert chains(tree) == [["0", "4", "6"], ["1", "5", "7"]]
    assert result["stop_reason"] == "completed"
    assert len(result["failed"]) == 2


def test_a_backend_that_dies_leaves_the_answer_to_what_there_is() -> None:
    def say(number: int) -> str:
        if number >= 2:
            raise ValueError("out of memory")
        return rf"attempt {number} \boxed{{5}}"

    generator = Attempts(say)
    result, tree = run(create_sequential_revision(generator, ToyVerifier(), n=8, chains=2))
    assert result["answer"] == "5"
    assert generator.sizes == [2] * 4
    assert tree.frontier == ["0", "1"]


def test_a_budget_that_ends_half_way_leaves_no_attempt_without_its_verdict() -> None:
    graph = create_sequential_revision(ToyGenerator(), ToyVerifier(), n=8, chains=2)
    result, tree = run(graph, SearchContext(seed=7, budget=Budget(calls=7)))
    assert result["stop_reason"] == "budget"
    assert len(tree.steps) >= 3
    assert set(tree.scores) == set(tree.steps)


def test_a_recursion_limit_leaves_room_for_the_answer() -> None:
    graph = create_sequential_revision(ToyGenerator(), ToyVerifier(), n=64, chains=1)
    result, tree = run(graph, recursion_limit=20)
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] is not None
    assert len(tree.steps) == 5  # question, generate, verify, select; four times revise, verify, select; answer: 17


def test_it_can_stop_early() -> None:
    generator = Attempts(generator_of(5))
    graph = create_sequential_revision(generator, ToyVerifier(), n=16, chains=2, stop=adaptive_consistency())
    result, _ = run(graph)
    assert result["stop_reason"] == "agreement"
    assert len(generator.requests) == 4


def test_the_prompt_may_be_the_users_own() -> None:
    generator = Attempts()
    graph = create_sequential_revision(
        generator, ToyVerifier(), n=2, chains=1, prompt=lambda question, texts: [{"role": "user", "content": texts[-1]}]
    )
    run(graph)
    assert generator.requests[1].messages == ({"role": "user", "content": r"attempt 0 \boxed{0}"},)


def test_a_verifier_reads_the_attempt_and_the_question_alone() -> None:
    candidates: list[Candidate] = []

    def judge(candidate: Candidate) -> float:
        candidates.append(candidate)
        return 0.5

    run(create_sequential_revision(Attempts(), ScriptedVerifier(judge), n=2, chains=1))
    assert [candidate.messages for candidate in candidates] == [
        ({"role": "user", "content": "Add 3, 5, 4, 7, 2."},)
    ] * 2
    assert [candidate.steps for candidate in candidates] == [(r"attempt 0 \boxed{0}",), (r"attempt 1 \boxed{1}",)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n >= 1; got n=0"),
        ({"chains": 3}, "divide n"),
        ({"chains": 0}, "divide n"),
        ({"shown": 0}, "shown >= 1; got shown=0"),
    ],
)
def test_invalid_options_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        create_sequential_revision(ToyGenerator(), ToyVerifier(), **options)
