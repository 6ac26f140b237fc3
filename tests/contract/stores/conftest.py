"""The fixtures of incoming webhooks, for the tests of their stores."""

import pytest

from tests.support.webhooks.fixtures import address, database, kind, receiver

__all__ = ["address", "database", "kind", "receiver"]


@pytest.fixture
def has_tables() -> bool:
    """These tests migrate their stores themselves."""
    return False
