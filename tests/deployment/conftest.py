"""The fixtures of the relay, and the image, for these tests."""

from collections.abc import Iterator

import pytest

from tests.support.deployment.engine import Engine, built
from tests.support.relay.fixtures import receiver, relay

__all__ = ["receiver", "relay"]


@pytest.fixture(scope="session")
def images() -> Iterator[Engine]:
    """Our image, built once for all tests that run it."""
    with built() as engine:
        yield engine
