"""A real browser for the page, and servers for it. Without Chromium these tests are skipped."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from its_graph.ui.page import standalone_page
from tests.ui.searching import HOSTILE, Events, Gated, served

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",  # Chromium requires this to run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 20_000

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Not session-scoped: Playwright's event loop runs as long, and other tests run their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} not found; install it with `apt-get install chromium`")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens a URL. After the test: no script failed, and no other host was contacted."""
    contexts: list[Any] = []
    problems: list[str] = []
    requests: list[tuple[str, str]] = []

    def open(url: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options)))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("request", lambda request: requests.append((url, request.url)))
        page.goto(url)
        return page

    yield open
    for context in contexts:
        context.close()
    assert problems == []
    assert [to for url, to in requests if not to.startswith((url.split("#")[0], "data:"))] == []


@pytest.fixture
def recorded(open_page: Open, tmp_path: Path) -> Open:
    """Return a function that opens a standalone page of one or more searches."""

    def show(*searches: Events, **options: Any) -> Any:
        file = tmp_path / "searches.html"
        titled = [{"title": events[0]["strategy"], "events": events} for events in searches]
        file.write_text(standalone_page(titled), encoding="utf-8")  # type: ignore[arg-type]
        page = open_page(file.as_uri(), offline=True, **options)
        page.wait_for_selector("body[data-ready]")
        return page

    return show


@pytest.fixture(scope="session")
def gated() -> Gated:
    """A generator of the server that answers one batch of calls per permit."""
    return Gated()


@pytest.fixture(scope="session")
def address(gated: Gated) -> Iterator[str]:
    """The address of a server of toy models."""
    models = {
        "toy": ServedModel(ToyGenerator(0.3), ToyVerifier()),
        "gated": ServedModel(gated, ToyVerifier()),
        "hostile": ServedModel(ScriptedGenerator(lambda request: HOSTILE), ToyVerifier()),
    }
    with served(models) as url:
        yield f"{url}/"
