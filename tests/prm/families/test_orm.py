"""Outcome reward models: docs/reference/algorithms.md 5.3."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2ForSequenceClassification,
)

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.backends.local import ORM, PRM
from its_graph.prm.families.metadata import METADATA_FILE, ScorerMetadata
from its_graph.prm.families.orm import OutcomeScorer, Qwen2ForRewardModel

Solve = Callable[..., Candidate]


def config(tokenizer: PreTrainedTokenizerFast, **more: Any) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=64,
        max_position_embeddings=256,
        attention_dropout=0.2,
        initializer_range=0.2,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )


def classifier(tokenizer: PreTrainedTokenizerFast, labels: int = 1) -> Any:
    torch.manual_seed(0)
    return Qwen2ForSequenceClassification(config(tokenizer, num_labels=labels)).eval()


def published(tokenizer: PreTrainedTokenizerFast) -> Any:
    torch.manual_seed(1)
    return Qwen2ForRewardModel(config(tokenizer)).eval()


def encoder(tokenizer: PreTrainedTokenizerFast) -> Any:
    torch.manual_seed(2)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=256, num_labels=1, **sizes)
    model = BertForSequenceClassification(shape).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(30)
    return model


MODELS = {"classifier": classifier, "published": published, "encoder": encoder}


@pytest.fixture(params=sorted(MODELS))
def scorer(request: pytest.FixtureRequest, tokenizer: PreTrainedTokenizerFast) -> OutcomeScorer:
    return OutcomeScorer(MODELS[request.param](tokenizer), tokenizer)


def reference(scorer: OutcomeScorer, candidate: Candidate) -> float:
    """Score one text in a batch of one without padding: the model's forward pass, or its head on the last token."""
    turns = [*candidate.messages, {"role": "assistant", "content": "".join(candidate.steps)}]
    ids = scorer.tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, return_tensors="pt")
    with torch.inference_mode():
        if isinstance(scorer.model, Qwen2ForRewardModel):
            hidden = scorer.model.model(ids["input_ids"]).last_hidden_state[:, -1]
            return float(scorer.model.score(hidden)[0, 0])
        return float(scorer.model(ids["input_ids"], ids["attention_mask"]).logits[0, 0])


def test_scores_do_not_depend_on_the_batch(scorer: OutcomeScorer, candidates: list[Candidate]) -> None:
    """Mixed lengths in one batch."""
    orm = ORM(scorer)
    expected = [reference(scorer, candidate) for candidate in candidates]
    verdicts = orm.batch(candidates)
    assert [verdict.value for verdict in verdicts] == pytest.approx(expected, abs=1e-5)
    assert [verdict.value for verdict in orm.batch(candidates)] == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == len(expected)
    assert [verdict.tokens for verdict in verdicts] == [orm.tokens(candidate) for candidate in candidates]


def test_an_orm_is_a_prm_with_one_step_and_last(scorer: OutcomeScorer, solve: Solve) -> None:
    """Reference 5.3."""
    several, one = solve("34 + 57 = 91\n\n", "91 - 1 = 90"), solve("34 + 57 = 91\n\n91 - 1 = 90")
    orm = ORM(scorer)
    whole, steps = orm.invoke(one), orm.invoke(several)
    assert whole.scores == (whole.value,)
    assert steps.value == whole.value
    assert steps.scores == (None, steps.value)
    assert orm.invoke(solve("34 + 57 = 91\n\n", "\n")).scores[1] is None


def test_scores_are_unbounded(tokenizer: PreTrainedTokenizerFast, solve: Solve) -> None:
    model = classifier(tokenizer)
    with torch.no_grad():
        model.score.weight.mul_(100)
    raw = ORM(OutcomeScorer(model, tokenizer))
    assert raw.score_range == "real"
    value = raw.invoke(solve("Step 1: 5")).value
    assert value is not None
    assert abs(value) > 1
    bounded = ORM(OutcomeScorer(model, tokenizer, ScorerMetadata(family="outcome", aggregation="last")))
    assert bounded.score_range == "prob"
    assert bounded.invoke(solve("Step 1: 5")).value == pytest.approx(torch.tensor(value).sigmoid().item())


