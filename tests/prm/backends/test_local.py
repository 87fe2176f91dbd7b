import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from its_graph.contracts import Candidate, Verdict
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.aggregation import last, minimum, product
from its_graph.prm.families.base import StepBatch, StepScorer
from its_graph.prm.families.likelihood import LikelihoodScorer
from its_graph.prm.families.qwen import QwenScorer

Solve = Callable[..., Candidate]


class Spy:
    """Records the batches that reach a scorer."""

    def __init__(self, scorer: StepScorer) -> None:
        self.batches: list[StepBatch] = []
        self.modes: list[tuple[bool, bool]] = []
        self._step_logits = scorer.step_logits
        self._scorer = scorer
        scorer.step_logits = self  # type: ignore[method-assign]  # the spy takes the method's place

    def __call__(self, batch: StepBatch) -> Tensor:
        self.batches.append(batch)
        self.modes.append((self._scorer.training, torch.is_inference_mode_enabled()))
        return self._step_logits(batch)

    @property
    def rows(self) -> list[int]:
        return [len(batch.input_ids) for batch in self.batches]


@pytest.fixture
def spy(qwen: QwenScorer) -> Spy:
    return Spy(qwen)


@pytest.fixture
def prm(qwen: QwenScorer, spy: Spy) -> Iterator[PRM]:
    prm = PRM(qwen, max_batch=16)
    yield prm
    prm.close()


def expected(scorer: StepScorer, candidate: Candidate) -> list[float]:
    with torch.inference_mode():
        return scorer.step_logits(scorer.encode([candidate]))[0].sigmoid().tolist()


def check(verdict: Verdict, scorer: StepScorer, candidate: Candidate) -> None:
    scores = expected(scorer, candidate)
    assert verdict.scores == pytest.approx(scores, abs=1e-5)
    assert verdict.value == pytest.approx(torch.tensor(scores).prod().item(), abs=1e-5)
    assert verdict.tokens == scorer.score_tokens(candidate)


def test_invoke_scores_all_steps_in_one_pass(prm: PRM, spy: Spy, candidates: list[Candidate]) -> None:
    verdict = prm.invoke(candidates[2])
    assert spy.rows == [1]
    assert spy.modes == [(False, True)]
    check(verdict, prm.scorer, candidates[2])


async def test_all_six_runnable_methods_agree(prm: PRM, candidates: list[Candidate]) -> None:
    alone = [prm.invoke(candidate) for candidate in candidates]
    for verdict, candidate in zip(alone, candidates, strict=True):
        check(verdict, prm.scorer, candidate)
    methods = {
        "ainvoke": list(await asyncio.gather(*map(prm.ainvoke, candidates))),
        "batch": prm.batch(candidates),
        "abatch": await prm.abatch(candidates),
        "batch_as_completed": _in_order(list(prm.batch_as_completed(candidates))),
        "abatch_as_completed": _in_order([pair async for pair in prm.abatch_as_completed(candidates)]),
    }
    for name, verdicts in methods.items():
        for verdict, single in zip(verdicts, alone, strict=True):
            assert verdict.scores == pytest.approx(single.scores, abs=1e-5), name
            assert verdict.tokens == single.tokens


def _in_order(pairs: list[tuple[int, Verdict]]) -> list[Verdict]:
    return [dict(pairs)[position] for position in range(len(pairs))]


def test_a_batch_is_one_pass(prm: PRM, spy: Spy, candidates: list[Candidate]) -> None:
    prm.batch(candidates)
    assert spy.rows == [len(candidates)]


