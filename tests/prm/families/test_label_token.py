"""Reward models that answer with a label token: docs/reference/algorithms.md 5.2.2 and 5.2.3."""

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.label_token import (
    ERPRMScorer,
    LabelTokenScorer,
    MathPsaScorer,
    MathShepherdScorer,
    RLHFlowScorer,
)
from its_graph.prm.families.metadata import METADATA_FILE
from its_graph.prm.families.registry import family_of

Solve = Callable[..., Candidate]
MARK = "<|reserved_special_token_0|>"
LLAMA_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}<|end|>\n\n{{ message['content'] | trim }}<|eot|>"
    "{% endfor %}"
)
QUESTION = "What is 34 + 57 - 1?"
STEPS = ("Step 1: 34 + 57 = 91", "Step 2: 91 - 1 = 90.", "The answer is 90.")


def mistral_tokenizer() -> PreTrainedTokenizerFast:
    """Return a SentencePiece tokenizer like Mistral's: word start before the text, unknown characters as bytes."""
    letters = sorted({*map(chr, range(33, 127)), *"книгасливпушт", "▁"})
    merges = [("▁", "+"), ("▁", "-"), ("▁", "к"), ("▁к", "и"), ("S", "t"), ("e", "p"), ("St", "ep"), ("▁", "Step")]
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    vocabulary += ["".join(pair) for pair in merges]
    backend = Tokenizer(
        models.BPE({text: at for at, text in enumerate(vocabulary)}, merges, unk_token="<unk>", byte_fallback=True)
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


class Setup(NamedTuple):
    scorer: LabelTokenScorer
    reference: Callable[[str, tuple[str, ...]], list[float]]
    """Scores by the published formula: one text, batch of one, no padding."""


def on_tag(scorer: LabelTokenScorer, tag: str, labels: list[str], text: str) -> list[float]:
    """Return P(good) at each occurrence of the tag's id, as the published code does."""
    encode = scorer.tokenizer.encode
    ids = torch.tensor([encode(text)])
    label_ids = [encode(label)[-1] for label in labels]
    with torch.no_grad():
        probabilities = scorer.model(ids).logits[0, :, label_ids].softmax(-1)[:, 0]
    scores: list[float] = probabilities[ids[0] == encode(tag)[-1]].tolist()
    return scores


def growing_dialogues(scorer: LabelTokenScorer, question: str, steps: tuple[str, ...]) -> list[float]:
    """Return P(+) at position -3 of the dialogue after each step, with "+" for every earlier answer."""
    turns: list[dict[str, str]] = []
    label_ids = [scorer.tokenizer.encode(label)[-1] for label in "+-"]
    scores = []
    for step in steps:
        turns.append({"role": "user", "content": step if turns else f"{question} {step}"})
        turns.append({"role": "assistant", "content": "+"})
        text = scorer.tokenizer.apply_chat_template(turns, tokenize=False)
        ids = torch.tensor([scorer.tokenizer.encode(text)])
        assert scorer.tokenizer.decode(ids[0, -2:]) == "+<|eot|>"
        with torch.no_grad():
            scores.append(scorer.model(ids).logits[0, -3, label_ids].softmax(-1)[0].item())
    return scores


@pytest.fixture(scope="session")
def setups(train_tokenizer: Callable[..., Any], tiny: Callable[[Any], dict[str, Any]]) -> dict[str, Setup]:
    def model(model_class: Any, config_class: Any, tokenizer: Any) -> Any:
        torch.manual_seed(3)
        # More embeddings than the tokenizer has tokens, as published.
        config = {**tiny(tokenizer), "vocab_size": len(tokenizer) + 8, "tie_word_embeddings": False}
        made = model_class(config_class(**config)).eval()
        with torch.no_grad():
            made.lm_head.weight.mul_(3)
        return made

    spm = mistral_tokenizer()
    shepherd = MathShepherdScorer(model(MistralForCausalLM, partial(MistralConfig, sliding_window=None), spm), spm)
    cyrillic = train_tokenizer(" ки 34 + 57 - 1" * 20)
    er = ERPRMScorer(model(LlamaForCausalLM, LlamaConfig, cyrillic), cyrillic)
    blank = train_tokenizer("a \n\n\n\n\n b + c - d" * 20)
    psa = MathPsaScorer(model(Qwen2ForCausalLM, Qwen2Config, blank), blank)
    llama = train_tokenizer(special=(MARK, "<|start|>", "<|end|>", "<|eot|>"), template=LLAMA_TEMPLATE)
    flow = RLHFlowScorer(model(LlamaForCausalLM, LlamaConfig, llama), llama)
    tag = " \n\n\n\n\n"
    return {
        "math-shepherd": Setup(
            shepherd, lambda q, s: on_tag(shepherd, "ки", ["+", "-"], f"{q} " + " ки\n".join(s) + " ки")
        ),
        "er-prm": Setup(
            er, lambda q, s: on_tag(er, " ки", [" +", " -"], f"{q} " + "".join(step + " ки" for step in s))
        ),
        "math-psa": Setup(
            psa, lambda q, s: on_tag(psa, tag, [" +", " -"], f"{q} " + " ".join(step + tag for step in s))
        ),
        "rlhflow": Setup(flow, lambda q, s: growing_dialogues(flow, q, s)),
    }


@pytest.fixture(params=["math-shepherd", "er-prm", "math-psa", "rlhflow"])
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def setup(setups: dict[str, Setup], family: str) -> Setup:
    return setups[family]


def scores(scorer: LabelTokenScorer, *candidates: Candidate) -> list[list[float | None]]:
    batch = scorer.encode(candidates)
    with torch.inference_mode():
        rows = scorer.step_logits(batch).sigmoid().tolist()
    return [
        [score if there else None for score, there in zip(row, mask, strict=True)][: len(candidate.steps)]
        for row, mask, candidate in zip(rows, batch.step_mask.tolist(), candidates, strict=True)
    ]


def test_scores_are_those_of_the_published_formula(setup: Setup, solve: Solve) -> None:
    expected = setup.reference(QUESTION, STEPS)
    assert len(expected) == 3
    assert min(abs(a - b) for a, b in pairwise(expected)) > 1e-3
    candidate = solve(*(step + "\n\n" for step in STEPS), question=QUESTION)
    assert scores(setup.scorer, candidate) == [pytest.approx(expected, abs=1e-5)]


def test_a_score_does_not_see_later_steps(setup: Setup, solve: Solve) -> None:
    (full,) = scores(setup.scorer, solve(*STEPS))
    for count in (1, 2, 3):
        assert scores(setup.scorer, solve(*STEPS[:count]))[0][-1] == pytest.approx(full[count - 1], abs=1e-5)


def test_scores_do_not_depend_on_the_batch(
    setup: Setup, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [scores(setup.scorer, candidate)[0] for candidate in candidates]
    for side in ("right", "left"):
        monkeypatch.setattr(setup.scorer.tokenizer, "padding_side", side)
        together = scores(setup.scorer, *reversed(candidates))
        for row, expected in zip(reversed(together), alone, strict=True):
            assert row == pytest.approx(expected, abs=1e-5)


def test_one_forward_pass_for_all_steps(setup: Setup, solve: Solve) -> None:
    calls = []
    handle = setup.scorer.model.base_model.register_forward_hook(lambda *_: calls.append(1))
    scores(setup.scorer, solve(*STEPS), solve("a"))
    handle.remove()
    assert calls == [1]


def test_blank_steps_have_no_score(setup: Setup, solve: Solve) -> None:
    first, second = setup.reference("2 + 3?", ("a", "b"))
    (row,) = scores(setup.scorer, solve("\n\n", "a\n\n", " \n", "b\n\n", "", question="2 + 3?"))
    assert row == [None, pytest.approx(first, abs=1e-5), None, pytest.approx(second, abs=1e-5), None]
    nothing = setup.scorer.layout(solve("", "\n"))
    assert nothing.spans == [None, None]
    assert nothing.token_ids
    assert nothing.tokens == 0
    assert setup.scorer.layout(solve()).spans == []


@pytest.mark.parametrize(
    ("family", "written"),
    [
        ("math-shepherd", "a ки\nb ки"),
        ("er-prm", "ки a ки b"),
        ("math-psa", "a \n\n\n\n\n\n\n b \n\n\n\n\n"),
        ("rlhflow", f"a{MARK}b"),
    ],
)
def test_a_tag_inside_a_step_closes_nothing(setup: Setup, solve: Solve, written: str) -> None:
    scorer = setup.scorer
    layout = scorer.layout(solve(written, "c - d + e"))
    assert layout.token_ids.count(scorer.tag_id) == (0 if isinstance(scorer, RLHFlowScorer) else 2)
    alone = scorer.layout(solve(written))
    assert alone.spans[0] == layout.spans[0]
    assert "a" in scorer.tokenizer.decode(layout.token_ids)


@pytest.mark.parametrize("family", ["math-shepherd", "er-prm"])
def test_a_tag_is_a_syllable_of_words(setup: Setup, solve: Solve) -> None:
    """Its tokens may equal the tag's: the positions of the scores do not depend on token values."""
    words = "пушки сливки кит"
    layout = setup.scorer.layout(solve(words, "a"))
    assert words in setup.scorer.tokenizer.decode(layout.token_ids)
    assert [layout.token_ids[span[0]] for span in layout.spans if span] == [setup.scorer.tag_id] * 2
    assert layout.token_ids.count(setup.scorer.tag_id) > 2


@pytest.mark.parametrize("family", ["math-shepherd", "er-prm", "math-psa"])
def test_a_tag_in_the_question_is_not_read(setup: Setup, solve: Solve) -> None:
    tag = setup.scorer.spec.tag_format.tag
    layout = setup.scorer.layout(solve("a", "b", question=f"Why{tag} not?"))
    assert layout.token_ids.count(setup.scorer.tag_id) == 3
    first = layout.token_ids.index(setup.scorer.tag_id)
    assert all(span is not None and span[0] > first for span in layout.spans)


def test_an_answer_held_in_the_question_is_not_read(setups: dict[str, Setup], solve: Solve) -> None:
    scorer = setups["rlhflow"].scorer
    marked, plain = (scorer.layout(solve("a", "b", question=question)) for question in (f"Why{MARK}not?", "Why not?"))
    assert marked.token_ids.count(scorer.tag_id) == 1
    assert [len(marked.token_ids) - span[0] for span in marked.spans if span] == [
        len(plain.token_ids) - span[0] for span in plain.spans if span
    ]


def test_labels_in_a_step_are_not_read(setup: Setup, solve: Solve) -> None:
    steps = ("+ - +", "1 + 1 - 2 +", "-")
    expected = setup.reference(QUESTION, steps)
    assert scores(setup.scorer, solve(*steps, question=QUESTION)) == [pytest.approx(expected, abs=1e-5)]


def test_exchanged_labels_give_the_other_probability(
    setup: Setup, solve: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = setup.scorer
    candidate = solve("a", "b - c")
    batch = scorer.encode([candidate])
    before = scorer.step_logits(batch).sigmoid()
    good, bad = scorer.good_id, scorer.bad_id
    monkeypatch.setattr(scorer, "good_id", bad)
    monkeypatch.setattr(scorer, "bad_id", good)
    assert torch.allclose(scorer.step_logits(batch).sigmoid(), 1 - before, atol=1e-6)


def test_labels_and_tags_have_the_ids_of_the_published_code(setup: Setup, family: str) -> None:
    scorer = setup.scorer
    encode = scorer.tokenizer.encode
    space = " " if family in ("er-prm", "math-psa") else ""
    assert (scorer.good_id, scorer.bad_id) == (encode(f"{space}+")[-1], encode(f"{space}-")[-1])
    if family in ("er-prm", "math-psa"):
        assert scorer.good_id != encode("+")[-1]
    if family == "math-shepherd":
        assert encode("+ -")[1:] == [scorer.good_id, scorer.bad_id]
    assert scorer.tag_id == encode(scorer.spec.tag_format.tag)[-1]


def test_a_too_long_candidate_is_an_error(setup: Setup, solve: Solve) -> None:
    with pytest.raises(TruncationError, match=r"at most 256 tokens"):
        setup.scorer.encode([solve(*["Step 1: 34 + 57 = 91\n\n"] * 40)])


def test_a_folder_gives_the_same_scores_and_its_family(setup: Setup, family: str, solve: Solve, tmp_path: Path) -> None:
    setup.scorer.save_pretrained(tmp_path)
    assert family_of(tmp_path) == family
    with_name = tmp_path.rename(tmp_path.parent / f"{NAMES[family]}-{tmp_path.name}")
    (with_name / METADATA_FILE).unlink()
    assert family_of(with_name) == family
    prm = PRM.from_pretrained(with_name, device="cpu")
    try:
        assert type(prm.scorer) is type(setup.scorer)
        assert prm.metadata == setup.scorer.default_metadata
        verdicts = prm.batch([solve(*STEPS[:count], question=QUESTION) for count in (1, 2, 3)])
        expected = setup.reference(QUESTION, STEPS)
        for count, verdict in enumerate(verdicts, start=1):
            assert verdict.scores == pytest.approx(expected[:count], abs=1e-5)
        again = prm.invoke(solve(*STEPS, question=QUESTION))
        assert again.scores == pytest.approx(expected, abs=1e-5)
        assert again.cached_tokens > 0
    finally:
        prm.close()


NAMES = {
    "math-shepherd": "math-shepherd-mistral-7b-prm",
    "er-prm": "Llama3.1-Math-PRM",
    "math-psa": "Math-psa",
    "rlhflow": "Llama3.1-8B-PRM-Deepseek-Data",
}


def test_all_weights_learn_from_labels(setup: Setup, solve: Solve) -> None:
    setup.scorer.step_logits(setup.scorer.encode([solve("a", "b")])).sum().backward()  # type: ignore[no-untyped-call]
    gradient = setup.scorer.model.lm_head.weight.grad
    setup.scorer.zero_grad()
    assert sorted(gradient.abs().sum(1).nonzero().flatten().tolist()) == sorted(
        [setup.scorer.good_id, setup.scorer.bad_id]
    )


@pytest.mark.parametrize(("family", "spec"), [("math-shepherd", "ки"), ("er-prm", "ки"), ("math-psa", r"\n")])
def test_a_tag_of_many_tokens_is_rejected(setups: dict[str, Setup], family: str, spec: str) -> None:
    scorer = setups[family].scorer
    other_tokenizer = setups["rlhflow"].scorer.tokenizer
    with pytest.raises(ConfigurationError, match=r"as one token; got \d"):
        type(scorer)(scorer.model, other_tokenizer)


def test_a_label_of_many_tokens_is_rejected(setups: dict[str, Setup], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = setups["math-shepherd"].scorer
    spec = type(scorer.spec)(scorer.spec.tag_format, "right", "-")
    monkeypatch.setattr(MathShepherdScorer, "spec", spec)
    with pytest.raises(ConfigurationError, match="'right' as one token; got 6"):
        MathShepherdScorer(scorer.model, scorer.tokenizer)


def test_a_token_without_an_embedding_is_rejected(setups: dict[str, Setup]) -> None:
    scorer = setups["rlhflow"].scorer
    config = LlamaConfig(**{**scorer.model.config.to_dict(), "vocab_size": scorer.tag_id})
    small = LlamaForCausalLM(config)
    with pytest.raises(ConfigurationError, match=r"reserved_special_token_0.*embeddings"):
        RLHFlowScorer(small, scorer.tokenizer)


def test_a_tag_that_merges_with_a_step_is_rejected(setups: dict[str, Setup], solve: Solve) -> None:
    scorer = setups["math-shepherd"].scorer
    backend = json.loads(scorer.tokenizer.backend_tokenizer.to_str())
    backend["model"]["vocab"]["a▁ки"] = len(backend["model"]["vocab"])
    backend["model"]["merges"].append(["a", "▁ки"])
    merged = Tokenizer.from_str(json.dumps(backend))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=merged, bos_token="<s>", eos_token="</s>")
    broken = MathShepherdScorer(scorer.model, tokenizer)
    with pytest.raises(ConfigurationError, match=r"merge the tag ' ки' .* end of step 1: 'b a'"):
        broken.layout(solve("c", "b a"))


def test_adapters_are_rejected(setups: dict[str, Setup], tmp_path: Path) -> None:
    setups["math-psa"].scorer.save_pretrained(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"adapter_config\.json: an adapter\. Merge it first"):
        MathPsaScorer.from_pretrained(tmp_path)
    (tmp_path / METADATA_FILE).unlink()
    with pytest.raises(ConfigurationError, match="Merge it first"):
        family_of(tmp_path)


def test_a_template_that_drops_answers_is_rejected(
    setups: dict[str, Setup], solve: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = setups["rlhflow"].scorer
    template = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}"
    monkeypatch.setattr(scorer.tokenizer, "chat_template", template)
    with pytest.raises(ConfigurationError, match="kept 0 of 2"):
        scorer.layout(solve("a", "b"))


def test_rlhflow_needs_a_chat_template(setups: dict[str, Setup], tmp_path: Path) -> None:
    setups["rlhflow"].scorer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ConfigurationError, match="chat template"):
        RLHFlowScorer.from_pretrained(tmp_path)


def test_system_messages_are_not_read_unless_the_model_was_trained_on_one(
    setup: Setup, solve: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = setup.scorer
    plain = scorer.layout(solve("a"))
    assert scorer.layout(solve("a", system="Be brief.")) == plain
    metadata = scorer.metadata.model_copy(update={"system_prompt": "Judge."})
    monkeypatch.setattr(scorer, "metadata", metadata)
    layout = scorer.layout(solve("a", system="Be brief."))
    text = scorer.tokenizer.decode(layout.token_ids)
    assert "Judge." in text
    assert "brief" not in text
    assert scorer.tokenizer.decode(layout.token_ids).index("Judge.") < text.index("What")


def test_earlier_turns_are_part_of_the_question(setup: Setup, solve: Solve) -> None:
    turns = [{"role": role, "content": text} for role, text in (("user", "Hi"), ("assistant", "Yes?"), ("user", "2?"))]
    talked = setup.scorer.layout(Candidate(messages=tuple(turns), steps=("a",)))
    assert talked == setup.scorer.layout(solve("a", question="Hi\nYes?\n2?"))


def test_a_message_that_is_not_text_is_rejected(setup: Setup) -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}
    with pytest.raises(ConfigurationError, match="must be text"):
        setup.scorer.layout(Candidate(messages=(picture,), steps=("a",)))


def test_certainty_keeps_the_count(setup: Setup, solve: Solve) -> None:
    head = setup.scorer.model.lm_head
    weight = head.weight.detach().clone()
    try:
        with torch.no_grad():
            head.weight.mul_(1e6)
        (row,) = scores(setup.scorer, solve(*STEPS))
    finally:
        with torch.no_grad():
            head.weight.copy_(weight)
    assert len(row) == 3
    assert set(row) <= {0.0, 1.0}
