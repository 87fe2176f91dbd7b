"""What an outcome records besides its answer: baselines of its candidates, samples, separate costs; older files."""

import json
from collections.abc import Callable

import pytest

from its_graph.catalog.registry import create
from its_graph.contracts import Candidate, Sample, SampleRequest
from its_graph.evaluation import Outcome, Problem, evaluate, summarize_outcomes
from its_graph.testing import ScriptedGenerator, ScriptedVerifier

MakeOutcome = Callable[..., Outcome]


def replying(*replies: str | Sample) -> ScriptedGenerator:
    """Return a generator with these replies, in order."""
    waiting = iter(replies)
    return ScriptedGenerator(lambda request: next(waiting), parameters=10)


def scoring(**scores: float) -> ScriptedVerifier:
    def judge(candidate: Candidate) -> float:
        return scores["".join(candidate.steps).split("{")[1].rstrip("}")]

    return ScriptedVerifier(judge, parameters=3)


async def test_vote_and_best_score_are_recorded_next_to_the_answer() -> None:
    """Two for a (.3 each), one for b (.9): the vote chooses a, the best score b, and the weighted vote b."""
    generator = replying(r"\boxed{a}", r"\boxed{b}", r"\boxed{a}")
    graph = create("best_of_n", generator, scoring(a=0.3, b=0.9), n=3).compile()
    (outcome,) = await evaluate(graph, [("Which?", "b")])
    assert (outcome.answer, outcome.correct, outcome.majority_correct, outcome.best_correct) == ("b", True, False, True)
    assert [(sample.id, sample.answer, sample.score, sample.correct) for sample in outcome.samples] == [
        ("0", "a", 0.3, False),
        ("1", "b", 0.9, True),
        ("2", "a", 0.3, False),
    ]
    row = summarize_outcomes([outcome])
    assert (row.accuracy, row.majority, row.best_score, row.pass_at_n) == (1.0, 0.0, 1.0, 1.0)


async def test_without_scores_there_is_no_best_one() -> None:
    graph = create("self_consistency", replying(r"\boxed{a}", r"\boxed{b}"), n=2).compile()
    (outcome,) = await evaluate(graph, [("Which?", "b")])
    assert outcome.best_correct is None
    assert summarize_outcomes([outcome]).best_score is None
    assert summarize_outcomes([outcome]).majority == 0.0


async def test_generator_and_verifier_costs_are_separate_and_cached_tokens_are_free() -> None:
    cached = Sample(text=r"\boxed{a}", finish_reason="end", prompt_tokens=9, cached_tokens=4, generated_tokens=5)
    verifier = scoring(a=0.3)
    graph = create("best_of_n", replying(cached), verifier, n=1).compile()
    (outcome,) = await evaluate(graph, [("Which one?", "a")])
    read = verifier.tokens(verifier.candidates[0])
    assert outcome.verifier_flops == 2 * 3 * read
    assert outcome.spend.flops == 2 * 10 * (9 - 4 + 5) + 2 * 3 * read
    row = summarize_outcomes([outcome])
    assert (row.mean_prompt_tokens, row.mean_cached_tokens, row.mean_verifier_flops) == (9, 4, 6 * read)
    assert row.mean_tokens == 9 + 5 + read


async def test_a_generator_without_prompt_counts_is_not_taken_for_a_verifier() -> None:
    said = Sample(text=r"\boxed{a}", finish_reason="end", generated_tokens=5)
    (outcome,) = await evaluate(create("single", replying(said)).compile(), [("Which one?", "a")])
    assert (outcome.spend.flops, outcome.verifier_flops) == (2 * 10 * 5, 0)


async def test_a_failed_search_is_paid_for_and_has_no_samples() -> None:
    def script(request: SampleRequest) -> str:
        raise ValueError("no luck")

    (outcome,) = await evaluate(create("single", ScriptedGenerator(script)).compile(), [("Which?", "b")])
    assert (outcome.samples, outcome.majority_correct, outcome.spend.calls) == ((), None, 1)
    assert summarize_outcomes([outcome, outcome]).majority is None


async def test_a_problem_may_have_its_own_scorer() -> None:
    graph = create("single", ScriptedGenerator(lambda request: r"\boxed{7}")).compile()
    odd = Problem("An odd number?", "3", scorer=lambda answer: int(answer) % 2 == 1)
    even = Problem("An even number?", "4", scorer=lambda answer: int(answer) % 2 == 0)
    assert [outcome.correct for outcome in await evaluate(graph, [odd, even])] == [True, False]


def test_failed_and_starved_searches_count_as_incorrect(make_outcome: MakeOutcome) -> None:
    good = make_outcome(0, True, True, majority_correct=True, best_correct=True, verifier_flops=5.0)
    starved = make_outcome(1, verifier_flops=0.0, majority_correct=False)
    failed = make_outcome(2, error="none came", verifier_flops=1.0)
    row = summarize_outcomes([good, starved, failed])
    assert (row.majority, row.best_score, row.mean_verifier_flops) == pytest.approx((1 / 3, 1 / 3, 2.0))


def test_an_outcome_is_written_without_its_texts(make_outcome: MakeOutcome) -> None:
    outcome = make_outcome(0, True)
    samples = tuple(sample.model_copy(update={"text": "long"}) for sample in outcome.samples)
    with_texts = outcome.model_copy(update={"samples": samples})
    assert "long" not in with_texts.model_dump_json()
    assert Outcome.model_validate_json(with_texts.model_dump_json()) == outcome


def test_outcomes_of_older_files_are_read(make_outcome: MakeOutcome) -> None:
    whole = json.loads(make_outcome(0, True, majority_correct=True).model_dump_json())
    newer = ("majority_correct", "best_correct", "verifier_flops", "reused", "samples")
    older = Outcome.model_validate({name: value for name, value in whole.items() if name not in newer})
    assert (older.samples, older.reused, older.majority_correct) == ((), 0, None)
    assert summarize_outcomes([older, older]).mean_verifier_flops is None