def test_a_batch_that_is_queued_slowly_is_one_pass_too(
    prm: PRM, spy: Spy, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = prm._batcher.submit

    def slowly(*arguments: Any) -> None:
        time.sleep(0.01)
        submit(*arguments)

    monkeypatch.setattr(prm._batcher, "submit", slowly)
    prm.batch(candidates)
    assert spy.rows == [len(candidates)]


def test_batches_are_cut_and_sorted_by_length(qwen: QwenScorer, spy: Spy, solve: Solve) -> None:
    prm = PRM(qwen, max_batch=2)
    lengths = [30, 1, 20, 2, 10]
    prm.batch([solve("7" * length) for length in lengths])
    assert spy.rows == [2, 2, 1]
    widths = [batch.attention_mask.sum(1).tolist() for batch in spy.batches]
    flat = [width for batch in widths for width in batch]
    assert flat == sorted(flat)
    assert all((batch.attention_mask.diff(dim=1) <= 0).all() for batch in spy.batches), "padding is on the right"
    prm.close()


def test_equal_candidates_are_read_once_and_charged_once(prm: PRM, spy: Spy, solve: Solve) -> None:
    different = [solve("a\n\n", "b"), solve("c"), solve("a\n\nb")]
    verdicts = prm.batch([*different[:2], different[0], different[2]])
    assert spy.rows == [3]
    assert verdicts[0].scores == verdicts[2].scores
    assert (verdicts[0].tokens > 0, verdicts[2].tokens) == (True, 0)
    assert len(verdicts[3].scores) == 1
    assert sum(verdict.tokens for verdict in verdicts) == sum(map(prm.tokens, different))


def test_the_same_text_for_another_question_is_a_different_candidate(prm: PRM, solve: Solve) -> None:
    first, second = prm.batch([solve("90"), solve("90", question="What is 1 + 1?")])
    assert first.value != second.value


def test_repeated_scores_are_equal(prm: PRM, candidates: list[Candidate]) -> None:
    """Reference 5.8, repeat: equal, even if the model was put into training mode in between (dropout off)."""
    before = prm.batch(candidates)
    prm.scorer.train()
    assert prm.batch(candidates) == before


def test_concurrent_callers_share_passes(prm: PRM, spy: Spy, candidates: list[Candidate]) -> None:
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(prm.invoke, candidates * 8))
    assert len(spy.rows) < len(verdicts) == 40
    for verdict, candidate in zip(verdicts, candidates * 8, strict=True):
        assert verdict.scores == pytest.approx(expected(prm.scorer, candidate), abs=1e-5)


async def test_a_candidate_too_long_fails_alone(prm: PRM, spy: Spy, solve: Solve) -> None:
    batch = [solve("a"), solve("1 + 1 = 2\n\n" * 200), solve("b")]
    for replies in (
        prm.batch(batch, return_exceptions=True),
        await prm.abatch(batch, return_exceptions=True),
        _in_order(list(prm.batch_as_completed(batch, return_exceptions=True))),
        _in_order([pair async for pair in prm.abatch_as_completed(batch, return_exceptions=True)]),
    ):
        assert [type(reply) for reply in replies] == [Verdict, TruncationError, Verdict]
    assert set(spy.rows) == {2}
    with pytest.raises(TruncationError):
        prm.batch(batch)
    with pytest.raises(TruncationError):
        await prm.ainvoke(batch[1])
    assert prm.tokens(batch[1]) > prm.scorer.max_tokens


