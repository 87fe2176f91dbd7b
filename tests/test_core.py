"""The small parts of the core: records, seeds, budget, context, registry, packaging."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from setuptools import find_packages

from its_graph import Budget, SearchContext, Spend, create, strategies
from its_graph.budget import flops, total
from its_graph.catalog.registry import STRATEGIES, register, strategy
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.search.state import write_once
from its_graph.seeds import derive_seed
from its_graph.testing import ToyGenerator, ToyVerifier

ROOT = Path(__file__).parents[1]
logs = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.just({"text": "x"}), max_size=3), max_size=6)


@given(first=logs, second=logs)
def test_write_once_is_batching_invariant(first: list[Any], second: list[Any]) -> None:
    """The law that DeltaChannel relies on for replay: f(f(s, xs), ys) == f(s, xs + ys)."""
    assert write_once(write_once({}, first), second) == write_once({}, first + second)


def test_a_record_is_never_rewritten() -> None:
    same = write_once({"1": {"text": "a"}}, [{"1": {"text": "a"}}])
    assert same == {"1": {"text": "a"}}
    with pytest.raises(ConfigurationError, match="Record '1' is already written"):
        write_once(same, [{"1": {"text": "b"}}])


def test_seeds_depend_on_search_and_record_only() -> None:
    """Pinned: a changed derivation would silently change every seeded run of every user."""
    assert derive_seed(7, "0") == derive_seed(7, "0") == 832369889
    assert len({derive_seed(seed, str(key)) for seed in range(20) for key in range(200)}) == 4000
    assert all(0 <= derive_seed(seed, "1") < 2**31 for seed in range(500))


@pytest.mark.parametrize(
    ("limit", "spend"),
    [
        ({"calls": 3}, Spend(calls=4)),
        ({"generated_tokens": 3}, Spend(generated_tokens=4)),
        ({"tokens": 3}, Spend(prompt_tokens=2, verifier_tokens=2)),
        ({"tokens": 3}, Spend(prompt_tokens=2, generated_tokens=2)),
        ({"seconds": 3}, Spend(seconds=3.1)),
        ({"flops": 3}, Spend(flops=3.5)),
    ],
)
def test_every_limit_counts(limit: dict[str, int], spend: Spend) -> None:
    assert not Budget(**limit).allows(spend)
    assert Budget(**limit).allows(Spend(calls=3))
    assert Budget().allows(spend)


def test_what_is_left_is_named_by_limit() -> None:
    spend = Spend(calls=4, prompt_tokens=10, generated_tokens=5, verifier_tokens=1, seconds=2.0, flops=3.0)
    limits: dict[str, Any] = {"calls": 10, "generated_tokens": 9, "tokens": 20, "seconds": 3.0, "flops": 3.0}
    assert Budget(**limits).left(spend) == {"calls": 6, "generated_tokens": 4, "tokens": 4, "seconds": 1, "flops": 0}
    assert Budget(tokens=20).left(spend) == {"tokens": 4}
    assert Budget().left(spend) == {}


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Budget(calls=-1)


def test_flops_of_a_forward_pass() -> None:
    """Reference 0.4: P=7e9, T=1000 -> 1.4e13."""
    assert flops(7_000_000_000, 1000) == 1.4e13


def test_spends_add_up_by_field() -> None:
    assert total([Spend(1, 2, 3, 4, 5, 0.5, 7.0)] * 2) == Spend(2, 4, 6, 8, 10, 1.0, 14.0)
    assert Spend(prompt_tokens=1, cached_tokens=1, generated_tokens=2, verifier_tokens=4).tokens == 7


def test_an_invalid_context_is_refused_by_name() -> None:
    graph = create("single", ToyGenerator()).compile()
    with pytest.raises(ValueError, match="temperature"):
        graph.invoke({"problem": "Add 1, 2."}, context={"temperature": -1})


def test_a_system_prompt_is_put_before_the_conversation() -> None:
    generator = ToyGenerator()
    create("single", generator).compile().invoke({"problem": "Add 1, 2."}, context=SearchContext(system="Be brief."))
    assert [message["role"] for message in generator.requests[0].messages] == ["system", "user"]


def test_the_registry_describes_each_strategy() -> None:
    by_name = {strategy.name: strategy for strategy in strategies()}
    assert list(by_name) == list(STRATEGIES)
    assert all(known.summary.endswith(".") or ":" in known.summary for known in by_name.values())
    assert not by_name["self_consistency"].needs_verifier
    assert by_name["beam_search"].needs_verifier
    assert by_name["beam_search"].options["width"] == 4


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: create("best_of_m", ToyGenerator()),
            "Unknown strategy 'best_of_m'. Strategies: single, self_consistency",
        ),
        (lambda: create("best_of_n", ToyGenerator()), "best_of_n needs a verifier"),
        (
            lambda: create("dvts", ToyGenerator(), ToyVerifier(), beams=3),
            "dvts has no option 'beams'. Options: n, width",
        ),
        (lambda: create("best_of_n", ToyGenerator(), ToyVerifier(), n=0), "n >= 1; got n=0"),
        (lambda: create("self_consistency", ToyGenerator(), n=4, wave=-1), "wave=-1"),
    ],
)
def test_a_wrong_name_or_option_is_refused_with_the_right_ones(call: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call()


def test_a_custom_strategy_can_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("its_graph.catalog.registry.STRATEGIES", dict(STRATEGIES))
    register("mine", "its_graph.graphs.single:create_single")
    assert strategy("mine").summary == strategy("single").summary


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    assert "pip install 'its-graph[local]'" in str(MissingExtraError("torch", "local"))


def test_importing_the_library_stays_light() -> None:
    heavy = {"torch", "transformers", "vllm", "math_verify"}
    code = f"import its_graph, its_graph.graphs, sys; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


def test_every_subpackage_is_packaged() -> None:
    """The list is explicit, so that tools follow the links; a forgotten folder would be missing from the wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(find_packages(str(ROOT), include=["its_graph*"]))
