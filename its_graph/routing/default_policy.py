"""The policy for models without measurements. It is not fitted, and every result says so."""

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.routing.policy import Estimator, Policy

__all__ = ["default_policy"]

_BY_DIFFICULTY = (
    StrategyConfig(strategy="single"),
    StrategyConfig(strategy="best_of_n", options={"n": 8}),
    StrategyConfig(strategy="beam_search"),
    StrategyConfig(strategy="mcts"),
)


def default_policy(estimator: Estimator = "verifier", pilots: int = 4) -> Policy:
    """Return a rule of thumb: the harder a question seems, the more it is searched.

    The four quarters of difficulty get no further sample, best of 8, beam search, and tree search. What works differs
    between models (Snell et al. 2408.03314: on the hardest questions nothing helped), so fit your own policy with
    `its-graph calibrate`.

    Args:
        estimator: source of difficulty.
        pilots: samples to read it from; 0 for an estimate from the text.
    """
    return Policy(
        estimator=estimator,
        pilots=pilots,
        unit="tokens",
        thresholds=(0.25, 0.5, 0.75),
        budgets=(0.0,),  # one column: this table ignores budgets
        table=tuple((config,) for config in _BY_DIFFICULTY),
    )
