"""What the tests of the strategies share: a graph over the toy world, and the result without its wall time."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph import Generator, Verifier
from its_graph.catalog.registry import strategy
from its_graph.testing import ToyGenerator, ToyVerifier

Build = Callable[..., Any]

PROBLEM = "Add 3, 5, 4, 7, 2."
ANSWER = "21"


@pytest.fixture
def build() -> Build:
    """Return a function that builds a strategy's uncompiled graph in the toy world; options it lacks are left out."""

    def make(name: str, generator: Generator | None = None, verifier: Verifier | None = None, **options: Any) -> Any:
        found = strategy(name)
        # A price that the toy verifier's scores, .1 or .9, do not undercut with the first wave.
        sizes: dict[str, Any] = {"n": 16, "width": 4, "price": 0.005}
        known = {key: value for key, value in (sizes | options).items() if key in found.options}
        return found.create(generator or ToyGenerator(0.3), verifier or ToyVerifier(), known)

    return make


@pytest.fixture
def timeless() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that takes a result's wall time away."""

    def strip(result: dict[str, Any]) -> dict[str, Any]:
        return result | {"spend": {key: value for key, value in result["spend"].items() if key != "seconds"}}

    return strip
