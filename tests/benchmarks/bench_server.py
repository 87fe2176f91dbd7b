"""Searches over a chat server: what our client and graph add to the server's own time.

`python tests/benchmarks/bench_server.py --base-url http://127.0.0.1:8765/v1 --model mock` runs best-of-16 and a beam
search (16, width 4) over sums of nine addends, one problem at a time and ten at once, on a server that continues
assistant messages. The reward is a function. Printed: wall time, accuracy, requests, connections where the server
tells, and how much longer it took than the server's own critical path for the very trees that were grown: for each
round the longest of its replies, by `--decode-ms` a token.
"""

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from its_graph import Candidate, SearchContext
from its_graph.generators.openai import OpenAIGenerator
from its_graph.graphs import create_beam_search, create_best_of_n
from its_graph.prm.function import FunctionVerifier
from its_graph.text.answers import extract_answer

_OPEN = build_opener(ProxyHandler({})).open


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", default="http://127.0.0.1:8765/v1")
    parser.add_argument("--model", default="mock")
    parser.add_argument("--problems", type=int, default=10)
    parser.add_argument("--decode-ms", type=float, default=2.0, help="the server's time a token")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sums = list(_sums(options.problems))
    with OpenAIGenerator(options.model, options.base_url, api_key="x", dialect="vllm", max_tokens=2048) as generator:
        verifier = FunctionVerifier(_share_of_right_sums)
        graphs = {
            "best_of_n": create_best_of_n(generator, verifier, n=16).compile(),
            "beam_search": create_beam_search(generator, verifier, n=16, width=4).compile(),
        }
        asyncio.run(_solve(graphs["best_of_n"], sums[:1], 1))  # opens the first connections
        for at_once in (1, options.problems):
            for name, graph in graphs.items():
                runs = [_measure(graph, sums, at_once, options) for _ in range(options.repeats)]
                seconds, own, right = min(runs)
                print(
                    f"{name:12} {at_once:3} at once: {seconds:.3f} s, the server's own {own:.3f} s, "
                    f"ratio {seconds / own:.2f}, {right} of {len(sums)} right; {_stats(options.base_url)}"
                )


def _measure(graph: Any, sums: list[tuple[str, int]], at_once: int, options: Any) -> tuple[float, float, int]:
    _ask(options.base_url, "/reset", b"")
    began = time.perf_counter()
    results = asyncio.run(_solve(graph, sums, at_once))
    seconds = time.perf_counter() - began
    paths = [_critical_s(result, options.decode_ms) for result in results]
    own = sum(paths) if at_once == 1 else max(paths)
    right = sum(extract_answer(result["text"]) == str(total) for result, (_, total) in zip(results, sums, strict=True))
    return seconds, own, right


async def _solve(graph: Any, sums: list[tuple[str, int]], at_once: int) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(at_once)

    async def one(place: int, problem: str) -> dict[str, Any]:
        async with gate:
            out = await graph.ainvoke({"problem": problem}, context=SearchContext(seed=place))
            result: dict[str, Any] = out["result"]
            return result

    return list(await asyncio.gather(*(one(place, problem) for place, (problem, _) in enumerate(sums))))


def _critical_s(result: dict[str, Any], decode_ms: float) -> float:
    """Return the seconds that the server needs at least: in every round its longest reply, and one token to begin."""
    depths: dict[int, int] = {}
    for one in result["candidates"]:
        steps = re.findall(r".*?(?:\n\n|\Z)", one["text"], re.DOTALL) if "\n\n" in one["text"] else [one["text"]]
        pieces = [step for step in steps if step] if result["strategy"] == "beam_search" else [one["text"]]
        for depth, piece in enumerate(pieces):
            depths[depth] = max(depths.get(depth, 0), len(re.findall(r"\w+|[^\w\s]|\s+", piece)))
    return sum(longest + 1 for longest in depths.values()) * decode_ms / 1000


def _sums(count: int) -> Iterable[tuple[str, int]]:
    chance = random.Random(0)
    for _ in range(count):
        addends = [chance.randint(10, 99) for _ in range(9)]
        yield "Compute " + " + ".join(map(str, addends)), sum(addends)


async def _share_of_right_sums(candidate: Candidate) -> float:
    """Judge on the loop itself: it takes microseconds, and a thread would cost more."""
    asked = str(candidate.messages[-1]["content"])
    addends = [int(digits) for digits in re.findall(r"\d+", asked)]
    total, score = addends[0], 0.9
    for place, said in enumerate(re.findall(r"gives (-?\d+)\.", "".join(candidate.steps)), 1):
        total += addends[place] if place < len(addends) else 0
        score *= 1.0 if int(said) == total else 0.3
    return score


def _stats(base_url: str) -> str:
    found = _ask(base_url, "/stats", None)
    if found is None:
        return "the server tells no figures"
    told = json.loads(found)
    return f"{told['requests']} requests on {told['connections']} connections, {told['completion_tokens']} tokens"


def _ask(base_url: str, path: str, data: bytes | None) -> bytes | None:
    try:
        with _OPEN(Request(base_url.removesuffix("/v1") + path, data=data), timeout=5) as reply:
            return bytes(reply.read())
    except OSError:
        return None


if __name__ == "__main__":
    main()
