"""The fixtures of incoming webhooks, for these tests."""

from tests.support.webhooks.fixtures import address, database, kind, log_lines, receiver, strict

__all__ = ["address", "database", "kind", "log_lines", "receiver", "strict"]
