"""How the page handles large trees: `python tests/benchmarks/bench_ui.py`. Needs /usr/bin/chromium.

For a tree of about 2,000 steps, in headless Chromium without a GPU, prints the milliseconds to fold its events, to
derive the tree, and to lay it out; from a key press to the next frame; from new events to a frame that shows them; and
between frames while the tree is dragged, zoomed out (every node visible, few labels) and zoomed in (few nodes, all
labels). The same nodes, lines and labels as SVG elements are measured for comparison, which is why the page draws on a
canvas. Times vary between machines and runs. Nothing is asserted.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))  # a script only has its own folder on the path

from tests.ui.conftest import CHROMIUM, FLAGS  # noqa: E402
from tests.ui.searching import served  # noqa: E402

BRANCH, DEPTH, WIDTH = 64, 31, 16
FRAMES = 90


def events() -> list[dict[str, Any]]:
    """Return the events of a beam search with 31 rounds of 64 steps, 16 of which are selected."""
    log: list[dict[str, Any]] = [
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
            log.append({"type": "its.step_added", "id": key, "step": step | {"finish": "stop_string"}})
            score = {"step": key, "value": (index * 37 % 100) / 100, "steps": [], "tokens": 9}
            log.append({"type": "its.scored", "id": key, "score": score})
        frontier = [*ids[:: BRANCH // WIDTH]]
        log.append({"type": "its.selected", "frontier": frontier})
    return log


def main() -> None:
    """Print the measurements."""
    if not CHROMIUM.exists():
        print(f"{CHROMIUM} not found; nothing measured.")
        return
    log = events()
    with served({"toy": ServedModel(ToyGenerator(), ToyVerifier())}) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/")
        page.wait_for_selector("form.search-form")
        timings = page.evaluate((HERE / "bench_ui.js").read_text(), [log, FRAMES])
        browser.close()
    print(f"{DEPTH * BRANCH} steps, {len(log)} events; milliseconds, median and 95th percentile")
    for measurement, times in timings.items():
        print(f"{measurement:>18}: {statistics.median(times):6.1f} {statistics.quantiles(times, n=20)[-1]:6.1f}")


if __name__ == "__main__":
    main()
