"""Fixtures of the tests over a server."""

import pytest

from tests.api.servers import GatedGenerator


@pytest.fixture
def gated() -> GatedGenerator:
    """A generator that answers when it is let through."""
    return GatedGenerator()