def test_a_message_the_template_cannot_read_fails_alone(
    prm: PRM, solve: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_role = Candidate(messages=({"content": "2 + 3?"},), steps=("a",))
    refuse = "{% if 'role' not in messages[0] %}{{ raise_exception('a role, please') }}{% endif %}"
    monkeypatch.setattr(prm.scorer.tokenizer, "chat_template", refuse + prm.scorer.tokenizer.chat_template)
    good, bad = prm.batch([solve("a"), no_role], return_exceptions=True)
    assert isinstance(good, Verdict)
    assert "a role, please" in str(bad)
    prm.scorer.metadata = prm.scorer.metadata.model_copy(update={"system_prompt": "Judge."})
    good, bad = prm.batch([solve("a"), no_role], return_exceptions=True)
    assert isinstance(good, Verdict)
    assert isinstance(bad, KeyError)


def test_nan_is_missing(qwen: QwenScorer, solve: Solve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step with text but without a score makes the value missing; Reference 0.2, rule 2."""
    nan = float("nan")
    monkeypatch.setattr(qwen, "step_logits", lambda batch: torch.tensor([[0.0, nan, 1.0], [2.0, 0.0, 0.0]]))
    prm = PRM(qwen, aggregate=last)
    broken, whole = prm.batch([solve("a", "b", "c"), solve("longer step " * 3)])
    assert broken.scores == (0.5, None, pytest.approx(0.731059, abs=1e-6))
    assert broken.value is None
    assert whole.value == whole.scores[0] == pytest.approx(0.880797, abs=1e-6)
    prm.close()


def test_empty_steps_have_no_score_and_do_not_count(prm: PRM, spy: Spy, solve: Solve) -> None:
    gap, plain = prm.batch([solve("a\n\n", "\n\n", "b"), solve("a", "b")])
    assert gap.scores[1] is None
    assert (gap.scores[0], gap.scores[2]) == pytest.approx(plain.scores, abs=1e-6)
    assert gap.value == pytest.approx(plain.value, abs=1e-6)


def test_nothing_to_score_runs_nothing(prm: PRM, spy: Spy, solve: Solve) -> None:
    assert prm.invoke(solve()) == Verdict(scores=(), value=None, tokens=0)
    assert prm.invoke(solve("\n\n", "")) == Verdict(scores=(None, None), value=None, tokens=0)
    assert prm.batch([]) == []
    assert spy.rows == []


def test_probability_zero_is_a_score(prm: PRM, qwen: QwenScorer, solve: Solve) -> None:
    head = qwen.model.score[2]
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([200.0, -200.0]))
    assert prm.invoke(solve("a", "b", "c")) == Verdict(
        scores=(0.0, 0.0, 0.0), value=0.0, tokens=prm.tokens(solve("a", "b", "c"))
    )


def test_aggregation(qwen: QwenScorer, candidates: list[Candidate]) -> None:
    scores = expected(qwen, candidates[0])
    assert qwen.metadata.aggregation == "prod"
    assert PRM(qwen).invoke(candidates[0]).value == pytest.approx(product(scores), abs=1e-5)
    assert PRM(qwen, aggregate=minimum).invoke(candidates[0]).value == pytest.approx(min(scores), abs=1e-5)


def test_unbounded_scores_are_not_squashed_and_not_multiplied(qwen: QwenScorer, solve: Solve) -> None:
    """Reference 5.8, range."""
    qwen.metadata = qwen.metadata.model_copy(update={"score_range": "real"})
    with pytest.raises(ConfigurationError, match="product"):
        PRM(qwen)
    with pytest.raises(ConfigurationError, match="product"):
        PRM(qwen, aggregate=product)
    prm = PRM(qwen, aggregate=last)
    with torch.inference_mode():
        raw = qwen.step_logits(qwen.encode([solve("a")])).item()
    assert prm.score_range == "real"
    assert prm.invoke(solve("a")).value == pytest.approx(raw, abs=1e-5)


def test_out_of_memory_halves_the_batch(qwen: QwenScorer, candidates: list[Candidate]) -> None:
    spy = Spy(qwen)
    forward = spy._step_logits

    def small(batch: StepBatch) -> Tensor:
        if len(batch.input_ids) > 2:
            raise torch.OutOfMemoryError("too large")
        return forward(batch)

    spy._step_logits = small
    prm = PRM(qwen)
    for verdict, candidate in zip(prm.batch(candidates), candidates, strict=True):
        assert verdict.scores == pytest.approx(expected(qwen, candidate), abs=1e-5)
    assert max(spy.rows) > 2
    prm.close()


def test_leaving_early_cancels_what_has_not_started(qwen: QwenScorer, spy: Spy, solve: Solve) -> None:
    prm = PRM(qwen, max_batch=1)
    replies = prm.batch_as_completed([solve("7" * length) for length in range(1, 40)])
    next(iter(replies))
    replies.close()  # type: ignore[attr-defined]
    prm.invoke(solve("done"))
    assert len(spy.rows) < 39
    prm.close()


async def test_replies_arrive_as_batches_end(qwen: QwenScorer, solve: Solve) -> None:
    """The second batch must not finish before the first reply is delivered."""
    seen = threading.Event()
    spy = Spy(qwen)
    forward = spy._step_logits

    def hold(batch: StepBatch) -> Tensor:
        assert len(spy.rows) == 1 or seen.wait(5), "the first reply was held back"
        return forward(batch)

    spy._step_logits = hold
    prm = PRM(qwen, max_batch=1)
    async for position, _ in prm.abatch_as_completed([solve("a"), solve("a longer one")]):
        assert position == (1 if seen.is_set() else 0)
        seen.set()
    seen.clear()
    spy.batches.clear()
    for position, _ in prm.batch_as_completed([solve("a"), solve("a longer one")]):
        assert position == (1 if seen.is_set() else 0)
        seen.set()
    prm.close()


async def test_cancelling_one_duplicate_leaves_the_other_running(prm: PRM, solve: Solve) -> None:
    futures = prm.futures([solve("a"), solve("a")])
    assert futures[0].cancel()
    assert (await asyncio.wrap_future(futures[1])).value is not None


@pytest.mark.parametrize("family", ["auto", "explicit"])
def test_from_pretrained(scorer: StepScorer, candidates: list[Candidate], tmp_path: Path, family: str) -> None:
    scorer.save_pretrained(tmp_path)
    prm = PRM.from_pretrained(tmp_path, family="auto" if family == "auto" else scorer.metadata.family, device="cpu")
    assert type(prm.scorer) is type(scorer)
    assert prm.metadata == scorer.metadata
    assert prm.parameters == scorer.parameter_count
    # Which candidates share a batch depends on timing, and the last bits of a score on the batch.
    for loaded, original in zip(prm.batch(candidates), PRM(scorer).batch(candidates), strict=True):
        assert loaded.scores == pytest.approx(original.scores, abs=1e-5)


def test_any_language_model_is_read_by_likelihood(likelihood: LikelihoodScorer, solve: Solve, tmp_path: Path) -> None:
    likelihood.model.save_pretrained(tmp_path)
    likelihood.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match="family='likelihood'"):
        PRM.from_pretrained(tmp_path, device="cpu")
    prm = PRM.from_pretrained(tmp_path, family="likelihood", aggregate=minimum, device="cpu")
    assert prm.invoke(solve("a")).value is not None


def test_broken_folders_are_rejected(qwen: QwenScorer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="local folder or a Hugging Face id"):
        PRM.from_pretrained(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        PRM.from_pretrained(tmp_path)
    qwen.save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match=r"A reward-model family must be one of .* got 'orm'"):
        PRM.from_pretrained(tmp_path, family="orm")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigurationError, match="that can be loaded"):
        PRM.from_pretrained(tmp_path, device="cpu")
    weights.unlink()
    with pytest.raises(ConfigurationError, match="that can be loaded"):
        PRM.from_pretrained(tmp_path, device="cpu")


def test_weights_of_a_different_shape_are_rejected(qwen: QwenScorer, tmp_path: Path) -> None:
    qwen.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    with pytest.raises(ConfigurationError):
        PRM.from_pretrained(tmp_path, device="cpu")


def test_a_missing_tokenizer_is_rejected(qwen: QwenScorer, tmp_path: Path) -> None:
    qwen.save_pretrained(tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ConfigurationError, match="tokenizer"):
        PRM.from_pretrained(tmp_path, device="cpu")
