"""The API under load: 64 concurrent searches over HTTP, with a model that takes a fixed time per batch of calls.

Prints errors, the time of a search relative to its model calls, and the spread of finish times of equal searches.

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
    """Sleeps for `seconds` per batch, as if waiting for a GPU."""

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


async def run_search(http: httpx.AsyncClient, strategy: str, seed: int) -> float:
    """Return the seconds from request to reply."""
    start = time.perf_counter()
    body = {
        "model": f"{strategy}/toy",
        "messages": [{"role": "user", "content": PROBLEM}],
        "seed": seed,
        "options": {"n": 8},
    }
    reply = await http.post("/v1/chat/completions", json=body)
    reply.raise_for_status()
    return time.perf_counter() - start


async def measure(strategy: str, concurrency: int, seconds: float) -> str:
    """Return one row of the table."""
    generator = TimedGenerator(seconds)
    app = create_app({"toy": ServedModel(generator, ToyVerifier())}, max_searches=concurrency)
    limits = httpx.Limits(max_connections=concurrency)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as http:
        await run_search(http, strategy, 0)  # the first search imports and compiles
        rounds, generator.batches = generator.batches, 0
        results = await asyncio.gather(
            *(run_search(http, strategy, seed) for seed in range(concurrency)), return_exceptions=True
        )
    times = sorted(result for result in results if isinstance(result, float))
    model = rounds * seconds
    median, p95 = times[len(times) // 2], times[int(0.95 * (len(times) - 1))]
    return (
        f"{strategy:<12} {concurrency:>3} concurrent, {len(results) - len(times)} errors, "
        f"{rounds} rounds of {seconds} s: "
        f"median {median / model:.2f}, p95 {p95 / model:.2f} times the model time, "
        f"last / first {times[-1] / times[0]:.2f}"
    )


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.5)
    arguments = parser.parse_args()
    for strategy in ("best_of_n", "beam_search"):
        for concurrency in (1, 64):
            print(await measure(strategy, concurrency, arguments.seconds))


asyncio.run(main())
