"""The policy for models that nobody has measured yet. Not fitted, and it says so in every result."""

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
    """Return a rule of thumb: the harder a question seems, the more is searched for.

    The four quarters of difficulty get no further sample, best of 8, beam search, and tree search. What pays differs
    from model to model (Snell et al. 2408.03314: on the hardest questions nothing helped): fit your own with
    `its-graph calibrate`.

    Args:
        estimator: what difficulty is read from.
        pilots: samples to read it from; 0 for an estimate from the text.
    """
    return Policy(
        estimator=estimator,
        pilots=pilots,
        unit="tokens",
        thresholds=(0.25, 0.5, 0.75),
        budgets=(0.0,),  # one column: this table knows of no budgets
        table=tuple((setting,) for setting in _BY_DIFFICULTY),
    )
