"""Reading only the new tokens gives the scores of a full reading at lower cost."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Model,
)

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.backends.incremental import IncrementalScorer
from its_graph.prm.backends.local import PRM
from its_graph.prm.backends.prefix_cache_batch import PrefixCacheBatch, supports_prefix_cache
from its_graph.prm.families.base import StepBatch, StepScorer
from its_graph.prm.families.likelihood import ImplicitScorer, LikelihoodScorer
from its_graph.prm.families.qwen import QwenScorer

Solve = Callable[..., Candidate]
STEPS = (
    "34 + 57 = 91\n\n",
    "so 9\n\n",
    "Step 2: 91 - 1 = 90\n\n",
    "답은 90이다.\n\n",
    "\n\n",
    "Let x = 1.\n",
    " ",
    "7",
)


def full(scorer: StepScorer, candidate: Candidate) -> list[float | None]:
    """Return the scores of one candidate, read alone and in full."""
    batch = scorer.encode([candidate])
    with torch.inference_mode():
        row = scorer.step_logits(batch)[0].sigmoid().tolist()
    return [score if scored else None for score, scored in zip(row, batch.step_mask[0].tolist(), strict=True)]


def check(prm: PRM, candidates: list[Candidate]) -> int:
    """Score `candidates`; return the number of tokens that came from the cache."""
    verdicts = prm.batch(candidates)
    for verdict, candidate in zip(verdicts, candidates, strict=True):
        expected = full(prm.scorer, candidate)
        assert [score is None for score in verdict.scores] == [score is None for score in expected]
        assert [score for score in verdict.scores if score is not None] == pytest.approx(
            [score for score in expected if score is not None], abs=1e-4
        )
        assert 0 <= verdict.cached_tokens <= verdict.tokens <= prm.tokens(candidate)
    return sum(verdict.cached_tokens for verdict in verdicts)


def extended(candidate: Candidate, *steps: str) -> Candidate:
    return candidate.model_copy(update={"steps": (*candidate.steps, *steps)})


class Passes:
    """Records the tokens that reach a scorer, pass by pass; `fail` may make a pass fail."""

    def __init__(self, scorer: StepScorer) -> None:
        self.batches: list[StepBatch] = []
        self.fail: Callable[[StepBatch], bool] = lambda batch: False
        self._step_logits = scorer.step_logits
        scorer.step_logits = self  # type: ignore[method-assign]  # the spy takes the method's place

    def __call__(self, batch: StepBatch) -> Tensor:
        self.batches.append(batch)
        if self.fail(batch):
            raise torch.OutOfMemoryError("too large")
        return self._step_logits(batch)

    @property
    def tokens(self) -> int:
        return sum(int(batch.attention_mask[:, -batch.input_ids.shape[1] :].sum()) for batch in self.batches)


@pytest.fixture
def build() -> Iterator[Callable[..., PRM]]:
    verifiers: list[PRM] = []

    def prm(scorer: StepScorer, **options: Any) -> PRM:
        verifiers.append(PRM(scorer, **options))
        return verifiers[-1]

    yield prm
    for verifier in verifiers:
        verifier.close()


@pytest.mark.parametrize("cache_tokens", [20, 150, 400, 10_000])
def test_any_tree_is_scored_as_by_full_reading(
    scorer: StepScorer, solve: Solve, build: Callable[..., PRM], cache_tokens: int
) -> None:
    """Siblings, cousins, revisited parents, blank steps, shuffled and mixed batches, with and without eviction."""
    draw = random.Random(cache_tokens)
    prm = build(scorer, cache_tokens=cache_tokens)
    tree = [solve(), solve(question="What is 2 + 3?"), solve(question="34 + 57 - 1은 얼마인가?")]
    for _ in range(12):
        picked = [draw.choice(tree) for _ in range(draw.randint(1, 3))]
        grown = [extended(parent, *draw.choices(STEPS, k=draw.randint(1, 2))) for parent in picked for _ in range(3)]
        batch = [candidate for candidate in [*grown, *picked] if len(candidate.steps) < 9]
        draw.shuffle(batch)
        check(prm, batch)
        assert prm.incremental.cached_tokens <= cache_tokens
        tree += batch
    assert (prm.incremental.tokens_reused > 0) == (cache_tokens > 20)
    assert prm.incremental.enabled


def test_only_the_new_step_is_read(qwen: QwenScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(qwen)
    parent = solve("34 + 57 = 91\n\n")
    first = prm.invoke(parent)
    assert (first.cached_tokens, prm.incremental.tokens_reused) == (0, 0)
    passes = Passes(qwen)
    child = extended(parent, "91 - 1 = 90\n\n")
    verdict = prm.invoke(child)
    new = len(qwen.tokenizer.encode("91 - 1 = 90<extra_0>"))
    assert passes.tokens == prm.incremental.tokens_read - scored_tokens(qwen, parent) == new
    assert verdict.tokens == prm.tokens(child), "charged in full"
    assert verdict.tokens - verdict.cached_tokens == new + len(qwen.tokenizer.encode("<|im_end|>\n"))


def scored_tokens(scorer: StepScorer, parent: Candidate) -> int:
    """Return the number of tokens of `parent` up to its last mark; later ones do not affect its scores."""
    layout = scorer.layout(parent)
    assert layout.spans[-1] is not None
    return layout.spans[-1][1]


def test_likelihood_rereads_one_token(likelihood: LikelihoodScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    """The last old token predicts the first new one."""
    prm = build(likelihood)
    parent = solve("34 + 57 = 91\n\n")
    prm.invoke(parent)
    passes = Passes(likelihood)
    assert check(prm, [extended(parent, "so 90")]) == scored_tokens(likelihood, parent) - 1
    assert passes.tokens == 1 + len(likelihood.tokenizer.encode("so 90")) + prm.tokens(extended(parent, "so 90"))


def test_a_scored_text_is_not_read_again(scorer: StepScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    """The same text, and a prefix of a cached text."""
    prm = build(scorer)
    long = solve("34 + 57 = 91\n\n", "\n\n", "91 - 1 = 90\n\n", "The answer is 90.")
    verdict = prm.invoke(long)
    tokens_read = prm.incremental.tokens_read
    again, shorter = prm.batch([long, long.model_copy(update={"steps": long.steps[:3]})])
    assert prm.incremental.tokens_read == tokens_read
    assert again.scores == verdict.scores
    assert shorter.scores == verdict.scores[:3]
    check(prm, [solve("34 + 57 = 91\n\n", "\n\n", "91 - 1 = 90\n\n")])


def test_tokens_are_read_or_reused(scorer: StepScorer, candidates: list[Candidate], build: Callable[..., PRM]) -> None:
    prm = build(scorer)
    passes = Passes(scorer)
    for batch in (candidates, [extended(candidate, "so 90\n\n") for candidate in candidates]):
        before = passes.tokens
        verdicts = prm.batch(batch)
        unread = sum(verdict.tokens - verdict.cached_tokens for verdict in verdicts)
        tails = sum(len(scorer.layout(item).token_ids) - scored_tokens(scorer, item) for item in batch)
        assert passes.tokens - before == unread - tails
    assert prm.incremental.tokens_read == passes.tokens
    assert prm.incremental.tokens_reused > 0


def test_a_shared_prefix_is_read_once(scorer: StepScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(scorer)
    question = "What is 34 + 57 - 1? " * 6
    siblings = [solve(f"{number} + 1 = {number + 1}\n\n", question=question) for number in range(8)]
    passes = Passes(scorer)
    verdicts = prm.batch(siblings)
    assert [len(batch.input_ids) for batch in passes.batches] == [1, 8]
    prompt = len(scorer.layout(solve("x", question=question)).token_ids)
    assert passes.tokens < prompt + 8 * 30 < 8 * prompt
    assert sorted(verdict.cached_tokens > 0 for verdict in verdicts) == [False] + [True] * 7, "the first is charged"
    check(prm, siblings)


def test_a_few_shared_tokens_do_not_get_a_separate_pass(
    qwen: QwenScorer, solve: Solve, build: Callable[..., PRM]
) -> None:
    prm, passes = build(qwen), Passes(qwen)
    prm.batch([solve("so 9\n\n"), solve("so 8\n\n")])
    assert [len(batch.input_ids) for batch in passes.batches] == [2]


def test_a_step_is_not_padded_to_a_whole_solution(qwen: QwenScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(qwen)
    cached = solve(*["34 + 57 = 91\n\n"] * 8)
    prm.invoke(cached)
    passes = Passes(qwen)
    prm.batch([extended(cached, "so 9"), solve(*["1 + 1 = 2\n\n"] * 12, question="2?")])
    assert [len(batch.input_ids) for batch in passes.batches] == [1, 1]


def test_rows_with_different_prefixes_share_a_pass(scorer: StepScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(scorer)
    short, long = solve("so 9\n\n", question="9?"), solve(*["34 + 57 = 91\n\n"] * 6)
    prm.batch([short, long])
    passes = Passes(scorer)
    assert check(prm, [extended(short, "7"), extended(long, "7", "8"), solve("7", question="7?")]) > 0
    assert len(passes.batches[0].input_ids) == 3


def test_with_0_tokens_everything_is_read_in_full(
    scorer: StepScorer, candidates: list[Candidate], build: Callable[..., PRM]
) -> None:
    prm = build(scorer, cache_tokens=0)
    passes = Passes(scorer)
    for _ in range(2):
        assert [verdict.cached_tokens for verdict in prm.batch(candidates)] == [0] * len(candidates)
    assert prm.incremental.tokens_read == passes.tokens == 2 * sum(map(prm.tokens, candidates))
    assert not any(isinstance(batch, PrefixCacheBatch) for batch in passes.batches)
    with pytest.raises(ConfigurationError, match="got -1"):
        PRM(scorer, cache_tokens=-1)


def test_new_weights_clear_the_cache(
    scorer: StepScorer, candidates: list[Candidate], build: Callable[..., PRM]
) -> None:
    prm = build(scorer)
    check(prm, candidates)
    assert check(prm, candidates) > 0
    model = scorer.backbones[0]
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    assert check(prm, candidates) == 0
    scorer.load_state_dict({name: tensor * 0.9 for name, tensor in scorer.state_dict().items()})
    assert check(prm, candidates) == 0
    scorer.train()
    next(model.parameters()).data.mul_(1.5)  # does not change the version counter
    assert check(prm, candidates) == 0
    assert check(prm, candidates) > 0


def test_a_changed_read_out_clears_the_cache(implicit: ImplicitScorer, candidates: list[Candidate], build: Any) -> None:
    prm = build(implicit)
    check(prm, candidates)
    implicit.beta *= 2
    assert check(prm, candidates) == 0
    implicit.metadata = implicit.metadata.model_copy(update={"token_reduction": "sum"})
    assert check(prm, candidates) == 0


def test_out_of_memory_clears_the_cache_first(
    qwen: QwenScorer, candidates: list[Candidate], build: Callable[..., PRM]
) -> None:
    prm, passes = build(qwen), Passes(qwen)
    check(prm, candidates[:2])
    grown = extended(candidates[0], "so 90")
    passes.fail = lambda batch: prm.incremental.cached_tokens > 0
    assert check_without_spy(prm, passes, [grown]) == 0
    passes.fail = lambda batch: len(batch.input_ids) > 2
    check_without_spy(prm, passes, [extended(candidate, "7") for candidate in candidates])
    assert max(len(batch.input_ids) for batch in passes.batches) > 2


def check_without_spy(prm: PRM, passes: Passes, candidates: list[Candidate]) -> int:
    """Like `check`, with a full reading that cannot fail."""
    fail, verdicts = passes.fail, prm.batch(candidates)
    passes.fail = lambda batch: False
    for verdict, candidate in zip(verdicts, candidates, strict=True):
        assert verdict.scores == pytest.approx(full(prm.scorer, candidate), abs=1e-4)
    passes.fail = fail
    return sum(verdict.cached_tokens for verdict in verdicts)


def test_a_text_with_nan_scores_is_read_again(qwen: QwenScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(qwen)
    sound, qwen_logits = qwen.step_logits, []

    def broken(batch: StepBatch) -> Tensor:
        qwen_logits.append(sound(batch))
        return torch.full_like(qwen_logits[0], torch.nan)

    qwen.step_logits = broken  # type: ignore[method-assign]
    assert prm.invoke(solve("so 9")).value is None
    qwen.step_logits = sound  # type: ignore[method-assign]
    assert check(prm, [solve("so 9")]) == 0


def test_a_scorer_that_bypasses_the_cache_is_read_in_full(
    qwen: QwenScorer, candidates: list[Candidate], build: Callable[..., PRM]
) -> None:
    class Uncached(QwenScorer):
        def step_logits(self, batch: StepBatch) -> Tensor:
            positions = batch.ends - 1
            labels: Tensor = self.model(positions, input_ids=batch.input_ids, attention_mask=batch.attention_mask)
            return (labels[..., 1] - labels[..., 0]).masked_fill(~batch.step_mask, 0.0)

    prm = build(Uncached(qwen.model, qwen.tokenizer, qwen.metadata).eval())
    for _ in range(3):
        assert check(prm, candidates) == 0
    assert not prm.incremental.enabled


def test_callers_in_many_threads(scorer: StepScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(scorer, cache_tokens=300)
    paths = [[solve(*STEPS[:length], question=f"{number}?") for length in range(1, 6)] for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda path: [prm.invoke(candidate) for candidate in path], paths))
    for path, path_verdicts in zip(paths, verdicts, strict=True):
        for candidate, verdict in zip(path, path_verdicts, strict=True):
            expected = full(scorer, candidate)
            assert [score for score in verdict.scores if score is not None] == pytest.approx(
                [score for score in expected if score is not None], abs=1e-4
            )
    assert prm.incremental.tokens_reused > 0


def test_closing_clears_the_cache(qwen: QwenScorer, candidates: list[Candidate]) -> None:
    prm = PRM(qwen)
    prm.batch(candidates)
    assert prm.incremental.cached_tokens > 0
    prm.close()
    assert prm.incremental.cached_tokens == 0


def test_a_duplicate_counts_no_tokens(qwen: QwenScorer, solve: Solve, build: Callable[..., PRM]) -> None:
    prm = build(qwen)
    prm.invoke(solve("so 9\n\n"))
    first, duplicate = prm.batch([solve("so 9\n\n", "7"), solve("so 9\n\n", "7")])
    assert first.cached_tokens > 0
    assert (duplicate.tokens, duplicate.cached_tokens) == (0, 0)


SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "vocab_size": 50,
}
SLIDING: dict[str, Any] = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}


def rotary(kind: str, **more: float) -> LlamaForCausalLM:
    rope = {"rope_type": kind, "rope_theta": 10_000.0, "factor": 2.0, **more}
    return LlamaForCausalLM(LlamaConfig(**SMALL, rope_parameters=rope))


@pytest.mark.parametrize(
    ("exact", "model"),
    [
        (True, lambda: Qwen2Model(Qwen2Config(**SMALL))),
        (True, lambda: Qwen2ForCausalLM(Qwen2Config(**SMALL, use_sliding_window=False, sliding_window=16))),
        (False, lambda: Qwen2Model(Qwen2Config(**SMALL, **SLIDING))),
        (True, lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=None))),
        (False, lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=16))),
        (True, lambda: GemmaForCausalLM(GemmaConfig(**SMALL, head_dim=64))),
        (True, lambda: rotary("linear")),
        (True, lambda: rotary("yarn", original_max_position_embeddings=64)),
        (False, lambda: rotary("dynamic")),
        (False, lambda: BertModel(BertConfig(**{**SMALL, "num_key_value_heads": None}))),
        (False, lambda: torch.nn.Linear(2, 2)),
    ],
)  # fmt: skip
def test_which_models_support_the_cache(exact: bool, model: Callable[[], Any]) -> None:
    assert supports_prefix_cache(model()) is exact


def test_a_model_with_windows_is_read_in_full(
    tokenizer: PreTrainedTokenizerFast, candidates: list[Candidate], build: Callable[..., PRM]
) -> None:
    config = MistralConfig(**{**SMALL, "vocab_size": len(tokenizer)}, sliding_window=8, max_position_embeddings=256)
    prm = build(LikelihoodScorer(MistralForCausalLM(config), tokenizer).eval())
    for _ in range(2):
        assert check(prm, candidates) == 0


def test_one_unsupported_model_of_two_disables_the_cache(implicit: ImplicitScorer) -> None:
    assert IncrementalScorer(implicit, 100).enabled
    implicit.reference.config.rope_parameters["rope_type"] = "dynamic"
    assert not IncrementalScorer(implicit, 100).enabled
