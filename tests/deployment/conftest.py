"""The fixtures of the relay, and the image, for these tests."""

from collections.abc import Iterator

import pytest

from tests.support.deployment.engine import Engine, built
from tests.support.once import alone
from tests.support.relay.fixtures import receiver, relay

__all__ = ["receiver", "relay"]


@pytest.fixture(scope="session")
def storage() -> Iterator[Engine]:
    """Our image, built once for all tests of this process that run it."""
    with built() as engine:
        yield engine


@pytest.fixture
def images(storage: Engine) -> Iterator[Engine]:
    """Our image, for one test of a run at a time: networks of two storages would have the same addresses."""
    with alone("containers"):
        yield storage
        storage.empty()
