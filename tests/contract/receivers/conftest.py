"""The fixtures of the DORA server, for these tests."""

from tests.support.dora.fixtures import address, database, has_tables, kind, receiver

__all__ = ["address", "database", "has_tables", "kind", "receiver"]
