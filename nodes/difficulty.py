"""estimate: how the difficulty that a policy goes by is read with the models at hand."""

from functools import partial

from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.routing.difficulty import DifficultyEstimator, by_agreement, by_text, by_verifier
from its_graph.routing.policy import Policy
from its_graph.routing.regressor import Regressor

__all__ = ["difficulty_estimator"]


def difficulty_estimator(policy: Policy, generator: Generator, verifier: Verifier | None) -> DifficultyEstimator:
    """Return the estimate of difficulty that the policy's thresholds were made for.

    Raises:
        ConfigurationError: what it is read from is missing: a verifier, pilots, or features of the question.
        MissingExtraError: for a learned estimate without the extra `allocation`.
    """
    if policy.regressor is not None:
        return _learned(policy.regressor, generator)
    if policy.estimator == "text":
        return by_text
    if policy.pilots < 1:
        raise ConfigurationError(
            f"The policy reads difficulty by {policy.estimator} from pilots, so it needs at least one. "
            f"Given: pilots={policy.pilots}."
        )
    if policy.estimator == "agreement":
        return by_agreement
    if verifier is None:
        raise ConfigurationError(
            "The policy reads difficulty from a verifier's scores, and none was given. Give the verifier that it was "
            "fitted with, or a policy by agreement: `its-graph calibrate --estimator agreement`."
        )
    return partial(by_verifier, scale=to_unit(verifier.score_range))


def _learned(regressor: Regressor, generator: Generator) -> DifficultyEstimator:
    embed = getattr(generator, "embed", None)
    if embed is None:
        raise ConfigurationError(
            f"The policy predicts difficulty from the generator's features of a question, and "
            f"{type(generator).__name__} has no method `embed`. Give `estimate=by_learned(policy.regressor, embed)` of "
            "`its_graph.routing.learned_difficulty` with the function that the policy was fitted with."
        )
    from its_graph.routing.learned_difficulty import by_regressor  # numpy: nothing else here needs it

    return by_regressor(regressor, embed)
