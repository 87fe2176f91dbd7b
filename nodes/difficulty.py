"""difficulty: the difficulty estimator that a policy was fitted with, for the generator and verifier of a search."""

from functools import partial

from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.routing.difficulty import DifficultyEstimator, by_agreement, by_text, by_verifier
from its_graph.routing.policy import Policy
from its_graph.routing.regressor import Regressor

__all__ = ["difficulty_estimator"]


def difficulty_estimator(policy: Policy, generator: Generator, verifier: Verifier | None) -> DifficultyEstimator:
    """Return the difficulty estimator that the policy's thresholds were fitted for.

    Raises:
        ConfigurationError: if its input is missing: a verifier, pilots, or features of the question.
        MissingExtraError: for a learned estimator without the extra `allocation`.
    """
    if policy.regressor is not None:
        return _regressor_estimator(policy.regressor, generator)
    if policy.estimator == "text":
        return by_text
    if policy.pilots < 1:
        raise ConfigurationError(
            f"A policy that estimates difficulty by {policy.estimator} needs pilots >= 1; got {policy.pilots}."
        )
    if policy.estimator == "agreement":
        return by_agreement
    if verifier is None:
        raise ConfigurationError(
            "The policy estimates difficulty from a verifier's scores, but there is no verifier. Pass the verifier "
            "that it was fitted with, or use a policy by agreement: `its-graph calibrate --estimator agreement`."
        )
    return partial(by_verifier, scale=to_unit(verifier.score_range))


def _regressor_estimator(regressor: Regressor, generator: Generator) -> DifficultyEstimator:
    embed = getattr(generator, "embed", None)
    if embed is None:
        raise ConfigurationError(
            f"The policy predicts difficulty from the generator's features of a question, but "
            f"{type(generator).__name__} has no method `embed`. Pass `estimate=by_regressor(policy.regressor, embed)` "
            "(`its_graph.routing.learned_difficulty`) with the function that the policy was fitted with."
        )
    from its_graph.routing.learned_difficulty import by_regressor  # needs numpy, which nothing else here does

    return by_regressor(regressor, embed)
