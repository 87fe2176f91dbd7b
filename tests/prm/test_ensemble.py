import math
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.budget import Budget
from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Verdict
from its_graph.errors import ConfigurationError
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.prm.ensemble import Ensemble
from its_graph.prm.families.aggregation import mean, minimum, product
from its_graph.prm.function import FunctionVerifier
from its_graph.testing import ToyGenerator, ToyVerifier

CANDIDATE = Candidate(messages=({"role": "user", "content": "?"},), steps=("a", "b"))
Fixed = Callable[..., Any]


def verdict(value: float | None, *scores: float | None, **more: Any) -> Verdict:
    return Verdict(scores=scores or (None, None), value=value, **more)


@pytest.mark.parametrize(("aggregate", "expected"), [(mean, 0.7), (minimum, 0.5), (product, 0.315)])
def test_aggregations(aggregate: Any, expected: float, fixed: Fixed) -> None:
    members = [fixed(verdict(value)) for value in (0.9, 0.5, 0.7)]
    assert Ensemble(members, aggregate=aggregate).invoke(CANDIDATE).value == pytest.approx(expected)


def test_step_scores_are_combined(fixed: Fixed) -> None:
    members = [fixed(verdict(0.5, 0.8, None)), fixed(verdict(0.5, 0.4, None)), fixed(verdict(0.5))]
    first, second = Ensemble(members).invoke(CANDIDATE).scores
    assert first == pytest.approx(0.6)
    assert second is None


@pytest.mark.parametrize(
    "useless",
    [
        ValueError("dead"),
        verdict(None),
        verdict(math.nan),
        verdict(math.inf),
        verdict(1.5),
        Verdict(scores=(0.1,), value=0.1),
    ],
)
async def test_a_member_without_a_usable_score_is_left_out(useless: Any, fixed: Fixed) -> None:
    ensemble = Ensemble([fixed(verdict(0.9)), fixed(useless), fixed(verdict(0.5))], aggregate=product)
    assert ensemble.invoke(CANDIDATE).value == pytest.approx(0.45)
    assert (await ensemble.ainvoke(CANDIDATE)).value == pytest.approx(0.45)
    assert [counter.count for counter in ensemble.missing] == [0, 2, 0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_unbounded_score_must_be_finite(value: float, fixed: Fixed) -> None:
    members = [fixed(verdict(score), score_range="real") for score in (4.0, value)]
    assert Ensemble(members).invoke(CANDIDATE).value == 4.0


async def test_a_member_whose_batch_fails_is_left_out(fixed: Fixed) -> None:
    class Dead(type(fixed(verdict(0.1)))):  # type: ignore[misc]
        def batch(self, *arguments: Any, **more: Any) -> Any:
            raise ConnectionError("no server")

        async def abatch(self, *arguments: Any, **more: Any) -> Any:
            raise ConnectionError("no server")

    ensemble = Ensemble([Dead(verdict(0.1)), fixed(verdict(0.5))])
    assert [verdict.value for verdict in ensemble.batch([CANDIDATE] * 2)] == [0.5, 0.5]
    assert [verdict.value for verdict in await ensemble.abatch([CANDIDATE] * 2)] == [0.5, 0.5]
    alone = Ensemble([Dead(verdict(0.1))])
    assert isinstance(alone.batch([CANDIDATE], return_exceptions=True)[0], ConnectionError)
    with pytest.raises(ConnectionError):
        alone.invoke(CANDIDATE)


def test_no_member_has_a_score(fixed: Fixed) -> None:
    both = Ensemble([fixed(verdict(None, tokens=4)), fixed(ValueError("dead"))]).invoke(CANDIDATE)
    assert (both.value, both.scores, both.tokens) == (None, (None, None), 4)


def test_tokens_and_flops_add_up(fixed: Fixed) -> None:
    members = [
        fixed(verdict(0.5, tokens=10), tokens=11, parameters=3),
        fixed(verdict(None, tokens=5), tokens=6, parameters=100),
        fixed(verdict(0.5, tokens=7, flops=1.0), tokens=8, parameters=50),
        fixed(ValueError("dead"), tokens=9, parameters=70),
    ]
    ensemble = Ensemble(members)
    joined = ensemble.invoke(CANDIDATE)
    assert joined.tokens == 22
    assert joined.flops == 2 * 3 * 10 + 2 * 100 * 5 + 1.0
    assert ensemble.tokens(CANDIDATE) == 34
    assert ensemble.parameters == 100


def test_members_must_share_a_range(fixed: Fixed) -> None:
    real = fixed(verdict(4.0), score_range="real")
    with pytest.raises(ConfigurationError, match="one score range"):
        Ensemble([real, fixed(verdict(0.5))])
    with pytest.raises(ConfigurationError, match="no members"):
        Ensemble([])
    with pytest.raises(ConfigurationError, match="product"):
        Ensemble([real], aggregate=product)
    assert Ensemble([real, real]).invoke(CANDIDATE).value == 4.0
    assert Ensemble([real]).score_range == "real"


def test_members_run_concurrently() -> None:
    import threading

    both = threading.Barrier(2, timeout=5)

    def wait(candidate: Candidate) -> float:
        both.wait()
        return 0.5

    assert Ensemble([FunctionVerifier(wait), FunctionVerifier(wait)]).invoke(CANDIDATE).value == 0.5


def test_a_search_charges_the_flops_of_each_member() -> None:
    small, large = ToyVerifier(parameters=10), ToyVerifier(parameters=1000)
    graph = create_best_of_n(ToyGenerator(0.3), Ensemble([small, large]), n=4).compile()
    context = SearchContext(seed=1, budget=Budget(tokens=10_000))
    spend = graph.invoke({"problem": "Add 3, 5, 4."}, context=context)["result"]["spend"]
    tokens = spend["verifier_tokens"]
    assert spend["flops"] == 2 * 10 * tokens / 2 + 2 * 1000 * tokens / 2
