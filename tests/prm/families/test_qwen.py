"""Qwen2.5-Math-PRM: docs/reference/algorithms.md 5.2.1."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.families.metadata import METADATA_FILE
from its_graph.prm.families.qwen import PUBLISHED, STEP_MARK, QwenScorer

Solve = Callable[..., Candidate]


def scores(scorer: QwenScorer, candidate: Candidate) -> list[float]:
    with torch.inference_mode():
        return scorer.step_logits(scorer.encode([candidate]))[0].sigmoid().tolist()


def output_layer(scorer: QwenScorer) -> torch.nn.Linear:
    layer = scorer.model.score[2]
    assert isinstance(layer, torch.nn.Linear)
    return layer


def test_every_step_with_text_is_followed_by_a_mark(qwen: QwenScorer, solve: Solve) -> None:
    layout = qwen.layout(solve("a\n\n", "\n\n", "b\n\n"))
    text = qwen.tokenizer.decode(layout.token_ids)
    assert text.endswith("<|im_start|>assistant\na<extra_0>b<extra_0><|im_end|>\n")
    first, empty, last = layout.spans
    assert empty is None
    assert first is not None
    assert last is not None
    for span in (first, last):
        assert [layout.token_ids[at] for at in range(*span)] == [qwen.mark_id]
    assert first < last


def test_a_mark_inside_a_step_closes_nothing(qwen: QwenScorer, solve: Solve) -> None:
    """Reference 5.2.1 (a): step text that contains <extra_0>."""
    layout = qwen.layout(solve(f"a{STEP_MARK}b\n\n", f"{STEP_MARK}\n", f"c{STEP_MARK}"))
    assert layout == qwen.layout(solve("a b", "", "c"))
    assert layout.token_ids.count(qwen.mark_id) == 2


def test_a_removed_mark_does_not_make_a_new_one(qwen: QwenScorer, solve: Solve) -> None:
    layout = qwen.layout(solve(f"<ext{STEP_MARK}ra_0>"))
    assert layout.token_ids.count(qwen.mark_id) == 1


def test_a_mark_in_the_question_is_not_read(qwen: QwenScorer, solve: Solve) -> None:
    layout = qwen.layout(solve("a", "b", question=f"What is {STEP_MARK}?"))
    assert layout.token_ids.count(qwen.mark_id) == 3
    first_mark = layout.token_ids.index(qwen.mark_id)
    assert all(span is not None and span[0] > first_mark for span in layout.spans)


def test_probability_exactly_zero_keeps_the_count(qwen: QwenScorer, solve: Solve) -> None:
    """Reference 5.2.1 (c): head bias [+200, -200] gives S scores that are exactly 0; the opposite sign gives ones."""
    for bias, expected in (([200.0, -200.0], 0.0), ([-200.0, 200.0], 1.0)):
        with torch.no_grad():
            output_layer(qwen).bias.copy_(torch.tensor(bias))
        assert scores(qwen, solve("a", "b", "c")) == [expected] * 3


def test_the_second_label_is_good(qwen: QwenScorer, solve: Solve) -> None:
    before = scores(qwen, solve("a", "b"))
    head = output_layer(qwen)
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        head.bias.copy_(head.bias.flip(0))
    assert scores(qwen, solve("a", "b")) == pytest.approx([1 - score for score in before], abs=1e-6)


def test_published_layout(qwen: QwenScorer, solve: Solve, tmp_path: Path) -> None:
    """Architecture and weight names are the published ones; shards load; no metadata means the published defaults."""
    qwen.model.save_pretrained(tmp_path, max_shard_size="200KB")
    qwen.tokenizer.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["Qwen2ForProcessRewardModel"]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    assert {"score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias"} <= set(index["weight_map"])
    assert {name.split(".")[0] for name in index["weight_map"]} == {"model", "score"}

    loaded = QwenScorer.from_pretrained(tmp_path)
    assert loaded.metadata == PUBLISHED
    loaded.metadata = qwen.metadata
    assert scores(loaded, solve("a", "b")) == scores(qwen, solve("a", "b"))


def test_published_models_read_the_step_by_step_system_prompt(qwen: QwenScorer, solve: Solve) -> None:
    qwen.metadata = PUBLISHED
    text = qwen.tokenizer.decode(qwen.layout(solve("a")).token_ids)
    assert text.startswith(
        "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
    )


def test_a_published_limit_shortens_the_context(qwen: QwenScorer) -> None:
    metadata = qwen.metadata.model_copy(update={"max_tokens": 100})
    assert QwenScorer(qwen.model, qwen.tokenizer, metadata).max_tokens == 100
    assert qwen.max_tokens == 256


def test_weights_without_a_head_are_rejected(qwen: QwenScorer, tmp_path: Path) -> None:
    backbone = Qwen2ForCausalLM(qwen.model.config)
    backbone.save_pretrained(tmp_path)
    qwen.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match=r"score\.0\.bias"):
        QwenScorer.from_pretrained(tmp_path)


def test_bfloat16_weights_load_as_float32(qwen: QwenScorer, solve: Solve, tmp_path: Path) -> None:
    qwen.to(torch.bfloat16).save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.get_tensor("score.0.weight").dtype == torch.bfloat16
    loaded = QwenScorer.from_pretrained(tmp_path)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert scores(loaded, solve("a", "b")) == pytest.approx(scores(qwen, solve("a", "b")), abs=5e-2)


def test_a_backbone_gets_a_head_and_keeps_its_weights(qwen: QwenScorer, solve: Solve) -> None:
    language_model = Qwen2ForCausalLM(qwen.model.config)
    for backbone in (language_model, language_model.model):
        scorer = QwenScorer.on_backbone(backbone, qwen.tokenizer, qwen.metadata)
        assert scorer.model.model is language_model.model
        assert len(scores(scorer.eval(), solve("a", "b"))) == 2


def test_a_mark_of_many_tokens_is_rejected(qwen: QwenScorer) -> None:
    class TokenizerWithoutMark:
        def encode(self, text: str, add_special_tokens: bool) -> list[int]:
            return [1, 2, 3]

    with pytest.raises(ConfigurationError, match="as one token; got 3"):
        QwenScorer(qwen.model, TokenizerWithoutMark())


def test_a_template_that_drops_the_reply_is_rejected(
    qwen: QwenScorer, solve: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "{% for m in messages if m['role'] != 'assistant' %}{{ m['content'] }}{% endfor %}"
    monkeypatch.setattr(qwen.tokenizer, "chat_template", template)
    with pytest.raises(ConfigurationError, match="kept 0 of 1"):
        qwen.layout(solve("a"))


def test_metadata_file_is_written(qwen: QwenScorer, tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    qwen.save_pretrained(tmp_path)
    assert json.loads((tmp_path / METADATA_FILE).read_text())["family"] == "qwen"
