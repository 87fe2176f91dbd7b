"""The API under load: 64 searches at once over HTTP, with a model that takes a fixed time for every batch of calls.

Printed: errors, how much longer a search takes than its model calls, and how far apart searches of equal work end.

    python tests/benchmarks/bench_api.py
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import serving
from its_graph.contracts import SampleRequest
from its_graph.testing import ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 8."


class TimedGenerator(ToyGenerator):
    """Takes `seconds` for every batch, and sleeps meanwhile, as who waits for a GPU does."""

    def __init__(self, seconds: float) -> None:
        super().__init__(0.0)
        self.seconds, self.batches = seconds, 0

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        self.batches += 1
        await asyncio.sleep(self.seconds)
        async for reply in super().abatch_as_completed(inputs, config, return_exceptions=return_exceptions):
            yield reply


async def searched(http: httpx.AsyncClient, strategy: str, seed: int) -> float:
    """Return the seconds from the request to the reply."""
    began = time.perf_counter()
    body = {
        "model": f"{strategy}/toy",
        "messages": [{"role": "user", "content": PROBLEM}],
        "seed": seed,
        "options": {"n": 8},
    }
    reply = await http.post("/v1/chat/completions", json=body)
    reply.raise_for_status()
    return time.perf_counter() - began


async def measured(strategy: str, at_once: int, seconds: float) -> str:
    """Return a line of the table."""
    generator = TimedGenerator(seconds)
    app = create_app({"toy": ServedModel(generator, ToyVerifier())}, max_searches=at_once)
    limits = httpx.Limits(max_connections=at_once)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as http:
        await searched(http, strategy, 0)  # the first one imports and compiles
        rounds, generator.batches = generator.batches, 0
        results = await asyncio.gather(
            *(searched(http, strategy, seed) for seed in range(at_once)), return_exceptions=True
        )
    took = sorted(one for one in results if isinstance(one, float))
    model = rounds * seconds
    middle, high = took[len(took) // 2], took[int(0.95 * (len(took) - 1))]
    return (
        f"{strategy:<12} {at_once:>3} at once, {len(results) - len(took)} errors, {rounds} rounds of {seconds} s: "
        f"median {middle / model:.2f}, p95 {high / model:.2f} times the model's time, "
        f"last / first {took[-1] / took[0]:.2f}"
    )


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.5)
    given = parser.parse_args()
    for strategy in ("best_of_n", "beam_search"):
        for at_once in (1, 64):
            print(await measured(strategy, at_once, given.seconds))


asyncio.run(main())
