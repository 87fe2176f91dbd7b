"""The confidence signals of a local model, compared with a plain forward pass of the embedded model."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from its_graph import embedded
from its_graph.confidence import group_confidences, mean_confidence, self_certainty, token_confidence
from its_graph.contracts import ConfidenceFloor, Generator, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.generators.token_signals import self_certainties, token_confidences

PROBLEM = "Compute (34 + 57) * 2 - 96 / (4 + 8) + 17."
LONG = 32
"""Tokens of the greedy reply that are compared."""


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    generator, _ = embedded.load()
    with generator:
        yield generator


def ask(**options: Any) -> SampleRequest:
    return SampleRequest(
        messages=({"role": "user", "content": PROBLEM},), **{"temperature": 0, "max_tokens": LONG, **options}
    )


@pytest.fixture(scope="module")
def plain() -> list[list[float]]:
    """The log-probabilities of the whole vocabulary at each token of the greedy reply, without cache or batch."""
    folder = embedded.WEIGHTS / "generator"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    messages = [{"role": "user", "content": PROBLEM}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    rows = []
    for _ in range(LONG):
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0, -1].float().log_softmax(0).tolist()
        rows.append(logprobs)
        ids = [*ids, max(range(len(logprobs)), key=logprobs.__getitem__)]
    return rows


def by_hand(plain: list[list[float]], k: int) -> list[float]:
    return [token_confidence(sorted(logprobs)[-k:]) for logprobs in plain]


@pytest.mark.parametrize("k", [1, 2, 20])
def test_token_confidences_are_those_of_a_plain_forward_pass(
    generator: Generator, plain: list[list[float]], k: int
) -> None:
    """Reference 1.5: C_t = -(1/k) sum of the k highest log-probabilities."""
    [sample] = generator.invoke(ask(top_logprobs=k))
    assert sample.generated_tokens == LONG
    assert sample.token_confidences == pytest.approx(by_hand(plain, k), abs=2e-4)


def test_self_certainty_is_that_of_a_plain_forward_pass(generator: Generator, plain: list[list[float]]) -> None:
    """Reference 1.6: the mean over tokens of KL(uniform || p) over the whole vocabulary."""
    [sample] = generator.invoke(ask(self_certainty=True))
    assert sample.self_certainty == pytest.approx(mean_confidence([self_certainty(row) for row in plain]), abs=2e-4)


def test_they_are_the_models_own_before_temperature_and_nucleus(generator: Generator, plain: list[list[float]]) -> None:
    first = by_hand(plain, 20)[0]
    for options in ({"temperature": 2.0}, {"temperature": 1.0, "top_p": 0.5}):
        [sample] = generator.invoke(ask(top_logprobs=20, self_certainty=True, max_tokens=1, seed=1, **options))
        assert sample.token_confidences == pytest.approx([first], abs=2e-4)
        assert sample.self_certainty == pytest.approx(self_certainty(plain[0]), abs=2e-4)


def test_only_requested_signals_are_returned(generator: Generator) -> None:
    [sample] = generator.invoke(ask())
    assert (sample.token_confidences, sample.self_certainty) == (None, None)
    [sample] = generator.invoke(ask(top_logprobs=2))
    assert sample.self_certainty is None
    [sample] = generator.invoke(ask(self_certainty=True))
    assert sample.token_confidences is None


@pytest.mark.parametrize("window", [1, 4, 9])
def test_a_floor_ends_a_trace_at_the_first_full_window_below_it(
    generator: Generator, plain: list[list[float]], window: int
) -> None:
    """Reference 1.5, online: a trace ends when a full window's mean < s."""
    groups = group_confidences(by_hand(plain, 20), window)
    for rank in (0, len(groups) // 2):
        threshold = sorted(groups)[rank] + 1e-3
        tokens = next(index for index, group in enumerate(groups) if group < threshold) + window
        floor = ConfidenceFloor(window=window, threshold=threshold)
        [whole], [ended] = generator.batch([ask(top_logprobs=20), ask(top_logprobs=20, confidence_floor=floor)])
        assert (whole.generated_tokens, ended.generated_tokens) == (LONG, tokens)
        assert ended.finish_reason == "length"
        assert whole.text.startswith(ended.text)
        assert whole.token_confidences is not None
        assert ended.token_confidences == pytest.approx(whole.token_confidences[:tokens], abs=2e-4)


def test_a_floor_below_all_windows_and_a_window_that_never_fills_end_nothing(
    generator: Generator, plain: list[list[float]]
) -> None:
    lowest = min(group_confidences(by_hand(plain, 20), 4))
    low, wide = ConfidenceFloor(window=4, threshold=lowest - 1e-3), ConfidenceFloor(window=LONG + 1, threshold=1e9)
    for floor in (low, wide):
        [sample] = generator.invoke(ask(top_logprobs=20, confidence_floor=floor))
        assert sample.generated_tokens == LONG


def test_a_floor_ends_only_its_own_row(generator: Generator) -> None:
    """Rows of one batch that request other signals, or none, are unaffected."""
    requests = [ask(), ask(top_logprobs=2), ask(top_logprobs=20, self_certainty=True)]
    floor = ConfidenceFloor(window=1, threshold=1e9)
    alone = [generator.invoke(request)[0] for request in requests]
    *together, [ended] = generator.batch([*requests, ask(top_logprobs=5, confidence_floor=floor)])
    assert ended.generated_tokens == 1
    for [sample], expected in zip(together, alone, strict=True):
        assert sample.text == expected.text
        assert (sample.token_confidences is None) == (expected.token_confidences is None)
        assert (sample.self_certainty is None) == (expected.self_certainty is None)
        if sample.token_confidences and expected.token_confidences:
            assert sample.token_confidences == pytest.approx(expected.token_confidences, abs=2e-4)


def test_a_floor_needs_confidences(generator: Generator) -> None:
    with pytest.raises(ConfigurationError, match="top_logprobs=0"):
        generator.invoke(ask(confidence_floor=ConfidenceFloor(window=1, threshold=1.0)))


# --- batch arithmetic --------------------------------------------------------------------------------------


def log(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows).log()


def test_each_row_has_its_own_number_of_tokens() -> None:
    """Reference 1.5: top-2 probabilities (.5, .25): 1.039721; (.9, .05): 1.550546. k = 0 requests none."""
    rows = log((0.25, 0.05, 0.5, 0.2), (0.9, 0.03, 0.02, 0.05), (0.7, 0.1, 0.1, 0.1), (0.7, 0.1, 0.1, 0.1))
    confidences = token_confidences(rows, torch.tensor([2, 2, 0, 1])).tolist()
    assert confidences == pytest.approx([1.039721, 1.550546, 0.0, -math.log(0.7)], abs=1e-6)


def test_a_vocabulary_smaller_than_k_is_used_whole() -> None:
    assert token_confidences(log((0.5, 0.5)), torch.tensor([20])).tolist() == pytest.approx([math.log(2)])


def test_certainties_of_rows() -> None:
    """Reference 1.6: V = 4."""
    rows = log((0.25, 0.25, 0.25, 0.25), (0.7, 0.1, 0.1, 0.1), (0.97, 0.01, 0.01, 0.01))
    assert self_certainties(rows).tolist() == pytest.approx([0.0, 0.429813, 2.075198], abs=1e-6)


def test_tokens_with_probability_zero_are_excluded() -> None:
    rows = log((0.25, 0.25, 0.25, 0.25, 0.0), (0.7, 0.1, 0.1, 0.1, 0.0))
    assert self_certainties(rows).tolist() == pytest.approx([0.0, 0.429813], abs=1e-6)
    assert token_confidences(log((0.5, 0.25, 0.0)), torch.tensor([3])).tolist() == pytest.approx([1.039721])
