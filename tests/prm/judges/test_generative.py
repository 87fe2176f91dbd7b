"""docs/reference/algorithms.md 5.4: verifiers that generate text before they score."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.contracts import Candidate, Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.generative import GenerativePRM, GenRM, first_error, step_judgments, step_prompt
from its_graph.testing import ScriptedGenerator

CANDIDATE = Candidate(
    messages=({"role": "user", "content": "What is 2 + 3 - 1?"},),
    steps=("## Step 1: 2 + 3\n= 5\n\n", "Step 2: 5 - 1 = 4\n\n", "So 4."),
    finished=True,
)
RIGHT, WRONG = r"\boxed{correct}", r"\boxed{incorrect}"
Likely = Callable[..., Sample]


def chains(kind: Any, *texts: str | Exception, **options: Any) -> tuple[Any, ScriptedGenerator]:
    """Return a verifier whose chains have these texts, in order."""
    replies = iter(texts)

    def script(request: SampleRequest) -> str:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    generator = ScriptedGenerator(script, parameters=7)
    return kind(generator, chains=len(texts), **options), generator


def steps(*boxes: str) -> str:
    return "\n".join(f"Step {number}: it says so, hence {box}" for number, box in enumerate(boxes, 1))


# --- parsing a chain -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (steps(RIGHT, RIGHT, RIGHT), [True, True, True]),
        (steps(RIGHT, WRONG), [True, False, None]),
        (steps(RIGHT, WRONG, RIGHT), [True, False, None]),
        (f"fine {RIGHT} then {WRONG}", [True, False, None]),
        (steps(RIGHT, r"\boxed{\text{incorrect}}"), [True, False, None]),
        (r"Step 1: \boxed{ Correct }", [True, None, None]),
        (f"Step 1: first {WRONG}, no, wait: {RIGHT}\nStep 2: {RIGHT}", [True, True, None]),
        (f"**Step 2**: {RIGHT}", [None, True, None]),
        (f"Step 1: {RIGHT}\nStep 2: {RIGHT}\nStep 3: {RIGHT}\nStep 4: {WRONG}", [True, True, True]),
        ("All of this looks correct to me.", [None, None, None]),
        ("", [None, None, None]),
    ],
)
def test_judgments_of_a_chain(chain: str, expected: list[bool | None]) -> None:
    assert step_judgments(chain, 3) == expected


def test_incorrect_is_not_read_as_correct() -> None:
    """Reference 5.4: "incorrect" contains "correct"."""
    assert step_judgments(WRONG, 1) == [False]


def test_the_first_incorrect_step_is_the_error() -> None:
    """Reference 5.4: [correct, incorrect, (missing)] -> 1, counted from 0."""
    assert first_error([True, False, None]) == 1
    assert first_error([True, None, True]) is None
    assert first_error([]) is None


# --- GenerativePRM ---------------------------------------------------------------------------------------------------


def test_scores_are_shares_of_chains() -> None:
    verifier, generator = chains(
        GenerativePRM, steps(RIGHT, RIGHT, RIGHT), steps(RIGHT, WRONG), steps(WRONG), steps(RIGHT, RIGHT, RIGHT)
    )
    verdict = verifier.invoke(CANDIDATE)
    assert verdict.scores == (0.75, pytest.approx(2 / 3), 1.0)
    assert verdict.value == 0.5
    assert verifier.unparsed.count == 0
    assert len({request.seed for request in generator.requests}) == 4
    assert {request.temperature for request in generator.requests} == {0.4}


def test_an_unparsed_chain_is_dropped_and_counted() -> None:
    """Reference 5.4. A chain without an error that is cut off before its last judgment does not count as correct."""
    verifier, _ = chains(GenerativePRM, steps(RIGHT, RIGHT, RIGHT), "Looks good.", steps(RIGHT, RIGHT), ValueError("x"))
    verdict = verifier.invoke(CANDIDATE)
    assert verdict.value == 1.0
    assert verdict.scores == (1.0, 1.0, 1.0)
    assert verifier.unparsed.count == 3


def test_without_any_parsed_chain_there_is_no_opinion() -> None:
    verifier, _ = chains(GenerativePRM, "Hm.", "Hm.")
    verdict = verifier.invoke(CANDIDATE)
    assert (verdict.value, verdict.scores) == (None, (None, None, None))
    assert verdict.tokens > 0


def test_a_solution_of_twelve_steps_stops_after_the_twelfth() -> None:
    """Reference 5.4: step numbers compared as text would make 9 the last of 12."""
    verifier, generator = chains(GenerativePRM, "")
    verifier.invoke(CANDIDATE.model_copy(update={"steps": tuple(f"{number}\n\n" for number in range(12))}))
    assert generator.requests[0].stop == ("Step 13:",)


def test_the_prompt_has_one_numbered_step_per_line() -> None:
    (message,) = step_prompt(CANDIDATE)
    text = message["content"]
    assert (
        "[Math Problem]\n\nWhat is 2 + 3 - 1?\n\n[Solution]\n\nStep 1: 2 + 3 = 5\nStep 2: 5 - 1 = 4\nStep 3: So 4.\n\n"
        in text
    )


def test_only_a_generator_that_continues_gets_a_prefix() -> None:
    verifier, generator = chains(GenerativePRM, "")
    assert verifier.requests(CANDIDATE)[0].prefix == "\nLet's verify step by step:"
    generator.can_continue = False
    assert verifier.requests(CANDIDATE)[0].prefix == ""


def test_another_prompt() -> None:
    verifier, _ = chains(GenerativePRM, "", prompt=lambda candidate: ({"role": "user", "content": "mine"},))
    assert verifier.requests(CANDIDATE)[0].messages == ({"role": "user", "content": "mine"},)


# --- GenRM -----------------------------------------------------------------------------------------------------------


def test_the_mean_of_p_yes(likely: Likely) -> None:
    """Reference 5.4: P(Yes) [.9, .5, .7] -> .7."""
    shares = iter([0.9, 0.5, 0.7])

    def script(request: SampleRequest) -> Sample:
        yes = next(shares)
        answer = {" Yes": yes * 0.5, "yes": yes * 0.3, " No": (1 - yes) * 0.8}
        return likely(request, {"Fine.\n": 1.0}, {"Is the solution correct (Yes/No)?": 1.0}, answer)

    verifier = GenRM(ScriptedGenerator(script, parameters=3), chains=3)
    verdict = verifier.invoke(CANDIDATE)
    assert verdict.value == pytest.approx(0.7)
    assert verdict.scores == (None, None, None)
    assert verdict.flops == 2 * 3 * verdict.tokens
    assert verifier.parameters == 3


def test_literal_and_missing_answers() -> None:
    line = "Is the solution correct (Yes/No)?"
    verifier, _ = chains(
        GenRM, f"{line} Yes", f"So {line} No.", f"{line} **Yes**", "I cannot say. Yes or No?", f"{line} Maybe"
    )
    assert verifier.invoke(CANDIDATE).value == pytest.approx(2 / 3)
    assert verifier.unparsed.count == 2


# --- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [GenerativePRM, GenRM])
def test_tokens_bound_all_chains(kind: Any) -> None:
    verifier, _ = chains(kind, *["word " * 99] * 4, max_tokens=20)
    assert verifier.invoke(CANDIDATE).tokens == verifier.tokens(CANDIDATE)


@pytest.mark.parametrize("kind", [GenerativePRM, GenRM])
async def test_both_ways_to_call(kind: Any) -> None:
    text = steps(RIGHT, RIGHT, RIGHT) + "\nIs the solution correct (Yes/No)? Yes"
    for call in ("batch", "abatch"):
        verifier, _ = chains(kind, *[text] * 4)
        verifier._chains = 2
        replies = getattr(verifier, call)([CANDIDATE] * 2)
        verdicts = replies if isinstance(replies, list) else await replies
        assert [verdict.value for verdict in verdicts] == [1.0, 1.0]


@pytest.mark.parametrize("kind", [GenerativePRM, GenRM])
def test_seeds_depend_on_the_candidate(kind: Any) -> None:
    verifier, _ = chains(kind, "", "")
    assert verifier.requests(CANDIDATE) == verifier.requests(CANDIDATE)
    other = CANDIDATE.model_copy(update={"steps": ("x",)})
    assert len({request.seed for candidate in (CANDIDATE, other) for request in verifier.requests(candidate)}) == 4


@pytest.mark.parametrize("kind", [GenerativePRM, GenRM])
def test_no_chains(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="chains must be >= 1; got 0"):
        kind(ScriptedGenerator(lambda request: ""), chains=0)
