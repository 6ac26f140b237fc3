"""The fixtures of incoming webhooks, for these tests."""

from tests.support.webhooks.fixtures import (
    address,
    database,
    has_tables,
    kind,
    log_lines,
    receiver,
    strict,
)
from tests.support.webhooks.visitor import owner, viewer

__all__ = [
    "address",
    "database",
    "has_tables",
    "kind",
    "log_lines",
    "owner",
    "receiver",
    "strict",
    "viewer",
]
