"""Likelihood and implicit PRM: spans, read-out, files."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, Qwen2ForCausalLM

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.likelihood import ImplicitScorer, LikelihoodScorer
from its_graph.prm.families.metadata import METADATA_FILE

Solve = Callable[..., Candidate]


def step_texts(scorer: StepScorer, candidate: Candidate) -> list[str | None]:
    ids, spans = scorer.layout(candidate)
    return [scorer.tokenizer.decode(ids[slice(*span)]) if span else None for span in spans]


def logits(scorer: StepScorer, candidate: Candidate) -> list[float]:
    with torch.inference_mode():
        return scorer.step_logits(scorer.encode([candidate]))[0].tolist()


def test_spans_cover_the_steps_as_generated(likelihood: LikelihoodScorer, candidates: list[Candidate]) -> None:
    for candidate in candidates:
        assert step_texts(likelihood, candidate) == list(candidate.steps)


def test_the_prompt_is_not_part_of_the_first_step(likelihood: LikelihoodScorer, solve: Solve) -> None:
    ids, spans = likelihood.layout(solve("91"))
    assert spans[0] is not None
    assert likelihood.tokenizer.decode(ids[: spans[0][0]]).endswith("<|im_start|>assistant\n")


def test_a_token_across_a_boundary_belongs_to_the_step_it_ends_in(likelihood: LikelihoodScorer, solve: Solve) -> None:
    assert likelihood.tokenizer.tokenize("Step") == ["Step"]
    assert step_texts(likelihood, solve("9\nSt", "ep 1")) == ["9\n", "Step 1"]


def test_a_step_that_ends_inside_its_only_token_has_no_score(likelihood: LikelihoodScorer, solve: Solve) -> None:
    assert step_texts(likelihood, solve("St", "ep")) == [None, "Step"]


def test_separators_are_read_as_generated(likelihood: LikelihoodScorer, solve: Solve) -> None:
    """The same words with another separator are a different text to a language model."""
    assert logits(likelihood, solve("a\n", "b")) != logits(likelihood, solve("a\n\n", "b"))


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (2.0, 0.0), (1.0, 5.0)])
def test_a_stretches_and_b_shifts(likelihood: LikelihoodScorer, solve: Solve, a: float, b: float) -> None:
    with torch.no_grad():
        likelihood.a.fill_(1.0)
        likelihood.b.fill_(0.0)
    gaps = logits(likelihood, solve("1 + 1 = 2\n\n", "so 2"))
    assert all(gap < 0 for gap in gaps)
    with torch.no_grad():
        likelihood.a.fill_(a)
        likelihood.b.fill_(b)
    assert logits(likelihood, solve("1 + 1 = 2\n\n", "so 2")) == pytest.approx([a * gap + b for gap in gaps])


def test_the_models_own_greedy_text_has_the_highest_possible_score(likelihood: LikelihoodScorer, solve: Solve) -> None:
    """log p - max log p is 0 on every greedy token, so the logit is b."""
    prompt, _ = likelihood.layout(solve())
    batch = likelihood.encode([solve("x")])
    greedy = likelihood.model.generate(
        torch.tensor([prompt]), max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    start = len(prompt)
    forced = type(batch)(
        input_ids=greedy,
        attention_mask=torch.ones_like(greedy),
        starts=torch.tensor([[start]]),
        ends=torch.tensor([[start + 4]]),
        step_mask=torch.tensor([[True]]),
    )
    with torch.inference_mode():
        assert likelihood.step_logits(forced).item() == pytest.approx(likelihood.b.item(), abs=1e-5)


def test_learned_a_and_b_are_saved(likelihood: LikelihoodScorer, tmp_path: Path) -> None:
    with torch.no_grad():
        likelihood.a.fill_(0.75)
        likelihood.b.fill_(-1.25)
    likelihood.save_pretrained(tmp_path)
    loaded = LikelihoodScorer.from_pretrained(tmp_path)
    assert (loaded.a.item(), loaded.b.item()) == (0.75, -1.25)


def test_a_plain_language_model_judges_untuned(likelihood: LikelihoodScorer, tmp_path: Path) -> None:
    likelihood.save_pretrained(tmp_path)
    (tmp_path / METADATA_FILE).unlink()
    loaded = LikelihoodScorer.from_pretrained(tmp_path)
    assert isinstance(loaded.model, Qwen2ForCausalLM)
    assert (loaded.metadata.label_kind, loaded.metadata.aggregation) == ("none", "min")


def test_a_model_equal_to_its_reference_has_no_opinion(implicit: ImplicitScorer, solve: Solve) -> None:
    """Reference 5.2.8: same model twice gives 0."""
    implicit.model.load_state_dict(implicit.reference.state_dict())
    assert logits(implicit, solve("1 + 1 = 2\n\n", "so 2")) == [0.0, 0.0]


def test_beta_stretches(implicit: ImplicitScorer, solve: Solve) -> None:
    before = logits(implicit, solve("1 + 1 = 2\n\n", "so 2"))
    implicit.beta *= 2
    assert logits(implicit, solve("1 + 1 = 2\n\n", "so 2")) == pytest.approx([2 * value for value in before])


def test_the_reference_never_trains(implicit: ImplicitScorer) -> None:
    assert implicit.train() is implicit
    assert implicit.model.training
    assert not implicit.reference.training
    assert not any(parameter.requires_grad for parameter in implicit.reference.parameters())


def test_the_reference_is_saved_with_the_model(implicit: ImplicitScorer, tmp_path: Path) -> None:
    implicit.save_pretrained(tmp_path)
    loaded = ImplicitScorer.from_pretrained(tmp_path)
    assert isinstance(loaded.reference, LlamaForCausalLM)
    assert loaded.beta == 0.3
    for mine, theirs in zip(loaded.reference.parameters(), implicit.reference.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    (tmp_path / "reference" / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match="reference"):
        ImplicitScorer.from_pretrained(tmp_path)


def test_vocabularies_must_agree(implicit: ImplicitScorer, likelihood: LikelihoodScorer) -> None:
    likelihood.model.config.vocab_size += 1
    with pytest.raises(ConfigurationError, match="share a vocabulary"):
        ImplicitScorer(implicit.model, likelihood.model, implicit.tokenizer)
