"""The contract of docs/reference/algorithms.md 5.8, for every family."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.prm.families.base import StepBatch, StepScorer
from its_graph.prm.families.likelihood import ImplicitScorer, LikelihoodScorer
from its_graph.prm.families.qwen import QwenScorer

Solve = Callable[..., Candidate]


def logits(scorer: StepScorer, *candidates: Candidate) -> Tensor:
    with torch.inference_mode():
        return scorer.step_logits(scorer.encode(candidates))


def left_padded(batch: StepBatch, pad: int) -> StepBatch:
    """Return the same rows, padded on the left."""
    width = batch.input_ids.shape[1]
    shift = width - batch.attention_mask.sum(1)
    rows = zip(batch.input_ids, shift.tolist(), strict=True)
    ids = torch.stack([functional.pad(row[: width - by], (by, 0), value=pad) for row, by in rows])
    moved = shift.unsqueeze(1) * batch.step_mask
    return StepBatch(
        input_ids=ids,
        attention_mask=batch.attention_mask.flip(1),
        starts=batch.starts + moved,
        ends=batch.ends + moved,
        step_mask=batch.step_mask,
    )


# --- Reference: one text, no padding, no batch, float32, from the formulas of the families ----------------------------


def reference_qwen(scorer: QwenScorer, candidate: Candidate) -> list[float]:
    reply = "".join(step.strip() + "<extra_0>" for step in candidate.steps)
    turns = [*candidate.messages, {"role": "assistant", "content": reply}]
    ids = scorer.tokenizer(scorer.tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False)
    hidden = scorer.model.model(torch.tensor([ids["input_ids"]])).last_hidden_state[0]
    mark = scorer.tokenizer.convert_tokens_to_ids("<extra_0>")
    positions = [index for index, token in enumerate(ids["input_ids"]) if token == mark]
    head = scorer.model.score
    return [head[2](torch.relu(head[0](hidden[at]))).softmax(-1)[1].item() for at in positions]


def log_probabilities(model: torch.nn.Module, ids: list[int]) -> Tensor:
    """Return [T - 1, V]: row t predicts token t + 1."""
    log_p: Tensor = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return log_p


def step_tokens(scorer: StepScorer, candidate: Candidate) -> tuple[list[int], list[range]]:
    """Assign each token to the step that contains its last byte."""
    prompt = scorer.tokenizer.apply_chat_template(list(candidate.messages), tokenize=False, add_generation_prompt=True)
    ids = scorer.tokenizer.encode(prompt + "".join(candidate.steps), add_special_tokens=False)
    before = scorer.tokenizer.encode(prompt, add_special_tokens=False)
    assert ids[: len(before)] == before
    spelled = [len(scorer.tokenizer.convert_ids_to_tokens(token)) for token in ids]
    ranges, at = [], len(before)
    for step in candidate.steps:
        begin, left = at, len(step.encode())
        while left > 0:
            left -= spelled[at]
            at += 1
        assert left == 0, "the candidates of this test must have no token across a boundary"
        ranges.append(range(begin, at))
    return ids, ranges


def reference_likelihood(scorer: LikelihoodScorer, candidate: Candidate) -> list[float]:
    ids, steps = step_tokens(scorer, candidate)
    log_p = log_probabilities(scorer.model, ids)
    gaps = [[log_p[at - 1, ids[at]] - log_p[at - 1].max() for at in step] for step in steps]
    return [(scorer.a * min(gap) + scorer.b).sigmoid().item() for gap in gaps]


def reference_implicit(scorer: ImplicitScorer, candidate: Candidate) -> list[float]:
    ids, steps = step_tokens(scorer, candidate)
    ratio = log_probabilities(scorer.model, ids) - log_probabilities(scorer.reference, ids)
    values = [torch.stack([ratio[at - 1, ids[at]] for at in step]) for step in steps]
    reduced = [value.sum() if scorer.metadata.token_reduction == "sum" else value.min() for value in values]
    return [(0.3 * value).sigmoid().item() for value in reduced]


REFERENCES: dict[str, Callable[..., list[float]]] = {
    "qwen": reference_qwen,
    "likelihood": reference_likelihood,
    "implicit": reference_implicit,
}


def test_reference(scorer: StepScorer, candidates: list[Candidate]) -> None:
    """Reference 5.8, reference: equal to the unpadded batch-1 loop, atol 1e-5."""
    together = logits(scorer, *candidates).sigmoid()
    for row, candidate in zip(together, candidates, strict=True):
        with torch.inference_mode():
            expected = REFERENCES[scorer.metadata.family](scorer, candidate)
        assert len(expected) == len(candidate.steps)
        assert row[: len(expected)].tolist() == pytest.approx(expected, abs=1e-5)
    spread = together[together != 0.5]
    assert spread.std() > 0.05, "scores must differ, otherwise a wrong position would pass"


def test_a_prefix_has_the_score_it_has_in_the_whole(scorer: StepScorer, candidates: list[Candidate]) -> None:
    """Reference 5.8, prefix."""
    for candidate in candidates:
        whole = logits(scorer, candidate)[0]
        for cut in range(1, len(candidate.steps) + 1):
            prefix = candidate.model_copy(update={"steps": candidate.steps[:cut]})
            assert logits(scorer, prefix)[0, cut - 1].item() == pytest.approx(whole[cut - 1].item(), abs=1e-4)


def test_all_steps_from_one_pass(scorer: StepScorer, candidates: list[Candidate]) -> None:
    """Reference 5.8, one pass: every backbone runs once for the whole batch."""
    passes = []
    for module in scorer.modules():
        if type(module).__name__ in ("Qwen2Model", "LlamaModel"):
            module.register_forward_hook(lambda module, *_: passes.append(module))
    logits(scorer, *candidates)
    assert len(passes) == len(set(passes)) == (2 if isinstance(scorer, ImplicitScorer) else 1)


def test_batch_order_and_padding_side_change_nothing(scorer: StepScorer, candidates: list[Candidate]) -> None:
    """Reference 5.8, batch."""
    batch = scorer.encode(candidates)
    alone = [logits(scorer, candidate)[0].tolist() for candidate in candidates]
    with torch.inference_mode():
        left = scorer.step_logits(left_padded(batch, scorer.tokenizer.pad_token_id)).tolist()
    right = logits(scorer, *reversed(candidates)).tolist()[::-1]
    for rows in (left, right):
        for row, expected in zip(rows, alone, strict=True):
            assert row[: len(expected)] == pytest.approx(expected, abs=1e-4)
            assert row[len(expected) :] == [0.0] * (len(row) - len(expected))


@pytest.mark.parametrize(
    ("steps", "scored"),
    [
        (("a = 1\n\n", "\n\n", "b = 2\n\n"), [True, False, True]),
        (("a = 1\n\n", ""), [True, False]),
        (("a = 1\n\n\n\n",), [True]),
        (("", "  \n"), [False, False]),
        ((), []),
    ],
)
def test_count(scorer: StepScorer, solve: Solve, steps: tuple[str, ...], scored: list[bool]) -> None:
    """Reference 5.8, count: one column per step, whatever the steps are; an empty step gets no score."""
    batch = scorer.encode([solve(*steps), solve("x", "y", "z", "w")])
    assert batch.step_mask.tolist() == [scored + [False] * (4 - len(scored)), [True] * 4]
    with torch.inference_mode():
        values = scorer.step_logits(batch)
    assert values.shape == (2, 4)
    assert (values[0] != 0).tolist() == scored + [False] * (4 - len(scored))
    assert values.isfinite().all()


def test_only_empty_steps_are_not_read(scorer: StepScorer, solve: Solve) -> None:
    assert scorer.score_tokens(solve()) == scorer.score_tokens(solve("", "\n\n")) == 0
    assert logits(scorer, solve("\n\n")).tolist() == [[0.0]]


def test_tokens_are_exact(scorer: StepScorer, candidates: list[Candidate]) -> None:
    counts = scorer.encode(candidates).attention_mask.sum(1).tolist()
    assert counts == [scorer.score_tokens(candidate) for candidate in candidates]


def test_too_long_raises_and_names_the_lengths(scorer: StepScorer, solve: Solve) -> None:
    """Reference 5.8, limit."""
    long = solve(*["34 + 57 = 91\n\n"] * 100)
    tokens = scorer.score_tokens(long)
    assert tokens > 256
    with pytest.raises(TruncationError, match=rf"at most 256 tokens.*got {tokens} in 100 steps"):
        scorer.encode([solve("a"), long])


def test_the_limit_itself_fits(scorer: StepScorer, solve: Solve) -> None:
    scorer.max_tokens = scorer.score_tokens(solve("a = 1\n\n"))
    scorer.encode([solve("a = 1\n\n")])
    scorer.max_tokens -= 1
    with pytest.raises(TruncationError):
        scorer.encode([solve("a = 1\n\n")])


def test_no_candidate(scorer: StepScorer) -> None:
    with pytest.raises(ConfigurationError, match="must not be empty"):
        scorer.encode([])


def test_saved_and_loaded_scores_are_equal(scorer: StepScorer, candidates: list[Candidate], tmp_path: Path) -> None:
    scorer.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*model*")} == {".safetensors"}
    loaded = type(scorer).from_pretrained(tmp_path)
    assert not loaded.training
    assert loaded.metadata == scorer.metadata
    assert torch.equal(logits(loaded, *candidates), logits(scorer, *candidates))


def test_gradients_reach_only_the_model(scorer: StepScorer, candidates: list[Candidate]) -> None:
    batch = scorer.encode(candidates)
    scorer.train()
    values = scorer.step_logits(batch)
    assert values.requires_grad
    labels = torch.ones(int(batch.step_mask.sum()))
    torch.autograd.backward(functional.binary_cross_entropy_with_logits(values[batch.step_mask], labels))
    for name, parameter in scorer.named_parameters():
        if name.startswith("reference."):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    if isinstance(scorer, LikelihoodScorer):
        assert scorer.a.grad != 0
        assert scorer.b.grad != 0


def test_all_tensors_of_a_batch_move(qwen: QwenScorer, solve: Solve) -> None:
    moved = qwen.encode([solve("a")]).to("meta")
    assert all(getattr(moved, field.name).is_meta for field in fields(moved))


def test_the_system_prompt_of_the_metadata_replaces_that_of_the_candidate(scorer: StepScorer, solve: Solve) -> None:
    plain, instructed = solve("a = 1"), solve("a = 1", system="Answer in verse.")
    assert scorer.score_tokens(instructed) > scorer.score_tokens(plain)
    scorer.metadata = scorer.metadata.model_copy(update={"system_prompt": "Judge."})
    assert scorer.layout(instructed) == scorer.layout(plain)
    assert "Judge." in scorer.tokenizer.decode(scorer.layout(plain).token_ids)


def test_parameters_count_all_models(implicit: ImplicitScorer, likelihood: LikelihoodScorer) -> None:
    def size(model: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    assert implicit.parameter_count == size(implicit.model) + size(implicit.reference)
    assert likelihood.parameter_count == size(likelihood.model) + 2
