import threading
from collections.abc import Sequence

import pytest

from its_graph.contracts import Candidate
from its_graph.prm.consistency import ConsistencyVerifier


def solved(answer: str | None, *, question: str = "q", finished: bool = True) -> Candidate:
    text = "no idea" if answer is None else f"so \\boxed{{{answer}}}"
    return Candidate(messages=({"role": "user", "content": question},), steps=("a\n\n", text), finished=finished)


ROUND = [solved("0.5"), solved(r"\frac{1}{2}"), solved("2"), solved(None), solved("2", finished=False), solved("1/2")]


async def test_the_share_of_equivalent_answers() -> None:
    expected = [0.75, 0.75, 0.25, None, None, 0.75]
    verifier = ConsistencyVerifier()
    assert [verdict.value for verdict in verifier.batch(ROUND)] == expected
    assert [verdict.value for verdict in await verifier.abatch(ROUND)] == expected
    assert {verdict.scores for verdict in verifier.batch(ROUND)} == {(None, None)}


def test_questions_do_not_mix() -> None:
    mixed = [solved("1"), solved("1", question="other"), solved("2", question="other")]
    assert [verdict.value for verdict in ConsistencyVerifier().batch(mixed)] == [1.0, 0.5, 0.5]


def test_no_model_is_run() -> None:
    verifier = ConsistencyVerifier()
    assert verifier.batch([]) == []
    assert verifier.tokens(ROUND[0]) == 0
    assert verifier.invoke(ROUND[0]).value == 1.0
    assert verifier.invoke(solved(None)).value is None


async def test_answers_are_compared_in_a_thread() -> None:
    threads = []

    def group(answers: Sequence[str | None]) -> list[int | None]:
        threads.append(threading.current_thread())
        return [0] * len(answers)

    verdicts = await ConsistencyVerifier(group=group).abatch(ROUND[:2])
    assert [verdict.value for verdict in verdicts] == [1.0, 1.0]
    assert threads != [threading.main_thread()]


def test_a_custom_extract_function() -> None:
    verifier = ConsistencyVerifier(extract=lambda text: text[-2:])
    assert [verdict.value for verdict in verifier.batch([solved("1"), solved("2")])] == [pytest.approx(0.5)] * 2
