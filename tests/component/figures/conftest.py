"""The fixtures of the DORA server, for these tests."""

from tests.support.dora.fixtures import address, database, has_tables, kind
from tests.support.dora.visitor import owner

__all__ = ["address", "database", "has_tables", "kind", "owner"]
