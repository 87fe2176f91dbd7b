"""What takes a setting's place where something is missing."""

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.routing.fallback import resolve_config
from its_graph.testing import ToyGenerator, ToyVerifier


class Bare(ToyGenerator):
    can_continue = False


@pytest.mark.parametrize("name", ["single", "self_consistency", "best_of_n", "beam_search", "compute_optimal"])
def test_what_works_stays(name: str) -> None:
    setting = StrategyConfig(strategy=name)
    assert resolve_config(setting, ToyGenerator(), ToyVerifier()) == (setting, None)


def test_as_many_samples_are_drawn_and_the_verifier_chooses() -> None:
    found = resolve_config(StrategyConfig(strategy="beam_search", options={"n": 8, "width": 2}), Bare(), ToyVerifier())
    assert found.config == StrategyConfig(strategy="best_of_n", options={"n": 8})
    assert found.why == (
        "beam_search n=8 width=2 needs a generator that continues a given text, which Bare does not: "
        "best_of_n n=8 takes its place."
    )


def test_without_a_verifier_the_vote_does() -> None:
    found = resolve_config(StrategyConfig(strategy="dvts"), Bare(), None)
    assert found.config == StrategyConfig(strategy="self_consistency", options={"n": 16})
    assert found.why is not None
    assert "a verifier, and none was given and a generator" in found.why


def test_a_signal_that_is_not_told_is_named() -> None:
    silent = ToyGenerator()
    silent.signals = frozenset({"self_certainty"})
    assert resolve_config(StrategyConfig(strategy="self_certainty"), silent, None).why is None
    assert "token_confidences" in str(resolve_config(StrategyConfig(strategy="deepconf"), silent, None).why)
