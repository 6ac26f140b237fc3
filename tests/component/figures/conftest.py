"""The fixtures of the DORA server, for these tests, and a repository."""

import pytest

from tests.support.dora.fixtures import address, database, has_tables, kind
from tests.support.dora.visitor import owner
from tests.support.figures.git.repository import Repository, week

__all__ = ["address", "database", "has_tables", "kind", "owner"]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The repository of the week that the derivation is about. No test changes it."""
    return week(tmp_path_factory.mktemp("git") / "work")
