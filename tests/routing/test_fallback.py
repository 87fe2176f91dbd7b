"""The fallback of a config whose needs the models do not meet."""

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.routing.fallback import resolve_config
from its_graph.testing import ToyGenerator, ToyVerifier


class Bare(ToyGenerator):
    can_continue = False


@pytest.mark.parametrize("name", ["single", "self_consistency", "best_of_n", "beam_search", "compute_optimal"])
def test_a_usable_config_is_kept(name: str) -> None:
    config = StrategyConfig(strategy=name)
    assert resolve_config(config, ToyGenerator(), ToyVerifier()) == (config, None)


def test_the_fallback_draws_as_many_samples_and_the_verifier_chooses() -> None:
    resolved = resolve_config(
        StrategyConfig(strategy="beam_search", options={"n": 8, "width": 2}), Bare(), ToyVerifier()
    )
    assert resolved.config == StrategyConfig(strategy="best_of_n", options={"n": 8})
    assert resolved.fallback_reason == (
        "beam_search n=8 width=2 needs a generator that continues a given text, which Bare cannot do. "
        "Using best_of_n n=8 instead."
    )


def test_without_a_verifier_the_vote_chooses() -> None:
    resolved = resolve_config(StrategyConfig(strategy="dvts"), Bare(), None)
    assert resolved.config == StrategyConfig(strategy="self_consistency", options={"n": 16})
    assert resolved.fallback_reason is not None
    assert "a verifier, but none is configured and a generator" in resolved.fallback_reason


def test_a_missing_signal_is_named() -> None:
    silent = ToyGenerator()
    silent.signals = frozenset({"self_certainty"})
    assert resolve_config(StrategyConfig(strategy="self_certainty"), silent, None).fallback_reason is None
    assert "token_confidences" in str(resolve_config(StrategyConfig(strategy="deepconf"), silent, None).fallback_reason)
