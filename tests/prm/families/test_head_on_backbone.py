"""Skywork, PQM and the two-layer head: docs/reference/algorithms.md 5.2.4, 5.2.5 and 5.2.6."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, TruncationError
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.head_on_backbone import HeadOnBackboneScorer
from its_graph.prm.families.metadata import METADATA_FILE
from its_graph.prm.families.mlp_head import MlpHeadModel, MlpHeadScorer
from its_graph.prm.families.registry import family_of
from its_graph.prm.families.value_head import PQMScorer, Qwen2ForPrmModel, SkyworkScorer, ValueHeadModel
from its_graph.prm.training.train import TrainingExample, TrainPlan, train

Solve = Callable[..., Candidate]
QUESTION = "What is 34 + 57 - 1?"
STEPS = ("Step 1: 34 + 57 = 91", "Step 2: 91 - 1 = 90.", "The answer is 90.")
FOLDERS = {"skywork": "Skywork-o1-Open-PRM-Qwen-2.5-1.5B", "pqm": "PQM-zeta-2"}


class Setup(NamedTuple):
    scorer: HeadOnBackboneScorer
    reference: Callable[[str, tuple[str, ...]], list[float]]
    """Scores by the published formula: one text, batch of one, no padding."""


def states(scorer: HeadOnBackboneScorer, ids: list[int]) -> Tensor:
    with torch.no_grad():
        hidden: Tensor = scorer.model.model(torch.tensor([ids])).last_hidden_state[0]
    return hidden


def line_by_line(scorer: HeadOnBackboneScorer, opening: str, steps: tuple[str, ...]) -> tuple[Tensor, list[int]]:
    """Tokenize each step alone, then one line end; return the hidden states and the positions of the line ends."""
    encode = scorer.tokenizer.encode
    ids, positions = encode(opening), []
    for step in steps:
        ids += [*encode(step), encode("\n")[-1]]
        positions.append(len(ids) - 1)
    return states(scorer, ids), positions


def skywork(scorer: SkyworkScorer, question: str, steps: tuple[str, ...]) -> list[float]:
    hidden, positions = line_by_line(scorer, f"{question}\n", steps)
    head = scorer.model.v_head.summary
    return [torch.sigmoid(hidden[position] @ head.weight[0] + head.bias[0]).item() for position in positions]


def pqm(scorer: PQMScorer, question: str, steps: tuple[str, ...]) -> list[float]:
    text = f"{question}\n" + "".join(f"{step} [PRM]\n" for step in steps)
    ids = scorer.tokenizer.encode(text)
    hidden, head = states(scorer, ids), scorer.model.v_head.summary
    mark = scorer.tokenizer.convert_tokens_to_ids("[PRM]")
    positions = [position for position, token in enumerate(ids) if token == mark]
    return [(hidden[position] @ head.weight[0] + head.bias[0]).item() for position in positions]


def mlp(scorer: MlpHeadScorer, question: str, steps: tuple[str, ...]) -> list[float]:
    hidden, positions = line_by_line(scorer, f"Problem: {question}\nSolution:\n", steps)
    first, _, _, last = scorer.model.reward_head
    with torch.no_grad():
        inner = (hidden[positions] @ first.weight.T + first.bias).clamp(min=0)
        scores: list[float] = (inner @ last.weight[0] + last.bias[0]).sigmoid().tolist()
    return scores


def louder(scorer: HeadOnBackboneScorer, head: str) -> HeadOnBackboneScorer:
    """Scale the read-out, so that a wrong position fails clearly."""
    with torch.no_grad():
        scorer.model.get_submodule(head).weight.mul_(4)
    return scorer.eval()


@pytest.fixture
def setups(train_tokenizer: Callable[..., Any], tiny: Callable[[Any], dict[str, Any]]) -> dict[str, Setup]:
    torch.manual_seed(4)
    plain, marked = train_tokenizer(), train_tokenizer(special=("[PRM]",))
    skyworks = SkyworkScorer(Qwen2ForPrmModel(Qwen2Config(**tiny(plain))), plain)
    marks = PQMScorer(ValueHeadModel(LlamaConfig(**tiny(marked))), marked)
    own = MlpHeadScorer(MlpHeadModel(Qwen2Config(**tiny(plain), reward_head_width=32)), plain)
    louder(skyworks, "v_head.summary"), louder(marks, "v_head.summary"), louder(own, "reward_head.3")
    return {
        "skywork": Setup(skyworks, lambda q, s: skywork(skyworks, q, s)),
        "pqm": Setup(marks, lambda q, s: pqm(marks, q, s)),
        "mlp": Setup(own, lambda q, s: mlp(own, q, s)),
    }


@pytest.fixture(params=["skywork", "pqm", "mlp"])
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def setup(setups: dict[str, Setup], family: str) -> Setup:
    return setups[family]


def scores(scorer: HeadOnBackboneScorer, *candidates: Candidate) -> list[list[float | None]]:
    batch = scorer.encode(candidates)
    with torch.inference_mode():
        numbers = scorer.step_logits(batch)
    rows = (numbers if scorer.metadata.score_range == "real" else numbers.sigmoid()).tolist()
    return [
        [score if scored else None for score, scored in zip(row, mask, strict=True)][: len(candidate.steps)]
        for row, mask, candidate in zip(rows, batch.step_mask.tolist(), candidates, strict=True)
    ]


def test_scores_are_those_of_the_published_formula(setup: Setup, solve: Solve) -> None:
    expected = setup.reference(QUESTION, STEPS)
    assert len(expected) == 3
    assert min(abs(a - b) for a, b in pairwise(expected)) > 1e-3
    candidate = solve(*(step + "\n\n" for step in STEPS), question=QUESTION)
    assert scores(setup.scorer, candidate) == [pytest.approx(expected, abs=1e-5)]


def test_a_score_does_not_depend_on_later_steps(setup: Setup, solve: Solve) -> None:
    (full,) = scores(setup.scorer, solve(*STEPS))
    for count in (1, 2, 3):
        assert scores(setup.scorer, solve(*STEPS[:count]))[0][-1] == pytest.approx(full[count - 1], abs=1e-5)


def test_scores_do_not_depend_on_the_batch(setup: Setup, candidates: list[Candidate]) -> None:
    alone = [scores(setup.scorer, candidate)[0] for candidate in candidates]
    together = scores(setup.scorer, *reversed(candidates))
    for row, expected in zip(reversed(together), alone, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)


def test_one_forward_pass_for_all_steps(setup: Setup, solve: Solve) -> None:
    calls = []
    setup.scorer.model.model.register_forward_hook(lambda *_: calls.append(1))
    scores(setup.scorer, solve(*STEPS), solve("a"))
    assert calls == [1]


def test_blank_steps_have_no_score(setup: Setup, solve: Solve) -> None:
    first, second = setup.reference("2 + 3?", ("a", "b"))
    (row,) = scores(setup.scorer, solve("\n\n", "a\n\n", " \n", "b\n\n", "", question="2 + 3?"))
    assert row == [None, pytest.approx(first, abs=1e-5), None, pytest.approx(second, abs=1e-5), None]
    assert setup.scorer.layout(solve("", "\n")).spans == [None, None]
    assert setup.scorer.layout(solve()).spans == []


@pytest.mark.parametrize(("family", "read"), [("skywork", "a b c"), ("mlp", "a\nb\n\nc"), ("pqm", "a\nb\n\nc")])
def test_line_ends_inside_a_step_add_no_score(setup: Setup, solve: Solve, read: str) -> None:
    expected = setup.reference(QUESTION, ("x", read.replace("\n\n", " ") if " " in read else read, "y"))
    written = "a\nb\nc" if " " in read else read
    assert scores(setup.scorer, solve("x", written, "y\n", question=QUESTION))[0] == pytest.approx(expected, abs=1e-5)


def test_a_tag_inside_a_step_closes_nothing(setups: dict[str, Setup], solve: Solve) -> None:
    scorer = setups["pqm"].scorer
    assert isinstance(scorer, PQMScorer)
    layout = scorer.layout(solve("a [PRM]\nb", "c"))
    assert layout.token_ids.count(scorer.tag_id) == 2
    assert scores(scorer, solve("a [PRM]\nb", "c")) == scores(scorer, solve("a  \nb", "c"))


def test_dropout_is_off(setup: Setup, solve: Solve) -> None:
    (first,) = scores(setup.scorer, solve(*STEPS))
    assert scores(setup.scorer, solve(*STEPS)) == [pytest.approx(first, abs=1e-5)]


def test_a_too_long_candidate_is_an_error(setup: Setup, solve: Solve) -> None:
    with pytest.raises(TruncationError, match=r"at most 256 tokens"):
        setup.scorer.encode([solve(*["Step 1: 34 + 57 = 91\n\n"] * 40)])


def test_a_folder_gives_the_same_scores_and_its_family(setup: Setup, family: str, solve: Solve, tmp_path: Path) -> None:
    folder = tmp_path / FOLDERS.get(family, "any")
    setup.scorer.save_pretrained(folder)
    assert family_of(folder) == family
    (folder / METADATA_FILE).unlink()
    if family == "pqm":  # Published as a bare state dict beside the config of its backbone.
        config = folder / "config.json"
        config.write_text(config.read_text().replace("ValueHeadModel", "LlamaForCausalLM"))
    assert family_of(folder) == family
    prm = PRM.from_pretrained(folder, device="cpu")
    try:
        assert type(prm.scorer) is type(setup.scorer)
        assert prm.metadata == setup.scorer.default_metadata
        expected = setup.reference(QUESTION, STEPS)
        for count in (1, 2, 3):
            verdict = prm.invoke(solve(*STEPS[:count], question=QUESTION))
            assert verdict.scores == pytest.approx(expected[:count], abs=1e-5)
        assert verdict.cached_tokens > 0
    finally:
        prm.close()


@pytest.mark.parametrize(("family", "prefix"), [("skywork", "pretrained_model."), ("pqm", "pretrained_model.")])
def test_weights_saved_from_a_wrapper_load(setup: Setup, solve: Solve, tmp_path: Path, prefix: str) -> None:
    setup.scorer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    wrapped = {name if name.startswith("v_head") else prefix + name: tensor for name, tensor in weights.items()}
    wrapped[prefix + "lm_head.weight"] = torch.zeros(3, 64)
    save_file(wrapped, tmp_path / "model.safetensors", {"format": "pt"})
    loaded = type(setup.scorer).from_pretrained(tmp_path)
    (expected,) = scores(setup.scorer, solve(*STEPS))
    assert scores(loaded, solve(*STEPS)) == [pytest.approx(expected, abs=1e-5)]


def test_a_backbone_with_another_weight_prefix_loads(setups: dict[str, Setup], solve: Solve, tmp_path: Path) -> None:
    scorer = setups["mlp"].scorer
    scorer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    renamed = {name.replace("model.", "backbone.", 1): tensor for name, tensor in weights.items()}
    save_file(renamed, tmp_path / "model.safetensors", {"format": "pt"})
    (expected,) = scores(scorer, solve("a"))
    assert scores(MlpHeadScorer.from_pretrained(tmp_path), solve("a")) == [pytest.approx(expected, abs=1e-5)]


def test_a_missing_head_is_rejected(setup: Setup, tmp_path: Path) -> None:
    setup.scorer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    headless = {name: tensor for name, tensor in weights.items() if "head" not in name}
    assert len(headless) < len(weights)
    save_file(headless, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigurationError, match="head"):
        type(setup.scorer).from_pretrained(tmp_path)


@pytest.mark.parametrize("rule", ["prod"])
def test_unbounded_values_are_never_multiplied(setups: dict[str, Setup], rule: str) -> None:
    scorer = setups["pqm"].scorer
    scorer.metadata = scorer.metadata.model_copy(update={"aggregation": rule})
    with pytest.raises(ConfigurationError, match="prod"):
        PRM(scorer)


def test_values_may_be_negative_and_large(setups: dict[str, Setup], solve: Solve) -> None:
    scorer = setups["pqm"].scorer
    with torch.no_grad():
        scorer.model.v_head.summary.bias.fill_(-40)
    prm = PRM(scorer)
    try:
        verdict = prm.invoke(solve(*STEPS))
    finally:
        prm.close()
    assert verdict.value == min(score for score in verdict.scores if score is not None)
    assert verdict.value < -10


@pytest.mark.parametrize("causal", [Qwen2ForCausalLM, LlamaForCausalLM])
@pytest.mark.parametrize("bare", [False, True])
def test_a_head_fits_any_decoder(
    setups: dict[str, Setup], tiny: Callable[[Any], dict[str, Any]], causal: Any, bare: bool, solve: Solve
) -> None:
    tokenizer = setups["mlp"].scorer.tokenizer
    backbone = causal(causal.config_class(**tiny(tokenizer)))
    scorer = MlpHeadScorer.on_backbone(backbone.model if bare else backbone, tokenizer).eval()
    assert scorer.model.model is backbone.model
    assert scores(scorer, solve(*STEPS))[0] == pytest.approx(mlp(scorer, QUESTION, STEPS), abs=1e-5)


def test_an_encoder_decoder_is_rejected(setups: dict[str, Setup]) -> None:
    encoder_decoder = T5ForConditionalGeneration(T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=1))
    with pytest.raises(ConfigurationError, match="encoder-decoder"):
        MlpHeadScorer.on_backbone(encoder_decoder, setups["mlp"].scorer.tokenizer)


def test_a_head_learns_which_steps_are_right(setups: dict[str, Setup], solve: Solve) -> None:
    """Reference 5.2.6: training with one label per step."""
    scorer = setups["mlp"].scorer
    data = [
        TrainingExample(str(n), solve(f"{n} + 1 = {n + 1}", f"{n} + 2 = {n + 3}", question=f"{n}?"), (1.0, 0.0))
        for n in range(1, 9)
    ]
    train(scorer, data, TrainPlan(epochs=40, batch=8, rate=3e-3))
    good, bad = zip(*scores(scorer.eval(), *(solution.candidate for solution in data)), strict=True)
    assert min(good) > 0.8 > 0.2 > max(bad)


def test_a_token_that_the_tokenizer_lacks_is_rejected(setups: dict[str, Setup]) -> None:
    with pytest.raises(ConfigurationError, match=r"'\[PRM\]'|' \[PRM\]'"):
        PQMScorer(setups["pqm"].scorer.model, setups["skywork"].scorer.tokenizer)
