"""Problems of known make: `trials([difficulty, {"best_of_n 4": (right, cost)}], ...)`."""

from collections.abc import Callable, Mapping

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.routing.trials import Trial, TrialResult

Make = Callable[..., list[Trial]]


def named(text: str) -> StrategyConfig:
    """`best_of_n 4` as a setting; without a number one without options."""
    name, *n = text.split()
    return StrategyConfig(strategy=name, options={"n": int(n[0])} if n else {})


@pytest.fixture(scope="session")
def trials() -> Make:
    def make(*problems: tuple[float, Mapping[str, tuple[float, float]]]) -> list[Trial]:
        return [
            Trial(difficulty, {named(name): TrialResult(*result) for name, result in results.items()})
            for difficulty, results in problems
        ]

    return make
