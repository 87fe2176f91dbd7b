"""Hand-made trials: `trials((difficulty, {"best_of_n 4": (correct, cost)}), ...)`."""

from collections.abc import Callable, Mapping

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.routing.trials import Trial, TrialResult

Make = Callable[..., list[Trial]]


def parse_config(text: str) -> StrategyConfig:
    """Return the config of `best_of_n 4`, or without a number one without options."""
    name, *n = text.split()
    return StrategyConfig(strategy=name, options={"n": int(n[0])} if n else {})


@pytest.fixture(scope="session")
def trials() -> Make:
    def make(*problems: tuple[float, Mapping[str, tuple[float, float]]]) -> list[Trial]:
        return [
            Trial(difficulty, {parse_config(name): TrialResult(*result) for name, result in results.items()})
            for difficulty, results in problems
        ]

    return make
