"""One receiver a test, on a port and a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webhooks.running import Receiver, in_thread


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with in_thread(tmp_path / "webhooks.db") as running:
        yield running


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Receiver]:
    with in_thread(tmp_path / "strict.db", strict_order=True) as running:
        yield running
