"""Fixtures for tests with a server."""

import pytest

from tests.api.servers import GatedGenerator


@pytest.fixture
def gated() -> GatedGenerator:
    """A generator that answers one batch of calls per permit."""
    return GatedGenerator()
