"""Tiny random models: hidden 64, 3 layers, head_dim 64, read-outs scaled up so that a wrong position fails clearly."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from its_graph.contracts import Candidate, Sample, SampleRequest, ScoreRange, Verdict, Verifier
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.likelihood import ImplicitScorer, LikelihoodScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.qwen import Qwen2ForProcessRewardModel, QwenScorer
from its_graph.testing import InlineRunnable, count_words

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>"]
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2 splits text into words: a run of line ends stays together, so no token crosses a step boundary."""
CONTEXT = 256


TrainTokenizer = Callable[..., PreTrainedTokenizerFast]


def byte_level(*lines: str, special: tuple[str, ...] = (), template: str = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    """Train a vocabulary on `lines`, and add the tokens `special` after it."""
    backend = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    corpus = [
        "Step 1: 34 + 57 = 91\n\nStep 2: 91 - 1 = 90\n\nThe answer is 90.\n\n계산하면 답은 90이다.\n\n",
        *lines,
    ] * 4
    backend.train_from_iterator(corpus, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=template
    )
    tokenizer.add_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_level()


@pytest.fixture(scope="session")
def train_tokenizer() -> TrainTokenizer:
    return byte_level


@pytest.fixture(scope="session")
def tiny() -> Callable[[PreTrainedTokenizerFast], dict[str, object]]:
    """Return the sizes of a tiny model for a tokenizer, as arguments of any config class."""
    return sizes


def sizes(tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "max_position_embeddings": CONTEXT,
        # Not 0, so that a scorer left in training mode gives a different score each time.
        "attention_dropout": 0.2,
        "initializer_range": 0.2,
    }


def qwen_scorer(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> QwenScorer:
    torch.manual_seed(seed)
    model = Qwen2ForProcessRewardModel(Qwen2Config(**sizes(tokenizer)))
    head = model.score[2]
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        head.weight.mul_(2)
    metadata = ScorerMetadata(family="qwen", aggregation="prod", label_kind="mc", trained_on="tiny")
    return QwenScorer(model, tokenizer, metadata).eval()


def likelihood_scorer(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LikelihoodScorer:
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(Qwen2Config(**sizes(tokenizer), tie_word_embeddings=False))
    scalars = {"a": 0.5, "b": 3.0}
    return LikelihoodScorer(model, tokenizer, ScorerMetadata(family="likelihood", scalars=scalars)).eval()


def implicit_scorer(
    tokenizer: PreTrainedTokenizerFast, seed: int = 0, reduction: Literal["min", "sum"] = "min"
) -> ImplicitScorer:
    torch.manual_seed(seed)
    trained, frozen = [LlamaForCausalLM(LlamaConfig(**sizes(tokenizer), tie_word_embeddings=False)) for _ in range(2)]
    metadata = ScorerMetadata(family="implicit", token_reduction=reduction, scalars={"beta": 0.3})
    return ImplicitScorer(trained, frozen, tokenizer, metadata).eval()


BUILDERS: dict[str, Callable[[PreTrainedTokenizerFast], StepScorer]] = {
    "qwen": qwen_scorer,
    "likelihood": likelihood_scorer,
    "implicit": implicit_scorer,
    "implicit_sum": lambda tokenizer: implicit_scorer(tokenizer, reduction="sum"),
}


@pytest.fixture(params=sorted(BUILDERS))
def scorer(request: pytest.FixtureRequest, tokenizer: PreTrainedTokenizerFast) -> StepScorer:
    return BUILDERS[request.param](tokenizer)


@pytest.fixture
def qwen(tokenizer: PreTrainedTokenizerFast) -> QwenScorer:
    return qwen_scorer(tokenizer)


@pytest.fixture
def likelihood(tokenizer: PreTrainedTokenizerFast) -> LikelihoodScorer:
    return likelihood_scorer(tokenizer)


@pytest.fixture
def implicit(tokenizer: PreTrainedTokenizerFast) -> ImplicitScorer:
    return implicit_scorer(tokenizer)


@pytest.fixture
def solve() -> Callable[..., Candidate]:
    def build(*steps: str, question: str = "What is 34 + 57 - 1?", system: str | None = None) -> Candidate:
        instructions = ({"role": "system", "content": system},) if system else ()
        return Candidate(messages=(*instructions, {"role": "user", "content": question}), steps=steps)

    return build


@pytest.fixture
def candidates(solve: Callable[..., Candidate]) -> list[Candidate]:
    """Return candidates of mixed lengths, scripts and separators; each has at least one step with text."""
    return [
        solve("Step 1: 34 + 57 = 91\n\n", "Step 2: 91 - 1 = 90\n\n", "The answer is 90."),
        solve("Step 1: 5\n\n", question="2 + 3?"),
        solve(
            "계산하면 34 + 57 = 91\n\n", "답은 90이다.\n\n", "확인 완료\n\n", "끝", question="34 + 57 - 1은 얼마인가?"
        ),
        solve("Let x = 1.\n", "Then x + 1 = 2.\n"),
        solve("Step 1: 34 + 57 = 90\n\n", "Step 2: 90 - 1 = 89\n\n", "The answer is 89."),
    ]


Likely = Callable[..., Sample]


@pytest.fixture
def likely() -> Likely:
    """Build a reply with the given probabilities at each token; the first of each was sampled."""

    def build(request: SampleRequest, *positions: Mapping[str, float]) -> Sample:
        alternatives = tuple(tuple((text, math.log(mass)) for text, mass in position.items()) for position in positions)
        return Sample(
            text="".join(position[0][0] for position in alternatives),
            finish_reason="end",
            prompt_tokens=sum(count_words(str(message["content"])) for message in request.messages),
            generated_tokens=len(positions),
            alternatives=alternatives if request.alternatives else None,
        )

    return build


class Fixed(InlineRunnable[Candidate, Verdict], Verifier):
    """Returns the same verdict for every candidate, or raises the same error."""

    def __init__(
        self, reply: Verdict | Exception, *, tokens: int = 10, parameters: int = 0, score_range: ScoreRange = "prob"
    ) -> None:
        self.reply, self.parameters, self.score_range = reply, parameters, score_range
        self._tokens = tokens

    def invoke(self, input: Candidate, config: Any = None, **kwargs: Any) -> Verdict:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def tokens(self, candidate: Candidate) -> int:
        return self._tokens


@pytest.fixture
def fixed() -> type[Fixed]:
    return Fixed
