"""What does a step search save when its verifier reads only new steps? `python tests/benchmarks/bench_incremental.py`.

A beam search of 20 steps (n=16, width=4) over scripted steps of about 30 tokens, judged by a random PRM in the layout
of Qwen2.5-Math-PRM. The same search runs with and without kept prefixes, in turn. Printed are the tokens that the PRM
read, the seconds that it read them, and the largest difference between the two in any score. Nothing is asserted.
"""

import argparse
import random
import time
import warnings
from statistics import median
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config

from its_graph import SearchContext
from its_graph.contracts import Candidate, SampleRequest, Verdict
from its_graph.errors import DiminishingReturnsWarning
from its_graph.graphs.beam_search import create_beam_search
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.qwen import STEP_MARK, Qwen2ForProcessRewardModel, QwenScorer
from its_graph.testing import ScriptedGenerator

STEPS = 20
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


def tokenizer() -> PreTrainedTokenizerFast:
    """Return one token for each byte, so that the length of a step is known."""
    vocabulary = {byte: token for token, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(text, special=True) for text in ("<|im_start|>", "<|im_end|>", STEP_MARK)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<|im_end|>", chat_template=TEMPLATE)


def scorer(hidden: int, layers: int) -> QwenScorer:
    torch.manual_seed(0)
    words = tokenizer()
    config = Qwen2Config(
        vocab_size=512, hidden_size=hidden, intermediate_size=4 * hidden, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, num_key_value_heads=1, max_position_embeddings=4096,
    )  # fmt: skip
    metadata = ScorerMetadata(family="qwen", aggregation="last", label_kind="none")
    return QwenScorer(Qwen2ForProcessRewardModel(config), words, metadata).eval()


def step(request: SampleRequest) -> str:
    """Return a step of 29 characters that follows from the seed; the last one ends the solution."""
    number = random.Random(request.seed).randrange(10**9)
    last = request.prefix.count("\n\n") + 1 == STEPS
    return f"So the sum is {number:013d}{'.' if last else ''}\n\n"


class Watched(PRM):
    """Notes its scores and the time it takes."""

    def __init__(self, scorer: QwenScorer, cache_tokens: int) -> None:
        super().__init__(scorer, cache_tokens=cache_tokens)
        self.seconds = 0.0
        self.values: dict[Any, Any] = {}

    def _verify(self, candidates: list[Candidate]) -> list[Verdict | Exception]:
        began = time.perf_counter()
        said = super()._verify(candidates)
        self.seconds += time.perf_counter() - began
        self.values |= {
            candidate.steps: verdict.value
            for candidate, verdict in zip(candidates, said, strict=True)
            if isinstance(verdict, Verdict)
        }
        return said


def search(prm: PRM) -> Any:
    generator = ScriptedGenerator(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiminishingReturnsWarning)
        graph = create_beam_search(generator, prm, n=16, width=4, max_steps=STEPS).compile()
    question: Any = {"problem": "Add the numbers that you are given, one after the other, and say what comes out."}
    return graph.invoke(question, {"recursion_limit": 500}, context=SearchContext(seed=1))["result"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    model = scorer(options.hidden, options.layers)
    ratios = []
    for _ in range(options.repetitions):
        whole, kept = Watched(model, 0), Watched(model, 32_768)
        results = [search(prm) for prm in (whole, kept)]
        ratios.append(whole.seconds / kept.seconds)
        charged = [result["spend"]["verifier_tokens"] for result in results]
        tokens = whole.incremental.tokens_read, kept.incremental.tokens_read
        shared = whole.values.keys() & kept.values.keys()
        apart = max(abs(whole.values[one] - kept.values[one]) for one in shared)
        held = kept.incremental.cached_tokens
        whole.close()
        kept.close()
    print(f"{model.parameter_count:,} parameters, {len(shared)} candidates judged alike, {len(whole.values)} in all")
    print(
        f"tokens charged: {charged[0]:,} and {charged[1]:,}; read in full: {tokens[0]:,}, new steps only: {tokens[1]:,}"
    )
    print(f"{tokens[0] / tokens[1]:.1f} times fewer tokens, {median(ratios):.1f} times less time of the PRM")
    print(f"largest difference of a score: {apart:.1e}; {held:,} tokens kept at the end")


if __name__ == "__main__":
    main()
