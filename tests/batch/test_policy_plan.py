"""A plan from a fitted policy: docs/reference/algorithms.md 8.4.6."""

import pytest

from its_graph.batch import Allocation, BatchView, ProblemStats, policy_plan, solve_batch
from its_graph.budget import Budget
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy, PolicyPoint
from its_graph.testing import ToyGenerator, ToyVerifier

SINGLE, BEAM = StrategyConfig(strategy="single"), StrategyConfig(strategy="beam_search", options={"n": 4})


def best_of(n: int) -> StrategyConfig:
    return StrategyConfig(strategy="best_of_n", options={"n": n})


def votes_of(n: int) -> StrategyConfig:
    return StrategyConfig(strategy="self_consistency", options={"n": n})


def greedy_of(n: int) -> StrategyConfig:
    return StrategyConfig(strategy="best_of_n", options={"n": n, "temperature": 0.0})


def point(config: StrategyConfig, accuracy: float) -> PolicyPoint:
    return PolicyPoint(config=config, accuracy=accuracy, cost=1.0, problems=9)


EASY = (point(SINGLE, 0.9), point(best_of(5), 0.95), point(BEAM, 1.0))
HARD = (point(SINGLE, 0.2), point(best_of(5), 0.6), point(best_of(17), 0.7))


def policy(*curves: tuple[PolicyPoint, ...], estimator: str = "verifier", pilots: int = 1) -> Policy:
    table = tuple((SINGLE,) for _ in range(2))
    return Policy.model_validate(
        {
            "estimator": estimator,
            "pilots": pilots,
            "unit": "tokens",
            "thresholds": (0.5,),
            "budgets": (100.0,),
            "table": table,
            "curves": curves,
        }
    )


@pytest.mark.parametrize(("remaining", "samples"), [(3, (1, 1)), (4, (1, 5)), (8, (5, 5)), (16, (5, 5)), (20, (5, 17))])
def test_samples_go_where_the_curves_gain_most(remaining: int, samples: tuple[int, int]) -> None:
    easy, hard = ProblemStats(1, difficulty=0.1), ProblemStats(1, difficulty=0.9)
    allocations = policy_plan(policy(EASY, HARD), ToyVerifier())(
        BatchView({3: easy, 4: hard}, {3: 1.0, 4: 1.0}, remaining)
    )
    assert tuple(allocation.samples for allocation in allocations) == samples
    assert [allocation.stop_reason for allocation in allocations] == ["allocation" if n == 1 else None for n in samples]


def test_costs_are_those_of_the_problem_and_pilots_come_first() -> None:
    stats = {0: ProblemStats(2, difficulty=0.95), 1: ProblemStats(2, difficulty=0.95)}
    allocations = policy_plan(policy(EASY, HARD), ToyVerifier())(BatchView(stats, {0: 9.0, 1: 2.0}, 10.0))
    assert allocations == [Allocation(0, 2, "allocation"), Allocation(1, 5)]
    pilots = policy_plan(policy(EASY, HARD, pilots=3), ToyVerifier())(BatchView(stats, {0: 1.0, 1: 1.0}, 10.0))
    assert pilots == [Allocation(0, 3), Allocation(1, 3)]


@pytest.mark.parametrize(("verifier", "estimator", "samples"), [(ToyVerifier(), "verifier", 5), (None, "agreement", 9)])
def test_only_the_strategy_of_the_batch_is_a_choice(verifier: Verifier | None, estimator: str, samples: int) -> None:
    """Each strategy's best looks poor next to the other's: in one joint curve, neither would be chosen correctly."""
    mixed = (point(SINGLE, 0.2), point(best_of(5), 0.9), point(votes_of(9), 0.6), point(greedy_of(3), 1.0))
    plan = policy_plan(policy(mixed, mixed, estimator=estimator), verifier)
    (allocation,) = plan(BatchView({0: ProblemStats(1)}, {0: 1.0}, 30.0))
    assert allocation.samples == samples


@pytest.mark.parametrize(
    ("rejected", "verifier", "reason"),
    [
        (policy(), ToyVerifier(), "measured curves of best_of_n"),
        (policy(EASY, (point(BEAM, 0.5),)), ToyVerifier(), "measured curves of best_of_n"),
        (policy(EASY, (point(SINGLE, 0.5), point(votes_of(5), 0.6))), ToyVerifier(), "measured curves of best_of_n"),
        (policy(EASY, HARD, estimator="agreement"), None, "measured curves of self_consistency"),
        (policy(EASY, HARD, estimator="text"), ToyVerifier(), "by text, .* by verifier"),
        (policy(EASY, HARD, estimator="agreement"), ToyVerifier(), "by agreement, .* by verifier"),
        (policy(EASY, HARD), None, "by verifier, .* by agreement"),
    ],
)
def test_unsuitable_policies_are_rejected(rejected: Policy, verifier: Verifier | None, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        policy_plan(rejected, verifier)


async def test_a_batch_by_policy() -> None:
    problems = [f"Add {n}, 5, 4, 2." for n in range(1, 20)]
    verifier = ToyVerifier()
    plan = policy_plan(policy(EASY, HARD), verifier)
    report = await solve_batch(problems, ToyGenerator(0.4), verifier, budget=Budget(tokens=2_500), plan=plan)
    assert report.unanswered == 0
    assert {1, 5} <= {result.samples for result in report.results} <= {1, 2, 3, 4, 5, 17}
    assert 2_200 < report.spend.tokens <= 2_500
