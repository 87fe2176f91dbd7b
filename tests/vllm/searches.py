"""Checks for every vLLM backend, over HTTP and in process."""

from functools import cache
from typing import Any

import pytest

from its_graph import Candidate, Generator, SampleRequest, SearchContext, Verifier
from its_graph.catalog.registry import strategy
from its_graph.embedded import WEIGHTS, problems
from its_graph.generators.transformers import TransformersGenerator
from its_graph.prm.backends.local import PRM
from its_graph.text.steps import split_steps

QUESTION = {"problem": "Compute (34 + 57) * 2 - 8."}


def ask(problem: str = QUESTION["problem"], **options: Any) -> SampleRequest:
    return SampleRequest(messages=({"role": "user", "content": problem},), **options)


@cache
def sample_candidates() -> tuple[Candidate, ...]:
    """Return solutions of the embedded generator, whole and partial, right and wrong."""
    candidates = []
    with TransformersGenerator.from_pretrained(str(WEIGHTS / "generator"), device="cpu") as plain:
        for problem, _ in problems(6, seed=5):
            [sample] = plain.invoke(ask(problem, temperature=1.2, seed=3, max_tokens=192))
            steps = tuple(split_steps(sample.text))
            candidates += [
                Candidate(messages=ask(problem).messages, steps=steps, finished=True),
                Candidate(messages=ask(problem).messages, steps=steps[:2]),
            ]
    return tuple(candidates)


def check_scores(local: PRM, remote: Verifier) -> None:
    """Compare the scores of `remote` with those of transformers."""
    verdicts = local.batch(list(sample_candidates()))
    for expected, verdict in zip(verdicts, remote.batch(list(sample_candidates())), strict=True):
        assert verdict.scores == pytest.approx(expected.scores, abs=1e-3)
        assert verdict.value == pytest.approx(expected.value, abs=1e-3)
        assert verdict.tokens == expected.tokens
    scores = [score for verdict in verdicts for score in verdict.scores if score is not None]
    assert max(scores) - min(scores) > 0.05


async def run_strategy(name: str, generator: Generator, verifier: Verifier) -> None:
    """Run one strategy; skip it if the generator does not support it."""
    found = strategy(name)
    if not set(found.needs) <= {"verifier", "continuation", *generator.signals}:
        pytest.skip(f"{name} needs {found.needs}, and vLLM returns {sorted(generator.signals)}")
    options = {key: value for key, value in {"n": 4, "width": 2, "iterations": 4}.items() if key in found.options}
    graph = found.create(generator, verifier, options).compile()
    result = (await graph.ainvoke(QUESTION, context=SearchContext(seed=7)))["result"]
    assert result["candidates"]
    # Some strategies show earlier attempts, which may exceed this model's context of 512 tokens.
    assert all(reason.startswith("TruncationError") for reason in result["failed"])
