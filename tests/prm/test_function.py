import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from its_graph.contracts import Candidate, Verdict
from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import minimum, product
from its_graph.prm.function import FunctionResult, FunctionVerifier

CANDIDATE = Candidate(messages=({"role": "user", "content": "2 + 3?"},), steps=("a", "b", "c"))


def length(candidate: Candidate) -> float:
    return len(candidate.steps) / 10


async def alength(candidate: Candidate) -> float:
    await asyncio.sleep(0)
    return len(candidate.steps) / 10


class Judge:
    def __call__(self, candidate: Candidate) -> float:
        return length(candidate)


class AsyncJudge:
    async def __call__(self, candidate: Candidate) -> float:
        return await alength(candidate)


CALLABLES = [length, alength, Judge(), AsyncJudge(), partial(length), partial(alength), lambda c: alength(c)]


@pytest.mark.parametrize("func", CALLABLES)
async def test_sync_and_async(func: Callable[[Candidate], float]) -> None:
    """The sync calls of this test run while a loop is running in their thread."""
    verifier = FunctionVerifier(func)
    expected = Verdict(scores=(None, None, None), value=0.3)
    assert verifier.invoke(CANDIDATE) == expected
    assert await verifier.ainvoke(CANDIDATE) == expected
    assert verifier.batch([CANDIDATE] * 3) == [expected] * 3
    assert await verifier.abatch([CANDIDATE] * 3) == [expected] * 3
    assert sorted(verifier.batch_as_completed([CANDIDATE] * 2)) == [(0, expected), (1, expected)]
    assert sorted([pair async for pair in verifier.abatch_as_completed([CANDIDATE] * 2)]) == [
        (0, expected),
        (1, expected),
    ]


@pytest.mark.parametrize("func", [length, alength])
def test_without_a_loop(func: Callable[[Candidate], float]) -> None:
    assert FunctionVerifier(func).invoke(CANDIDATE).value == 0.3


async def test_a_sync_function_does_not_block_the_loop() -> None:
    released = threading.Event()

    def wait(candidate: Candidate) -> float:
        assert released.wait(5)
        return 1.0

    task = asyncio.create_task(FunctionVerifier(wait).ainvoke(CANDIDATE))
    await asyncio.sleep(0.01)
    released.set()
    assert (await task).value == 1.0


def test_an_async_function_sees_the_callers_context() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    values = []

    async def read_variable(candidate: Candidate) -> float:
        values.append(variable.get())
        return 1.0

    variable.set("inside")
    FunctionVerifier(read_variable).invoke(CANDIDATE)
    assert values == ["inside"]


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (1, Verdict(scores=(None,) * 3, value=1.0)),
        (True, Verdict(scores=(None,) * 3, value=1.0)),
        (None, Verdict(scores=(None,) * 3, value=None)),
        (float("nan"), Verdict(scores=(None,) * 3, value=None)),
        ([0.9, 0.5, 0.8], Verdict(scores=(0.9, 0.5, 0.8), value=0.8)),
        ((0.9, None, float("nan")), Verdict(scores=(0.9, None, None), value=0.9)),
        ([None, None, None], Verdict(scores=(None,) * 3, value=None)),
        (Verdict(scores=(0.1,), value=0.2, tokens=7), Verdict(scores=(0.1,), value=0.2, tokens=7)),
    ],
)
def test_results(result: FunctionResult, verdict: Verdict) -> None:
    assert FunctionVerifier(lambda candidate: result).invoke(CANDIDATE) == verdict


def test_step_scores_are_aggregated_by_the_given_rule() -> None:
    verifier = FunctionVerifier(lambda candidate: [0.9, 0.5, 0.8], aggregate=minimum)
    assert verifier.invoke(CANDIDATE).value == 0.5


@pytest.mark.parametrize(
    ("result", "message"), [([0.5], "got 1 scores for 3"), (1.5, "got 1.5"), ([0.5, -0.1, 0.2], "got -0.1")]
)
def test_invalid_results_are_errors(result: FunctionResult, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FunctionVerifier(lambda candidate: result).invoke(CANDIDATE)


def test_real_scores_are_unbounded_and_have_no_product() -> None:
    verifier = FunctionVerifier(lambda candidate: -7.5, score_range="real")
    assert verifier.score_range == "real"
    assert verifier.invoke(CANDIDATE).value == -7.5
    with pytest.raises(ConfigurationError, match="product"):
        FunctionVerifier(length, score_range="real", aggregate=product)


def test_costs_nothing() -> None:
    verifier = FunctionVerifier(length)
    assert verifier.tokens(CANDIDATE) == verifier.parameters == verifier.invoke(CANDIDATE).tokens == 0


async def test_an_error_of_the_function_reaches_the_caller(recwarn: pytest.WarningsRecorder) -> None:
    async def fail(candidate: Candidate) -> float:
        raise ConnectionError("judge is down")

    verifier = FunctionVerifier(fail)
    for replies in (
        verifier.batch([CANDIDATE], return_exceptions=True),
        await verifier.abatch([CANDIDATE], return_exceptions=True),
    ):
        assert isinstance(replies[0], ConnectionError)
    with pytest.raises(ConnectionError):
        verifier.invoke(CANDIDATE)


@pytest.mark.parametrize("passes", [True, False])
async def test_a_tool_as_a_check(passes: bool) -> None:
    """A LangChain chain: a function that builds the input, the tool, a function that reads the result."""

    @tool
    def check(steps: int) -> str:
        """Say whether there are that many steps."""
        return "yes" if (steps == 3) is passes else "no"

    chain: Any = (
        RunnableLambda(lambda candidate: {"steps": len(candidate.steps)}) | check | (lambda text: text == "yes")
    )
    verifier = FunctionVerifier(chain)
    expected = Verdict(scores=(None, None, None), value=float(passes))
    assert verifier.invoke(CANDIDATE) == expected
    assert await verifier.ainvoke(CANDIDATE) == expected


async def test_a_runnable_is_called_by_its_own_methods() -> None:
    verifier = FunctionVerifier(RunnableLambda(lambda candidate: 0.1, afunc=alength))
    assert verifier.invoke(CANDIDATE).value == 0.1
    assert (await verifier.ainvoke(CANDIDATE)).value == 0.3