def test_a_dialogue_that_ends_with_the_padding_token_is_read_to_its_end(
    tokenizer: PreTrainedTokenizerFast, solve: Solve
) -> None:
    """Pooling by token id would read the token before it, even in a batch of one."""
    model = classifier(tokenizer)
    scorer = OutcomeScorer(model, tokenizer)
    last = scorer.layout(solve("Step 1: 5")).token_ids[-1]
    before = ORM(scorer).invoke(solve("Step 1: 5")).value
    model.config.pad_token_id = last
    assert ORM(scorer).invoke(solve("Step 1: 5")).value == before


def test_nothing_to_score(scorer: OutcomeScorer, solve: Solve) -> None:
    verdict = ORM(scorer).invoke(solve("", "\n\n"))
    assert (verdict.value, verdict.scores, verdict.tokens) == (None, (None, None), 0)


def test_too_long_is_an_error(scorer: OutcomeScorer, solve: Solve) -> None:
    with pytest.raises(ValueError, match="at most 256"):
        ORM(scorer).invoke(solve("1 " * 300))


def test_a_folder_without_metadata(tokenizer: PreTrainedTokenizerFast, solve: Solve, tmp_path: Path) -> None:
    """The folder is as transformers writes it."""
    model = classifier(tokenizer)
    model.save_pretrained(str(tmp_path))
    tokenizer.save_pretrained(str(tmp_path))
    orm = ORM.from_pretrained(tmp_path, device="cpu")
    assert isinstance(orm, ORM)
    assert orm.metadata.family == "outcome"
    assert orm.invoke(solve("Step 1: 5")).value == pytest.approx(
        reference(OutcomeScorer(model, tokenizer), solve("Step 1: 5")), abs=1e-6
    )


@pytest.mark.parametrize("build", [classifier, published])
def test_save_and_load(
    build: Callable[[Any], Any], tokenizer: PreTrainedTokenizerFast, solve: Solve, tmp_path: Path
) -> None:
    scorer = OutcomeScorer(build(tokenizer), tokenizer)
    scorer.save_pretrained(tmp_path)
    assert json.loads((tmp_path / METADATA_FILE).read_text())["family"] == "outcome"
    before = ORM(scorer).invoke(solve("Step 1: 5")).value
    for kind in (ORM, PRM):
        assert kind.from_pretrained(tmp_path, device="cpu").invoke(solve("Step 1: 5")).value == pytest.approx(before)


def test_the_published_architecture_is_recognized(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    published(tokenizer).save_pretrained(str(tmp_path))
    tokenizer.save_pretrained(str(tmp_path))
    assert isinstance(PRM.from_pretrained(tmp_path, device="cpu").scorer, OutcomeScorer)


def test_several_labels_are_rejected(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ConfigurationError, match="got a classifier with 2"):
        OutcomeScorer(classifier(tokenizer, labels=2), tokenizer)


def test_a_model_without_a_head_is_rejected(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    """transformers would initialize a random head."""
    Qwen2ForCausalLM(config(tokenizer)).save_pretrained(str(tmp_path))
    tokenizer.save_pretrained(str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"score\.weight"):
        ORM.from_pretrained(tmp_path, device="cpu")


def test_remote_code_is_rejected_without_a_prompt(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[Any] = []

    def answer(*prompt: Any) -> str:
        prompts.append(prompt)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    code = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard_of", "auto_map": code}))
    (tmp_path / "code.py").write_text("raise SystemExit('remote code ran')")
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        ORM.from_pretrained(tmp_path, device="cpu")
    assert prompts == []


def test_pickles_are_rejected(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    model = classifier(tokenizer)
    model.config.architectures = ["Qwen2ForSequenceClassification"]
    model.config.save_pretrained(str(tmp_path))
    tokenizer.save_pretrained(str(tmp_path))
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigurationError):
        ORM.from_pretrained(tmp_path, device="cpu")
