"""How the page bears large trees: `python tests/benchmarks/bench_ui.py`. Needs /usr/bin/chromium.

For a tree of about 2,000 steps, in headless Chromium without a GPU: milliseconds to fold its events, to derive the
tree, to lay it out, and from a key to the next frame; from new events to a frame that shows them; and between frames
while the tree is dragged, from afar (every mark in sight, few labels) and from near (few marks, all labels). The same
marks, lines and labels as SVG elements do the same beside it: that comparison is why the page draws on a canvas. Times
differ from machine to machine and from minute to minute. Nothing is asserted.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))  # a script sees its own folder only

from tests.ui.conftest import CHROMIUM, FLAGS  # noqa: E402
from tests.ui.searching import served  # noqa: E402

BRANCH, DEPTH, KEPT = 64, 31, 16
FRAMES = 90


def events() -> list[dict[str, Any]]:
    """Return the events of a beam search with 31 rounds of 64 steps, of which 16 are kept."""
    told: list[dict[str, Any]] = [
        {
            "type": "its.search_started",
            "strategy": "beam_search",
            "question": [{"role": "user", "content": "Add many numbers."}],
            "settings": {"seed": 1, "budget": {"tokens": 400_000}},
        }
    ]
    frontier: list[str | None] = [None]
    for depth in range(DEPTH):
        ids = [str(depth * BRANCH + index) for index in range(BRANCH)]
        for index, key in enumerate(ids):
            parent = frontier[index % len(frontier)]
            step = {"parent": parent, "text": f"{depth} + {index} = {depth + index}\n\n", "tokens": 8}
            told.append({"type": "its.step_added", "id": key, "step": step | {"finish": "stop_string"}})
            score = {"step": key, "value": (index * 37 % 100) / 100, "steps": [], "tokens": 9}
            told.append({"type": "its.scored", "id": key, "score": score})
        frontier = [*ids[:: BRANCH // KEPT]]
        told.append({"type": "its.selected", "frontier": frontier})
    return told


def main() -> None:
    """Print the figures."""
    if not CHROMIUM.exists():
        print(f"{CHROMIUM} is absent: nothing was measured.")
        return
    told = events()
    with served({"toy": ServedModel(ToyGenerator(), ToyVerifier())}) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/")
        page.wait_for_selector("form.ask")
        found = page.evaluate((HERE / "bench_ui.js").read_text(), [told, FRAMES])
        browser.close()
    print(f"{DEPTH * BRANCH} steps, {len(told)} events; milliseconds, median and 95th percentile")
    for what, times in found.items():
        print(f"{what:>18}: {statistics.median(times):6.1f} {statistics.quantiles(times, n=20)[-1]:6.1f}")


if __name__ == "__main__":
    main()
