"""How much of a vLLM engine's speed is left in a search? `python tests/benchmarks/bench_vllm.py`, where vLLM is.

Over 16 problems at once, best-of-16 and a beam search (16, width 4) run on an engine of this process; then the engine
alone, without graph or steps, draws texts of the same lengths in free batches: as many requests, all asked at once.
Printed: generated tokens a second of each, and the ratio of search to engine, from `--repeats` runs in turns. The
reward is a function of the text, so that the graph and the steps are all that is measured.

Without `--layers` the model is the embedded generator, for which a token costs less than a request; with it a random
one of that many layers and `--hidden` width, which is nearer to what is served in earnest.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from its_graph import Candidate, Sample, SampleRequest, SearchContext
from its_graph.embedded import WEIGHTS, problems
from its_graph.generators.vllm import VLLMGenerator
from its_graph.graphs import create_beam_search, create_best_of_n
from its_graph.prm.function import FunctionVerifier

STEP_TOKENS = 48


class Counted(VLLMGenerator):
    """Notes how long each text became."""

    lengths: tuple[int, ...] = ()

    async def _sample(self, *given: Any) -> Sample:
        sample = await super()._sample(*given)
        self.lengths += (sample.generated_tokens,)
        return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--hidden", type=int, default=768)
    options = parser.parse_args()
    exam = [problem for problem, _ in problems(options.problems, seed=99)]
    with tempfile.TemporaryDirectory() as made:
        model = _random_model(Path(made), options.layers, options.hidden) if options.layers else WEIGHTS / "generator"
        with Counted.from_pretrained(str(model), max_model_len=512, max_num_seqs=256) as generator:
            millions = generator.parameters / 1e6
            print(f"{millions:.1f}M parameters, {options.problems} problems, {os.cpu_count()} processors")
            asyncio.run(_compare(generator, exam, options.repeats))


async def _compare(generator: Counted, exam: list[str], repeats: int) -> None:
    generator.step_tokens, generator.temperature, generator.max_tokens = STEP_TOKENS, 1.0, 192
    verifier = FunctionVerifier(_reward)
    graphs = {
        "best_of_n": create_best_of_n(generator, verifier, n=16).compile(),
        "beam_search": create_beam_search(generator, verifier, n=16, width=4, max_steps=8).compile(),
    }
    for name, graph in graphs.items():
        await _search(generator, graph, exam[:2], seed=0)
        ratios, speeds = [], []
        for seed in range(1, repeats + 1):
            lengths, searched = await _search(generator, graph, exam, seed)
            engine = await _engine(generator, exam, lengths)
            speeds.append((searched, engine))
            ratios.append(searched / engine)
        searched, engine = map(statistics.median, zip(*speeds, strict=True))
        print(
            f"{name:12} {searched:7.0f} tokens/s, the engine alone {engine:7.0f}, "
            f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})"
        )


async def _search(generator: Counted, graph: Any, exam: list[str], seed: int) -> tuple[tuple[int, ...], float]:
    """Return the generated tokens of every call, and tokens a second."""
    generator.lengths = ()
    began = time.perf_counter()
    await asyncio.gather(*(graph.ainvoke({"problem": one}, context=SearchContext(seed=seed)) for one in exam))
    seconds = time.perf_counter() - began
    return generator.lengths, sum(generator.lengths) / seconds


async def _engine(generator: Counted, exam: list[str], lengths: tuple[int, ...]) -> float:
    """Return tokens a second of texts of these lengths, all asked for at once."""
    prompts = [generator._tokens.prompt(SampleRequest(messages=({"role": "user", "content": one},))) for one in exam]

    async def all_at_once() -> None:
        await asyncio.gather(
            *(
                generator.engine.generate(
                    list(prompts[place % len(prompts)]),
                    max_tokens=length,
                    min_tokens=length,
                    temperature=1.0,
                    seed=place,
                )
                for place, length in enumerate(lengths)
            )
        )

    began = time.perf_counter()
    await asyncio.wrap_future(generator.engine.submit(all_at_once()))
    return sum(lengths) / (time.perf_counter() - began)


def _reward(candidate: Candidate) -> float:
    return zlib.crc32("".join(candidate.steps).encode()) / 2**32


def _random_model(folder: Path, layers: int, hidden: int) -> Path:
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    from its_graph.embedded.tokenizer import build_tokenizer

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=512,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer: Any = build_tokenizer()
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
