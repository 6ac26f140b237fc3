"""The fixtures of incoming webhooks, for these tests."""

from tests.support.webhooks.fixtures import address, database, kind, receiver

__all__ = ["address", "database", "kind", "receiver"]
