"""The shipped weights: they load, are deterministic, solve about half of unseen problems, and stay small."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from its_graph.contracts import Candidate, SampleRequest
from its_graph.embedded import WEIGHTS, load, load_larger, load_thinker, problems
from its_graph.embedded.arithmetic import arithmetic_problems, reference_solution
from its_graph.embedded.expressions import parse
from its_graph.embedded.models import ArithmeticGenerator, ArithmeticPRM
from its_graph.embedded.tokenizer import build_tokenizer
from its_graph.errors import EmbeddedScopeError
from its_graph.generators.transformers import TransformersGenerator
from its_graph.text.answers import extract_answer
from its_graph.text.steps import split_steps

Pair = tuple[ArithmeticGenerator, ArithmeticPRM]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    generator, verifier = load()
    yield generator, verifier
    generator.close()
    verifier.close()


def _ask(text: str, **options: int | float | str) -> SampleRequest:
    return SampleRequest.model_validate(
        {"messages": ({"role": "user", "content": text},), "max_tokens": 192, "seed": 5, **options}
    )


def _solution(question: str, text: str) -> Candidate:
    return Candidate(messages=({"role": "user", "content": question},), steps=tuple(split_steps(text)), finished=True)


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, its_graph.embedded; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "layers", "limit"),
    [
        ("generator", 4, 570_000),
        ("thinker", 4, 570_000),
        ("verifier", 5, 700_000),
        ("larger", 5, 2_400_000),
    ],
)
def test_layout_and_size(name: str, layers: int, limit: int) -> None:
    config = json.loads((WEIGHTS / name / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["num_hidden_layers"] == layers
    assert config["hidden_size"] // config["num_attention_heads"] == 64
    assert config["tie_word_embeddings"]
    assert sum(path.stat().st_size for path in (WEIGHTS / name).iterdir()) < limit
    assert not [path for path in (WEIGHTS / name).iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]


@pytest.mark.parametrize("name", ["generator", "thinker", "verifier", "larger"])
def test_auto_tokenizer_gives_the_ids_of_training(name: str) -> None:
    """AutoTokenizer uses its own Qwen2 class for this architecture: it must produce the same ids."""
    from transformers import AutoTokenizer

    loaded, built = AutoTokenizer.from_pretrained(str(WEIGHTS / name)), build_tokenizer()
    assert loaded.get_vocab() == built.get_vocab()
    assert (loaded.eos_token_id, loaded.pad_token_id) == (built.eos_token_id, built.pad_token_id)
    for item in arithmetic_problems(100, seed=3, operations=(1, 8)):
        text = f"<|im_start|>user\n{item.text}<|im_end|>\n{reference_solution(item.expression)}<|im_end|>"
        assert loaded.encode(text) == built.encode(text)


def test_training_records_are_complete() -> None:
    for name in ("generator", "verifier"):
        record = json.loads((WEIGHTS / name / "training.json").read_text())
        assert record["gate"]["checks"]
        assert all(record["gate"]["checks"].values())
        assert "pretraining" in record


def test_parameters_and_limits(pair: Pair) -> None:
    generator, verifier = pair
    assert generator.parameters == 247_104
    assert verifier.parameters == 300_672 + 2
    assert generator.max_tokens == 192
    assert verifier.metadata.family == "likelihood"
    assert verifier.metadata.label_kind == "mc"


def test_the_larger_generator_differs_only_in_size() -> None:
    larger, plain = (json.loads((WEIGHTS / name / "training.json").read_text()) for name in ("larger", "generator"))
    assert {**larger["pretraining"], "layers": 4} == {**plain["pretraining"], "hidden": 128}


def test_the_larger_generator_is_better(pair: Pair) -> None:
    exam = list(problems(40, seed=12))
    requests = [_ask(text, temperature=0.0) for text, _ in exam]

    def right(model: TransformersGenerator) -> int:
        answers = [extract_answer(reply[0].text) for reply in model.batch(requests)]
        return sum(answer == expected for answer, (_, expected) in zip(answers, exam, strict=True))

    with load_larger() as larger:
        assert larger.parameters > 4 * pair[0].parameters
        assert right(larger) > right(pair[0])


def test_same_seed_same_text(pair: Pair) -> None:
    generator, _ = pair
    request = _ask("Compute (34 + 57) * 2 - 8.", n=4)
    first = [sample.text for sample in generator.invoke(request)]
    assert first == [sample.text for sample in generator.invoke(request)]


def test_phrasings_share_their_samples(pair: Pair) -> None:
    generator, _ = pair
    texts = [generator.invoke(_ask(text, n=2)) for text in ("34+57*2", "34 + 57 * 2 는 얼마인가요?")]
    assert texts[0] == texts[1]
    assert generator.prompt_tokens(_ask("34+57*2")) == texts[0][0].prompt_tokens


def test_about_half_of_unseen_problems_are_solved(pair: Pair) -> None:
    generator, _ = pair
    exam = list(problems(30, seed=11))
    replies = generator.batch([_ask(text, n=4) for text, _ in exam])
    right = [
        extract_answer(sample.text) == answer
        for samples, (_, answer) in zip(replies, exam, strict=True)
        for sample in samples
    ]
    assert 0.3 < sum(right) / len(right) < 0.8
    assert all(sample.finish_reason == "end" for samples in replies for sample in samples)


def test_a_prefix_is_continued(pair: Pair) -> None:
    generator, _ = pair
    (sample,) = generator.invoke(_ask("34 + 57 * 2", prefix="Step 1: 57 * 2 = 114\n\n", temperature=0))
    assert sample.text.startswith("Step 2: ")


def test_the_verifier_finds_the_wrong_step(pair: Pair) -> None:
    _, verifier = pair
    question = "What is 34 + 57 - 8?"
    true = reference_solution(parse("34 + 57 - 8"))
    right, wrong = verifier.batch([_solution(question, true), _solution(question, true.replace("91", "90"))])
    assert right.value is not None
    assert wrong.value is not None
    assert right.value > 0.5 > wrong.value
    assert verifier.tokens(_solution(question, true)) == right.tokens


def test_selection_beats_chance_on_unseen_problems(pair: Pair) -> None:
    """If a problem has right and wrong samples, the verifier prefers a right one far more often than not."""
    generator, verifier = pair
    wins = []
    exam = list(problems(40, seed=12))
    replies = generator.batch([_ask(text, n=10) for text, _ in exam])
    for (text, answer), samples in zip(exam, replies, strict=True):
        verdicts = verifier.batch([_solution(text, sample.text) for sample in samples])
        scores = [verdict.value or 0.0 for verdict in verdicts]
        right = [extract_answer(sample.text) == answer for sample in samples]
        if any(right) and not all(right):
            wins.append(right[scores.index(max(scores))])
    assert len(wins) >= 8
    assert sum(wins) / len(wins) > 0.6


def test_both_reject_other_questions(pair: Pair) -> None:
    generator, verifier = pair
    with pytest.raises(EmbeddedScopeError, match="--model PATH"):
        generator.invoke(_ask("What is the capital of France?"))
    with pytest.raises(EmbeddedScopeError):
        generator.prompt_tokens(_ask("What is the capital of France?"))
    foreign = _solution("What is the capital of France?", "Step 1: Paris")
    supported = _solution("1 + 1", "Step 1: 1 + 1 = 2\n\\boxed{2}")
    error, verdict = verifier.batch([foreign, supported], return_exceptions=True)
    assert isinstance(error, EmbeddedScopeError)
    assert verdict.value is not None


def test_the_thinker_thinks_and_then_answers() -> None:
    requests = [_ask(text, max_tokens=400) for text, _ in problems(10, seed=13)]
    with load_thinker() as thinker:
        texts = [samples[0].text for samples in thinker.batch(requests)]
    assert sum("</think>" in text and extract_answer(text) is not None for text in texts) >= 9
    assert any("Wait" in text for text in texts)


def test_the_verifier_reads_only_the_last_attempt_of_a_thought(pair: Pair) -> None:
    """Its score equals that of the plain solution; abandoned attempts before `Wait` have no score."""
    _, verifier = pair
    question = ({"role": "user", "content": "Compute (2 + 3) * 4."},)
    plain = ("Step 1: 2 + 3 = 5\n\n", "Step 2: 5 * 4 = 20\n\\boxed{20}")
    thought = split_steps(
        "Step 1: 2 + 3 = 6\n\nStep 2: 6 * 4 = 24\n\nWait\n\n"
        "Step 1: 2 + 3 = 5\n\nStep 2: 5 * 4 = 20\n</think>\n\n\\boxed{20}"
    )
    alone, of_thought = verifier.batch(
        [Candidate(messages=question, steps=plain), Candidate(messages=question, steps=tuple(thought))]
    )
    assert of_thought.scores == (None, None, *alone.scores)
    assert of_thought.value == pytest.approx(alone.value)
    assert verifier.tokens(Candidate(messages=question, steps=tuple(thought))) == of_thought.tokens
