"""One receiver a test, on a port and a store of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from gitdailies_server import logs

from tests.webhooks.running import Receiver, in_thread


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with in_thread(tmp_path / "webhooks.db") as running:
        yield running


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Receiver]:
    with in_thread(tmp_path / "strict.db", strict_order=True) as running:
        yield running


@pytest.fixture
def log_lines(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What the receiver logs stands on stderr, as it does under a command."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    if structlog.is_configured():  # loggers keep what they were first configured with
        logs.forward_libraries()
    else:
        logs.configure()
    yield capfd
    root.handlers[:], root.level = before
