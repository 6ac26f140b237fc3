"""Fixtures for tests of the DORA server: one receiver a test, with its own port and store."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from gitdailies_server.logging import setup
from gitdailies_server.storage.database import Database

from tests.support.databases import postgresql_url
from tests.support.dora.running import Receiver, at, in_thread, lines_written
from tests.support.empty_stores import DORA


@pytest.fixture
def kind() -> str:
    """Which database; modules of tests about the store ask for each."""
    return "sqlite"


@pytest.fixture
def has_tables() -> bool:
    """Whether a new database has its tables; tests that migrate it themselves say no."""
    return True


@pytest.fixture
def address(kind: str, tmp_path: Path, has_tables: bool) -> Iterator[str]:
    """The `--store` value of a new database."""
    if kind == "sqlite":
        if has_tables:
            DORA.put(tmp_path / "dora.db")
        yield f"sqlite:{tmp_path / 'dora.db'}"
    else:
        with postgresql_url(DORA if has_tables else None) as url:
            yield url


@pytest.fixture
def database(address: str) -> Callable[[], Database]:
    """A function that opens the same new database each time."""
    return lambda: at(address)


@pytest.fixture
def receiver(request: pytest.FixtureRequest, database: Callable[[], Database]) -> Iterator[Receiver]:
    if "log_lines" in request.fixturenames:
        request.getfixturevalue("log_lines")  # before the server starts
    with in_thread(database()) as running:
        yield running


@pytest.fixture
def strict(database: Callable[[], Database]) -> Iterator[Receiver]:
    with in_thread(database(), strict_order=True) as running:
        yield running


@pytest.fixture
def log_lines(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.CaptureFixture[str]]:
    """The receiver logs to stderr, as it does under a command. What was logged is written when it is read."""
    read = capfd.readouterr

    def written() -> object:
        setup._OUT.flush()
        return read()

    monkeypatch.setattr(capfd, "readouterr", written)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    if setup._line in structlog.get_config()["processors"]:  # loggers hold on to their configuration
        setup.forward_libraries()
    else:
        setup.configure()
    with lines_written():
        yield capfd
    root.handlers[:], root.level = before
