from collections.abc import Callable

import pytest

from its_graph.contracts import Candidate, Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.pointwise import PointwiseJudge
from its_graph.testing import ScriptedGenerator

CANDIDATE = Candidate(
    messages=({"role": "user", "content": "What is 2 + 3?"},), steps=("2 + 3 = 5\n\n", "{So} 5."), finished=True
)
Likely = Callable[..., Sample]


def test_the_expectation_over_letters(likely: Likely) -> None:
    """Reference 5.5."""
    letters = {"A": 0.6, "D": 0.3, "T": 0.1}
    generator = ScriptedGenerator(
        lambda request: likely(request, {"<score>": 1.0}, letters, {"</score>": 1.0}), parameters=7
    )
    judge = PointwiseJudge(generator)
    verdict = judge.invoke(CANDIDATE)
    assert verdict.value == pytest.approx(0.852632, abs=1e-6)
    assert verdict.scores == (None, None)
    tokens = generator.prompt_tokens(generator.requests[0]) + 3
    assert (verdict.tokens, verdict.flops) == (tokens, 2 * 7 * tokens)
    assert judge.parameters == 7
    assert judge.unparsed.count == 0


def test_the_conversation_is_kept_and_the_solution_is_a_reply() -> None:
    tools = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2 + 3?"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "5", "tool_call_id": "1"},
    )
    generator = ScriptedGenerator(lambda request: "<score>A</score>")
    PointwiseJudge(generator).invoke(CANDIDATE.model_copy(update={"messages": tools}))
    messages = generator.requests[0].messages
    assert messages[:4] == tools
    assert messages[4] == {"role": "assistant", "content": "2 + 3 = 5\n\n{So} 5."}
    assert messages[5]["role"] == "user"
    assert len(messages) == 6


def test_the_mean_over_criteria_and_repeats() -> None:
    replies = iter(["<score>A</score>", "<score>T</score>", "<score>A</score>", "<score>A</score>"])
    generator = ScriptedGenerator(lambda request: next(replies))
    assert PointwiseJudge(generator, criteria=("Right?", "Short?"), repeats=2).invoke(CANDIDATE).value == 0.75
    tasks = [request.messages[-1]["content"] for request in generator.requests]
    assert ["Right?" in text for text in tasks] == [True, True, False, False]
    assert ["Short?" in text for text in tasks] == [False, False, True, True]
    assert len({request.seed for request in generator.requests}) == 4


def test_unparsed_replies_are_left_out_and_counted() -> None:
    """Reference 5.5: refusal text -> missing, never one half."""
    replies = iter(["<score>A</score>", "I refuse.", "I refuse.", "I refuse."])
    judge = PointwiseJudge(ScriptedGenerator(lambda request: next(replies)), repeats=2)
    assert judge.invoke(CANDIDATE).value == 1.0
    refused = judge.invoke(CANDIDATE)
    assert refused.value is None
    assert refused.tokens > 0
    assert judge.unparsed.count == 3


def test_a_failed_request_is_left_out_and_counted() -> None:
    replies = iter(["<score>A</score>"])
    judge = PointwiseJudge(ScriptedGenerator(lambda request: next(replies, None) or 1 / 0), repeats=2)  # type: ignore[arg-type,return-value]
    assert judge.invoke(CANDIDATE).value == 1.0
    assert judge.unparsed.count == 1
    with pytest.raises(ZeroDivisionError):
        judge.invoke(CANDIDATE)


def test_json_is_parsed() -> None:
    judge = PointwiseJudge(ScriptedGenerator(lambda request: '{"score": "T"}'))
    assert judge.invoke(CANDIDATE).value == 0.0


def test_the_same_candidate_gets_the_same_requests() -> None:
    generator = ScriptedGenerator(lambda request: "<score>A</score>")
    judge = PointwiseJudge(generator, repeats=2)
    assert judge.requests(CANDIDATE) == judge.requests(CANDIDATE)
    other = CANDIDATE.model_copy(update={"steps": ("6",)})
    seeds = {request.seed for candidate in (CANDIDATE, other) for request in judge.requests(candidate)}
    assert len(seeds) == 4
    assert judge.requests(CANDIDATE) != PointwiseJudge(generator, repeats=2, seed=1).requests(CANDIDATE)


def test_one_reply_is_greedy_and_several_are_not() -> None:
    generator = ScriptedGenerator(lambda request: "")
    assert PointwiseJudge(generator).requests(CANDIDATE)[0].temperature == 0
    assert PointwiseJudge(generator, repeats=2).requests(CANDIDATE)[0].temperature == generator.temperature
    assert PointwiseJudge(generator, temperature=0.3).requests(CANDIDATE)[0].temperature == 0.3


@pytest.mark.parametrize("letter_only", [False, True])
def test_tokens_bound_what_is_read_and_written(letter_only: bool) -> None:
    def babble(request: SampleRequest) -> str:
        return "word " * (request.max_tokens + 50)

    judge = PointwiseJudge(
        ScriptedGenerator(babble), criteria=("a?", "b?"), repeats=3, letter_only=letter_only, max_tokens=9
    )
    assert judge.invoke(CANDIDATE).tokens == judge.tokens(CANDIDATE)


def test_a_letter_only_reply_is_short() -> None:
    generator = ScriptedGenerator(lambda request: "<score>A</score>")
    assert PointwiseJudge(generator, letter_only=True).requests(CANDIDATE)[0].max_tokens == 16
    assert PointwiseJudge(generator).requests(CANDIDATE)[0].max_tokens == generator.max_tokens


@pytest.mark.parametrize("options", [{"criteria": ()}, {"repeats": 0}])
def test_impossible_options(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        PointwiseJudge(ScriptedGenerator(lambda request: ""), **options)  # type: ignore[arg-type]
