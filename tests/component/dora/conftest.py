"""The fixtures of the DORA server, for these tests."""

from tests.support.dora.fixtures import (
    address,
    database,
    has_tables,
    kind,
    log_lines,
    receiver,
    strict,
)
from tests.support.dora.visitor import member, owner

__all__ = [
    "address",
    "database",
    "has_tables",
    "kind",
    "log_lines",
    "member",
    "owner",
    "receiver",
    "strict",
]
