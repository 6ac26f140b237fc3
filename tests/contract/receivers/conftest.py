"""The fixtures of incoming webhooks, for these tests."""

from tests.support.webhooks.fixtures import address, database, has_tables, kind, receiver

__all__ = ["address", "database", "has_tables", "kind", "receiver"]
