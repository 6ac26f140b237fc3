"""The fixtures of the DORA server, for the tests of its stores."""

import pytest

from tests.support.dora.fixtures import address, database, kind, receiver

__all__ = ["address", "database", "kind", "receiver"]


@pytest.fixture
def has_tables() -> bool:
    """These tests migrate their stores themselves."""
    return False
