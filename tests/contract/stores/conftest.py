"""The fixtures of incoming webhooks, for the tests of their stores."""

from tests.support.webhooks.fixtures import address, database, kind, receiver

__all__ = ["address", "database", "kind", "receiver"]
