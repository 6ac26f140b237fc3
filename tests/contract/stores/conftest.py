"""The fixtures of the DORA server, for the tests of its stores, on each database."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived.model import rows
from gitdailies_server.storage.database import Database, Session

from tests.support.databases import KINDS, opened
from tests.support.dora.fixtures import address, database, has_tables, receiver
from tests.support.empty_stores import DORA, RELAY
from tests.support.figures.derived_store import SETTINGS, Opened, rolled_back

__all__ = ["address", "database", "has_tables", "receiver"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def relay_database(kind: str, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """A database of a relay, with empty tables."""
    with opened(kind, tmp_path, tables=RELAY) as made:
        yield made


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A store that answers by its rows: it has the settings with which they are made."""
    folder = tmp_path_factory.mktemp("derived")
    with opened(str(request.param), folder, tables=DORA) as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            assert rows.reset(session, SETTINGS, 1)
            yield database(), session


@pytest.fixture
def connection(store: Opened) -> Iterator[Session]:
    with rolled_back(store) as session:
        yield session
