"""What tests of the relay start: a relay in a thread, a receiver that is told what to answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relay.receiver import Receiver, receiving
from tests.relay.running import Relay, configure, in_thread


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def relay(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    with in_thread(configure(tmp_path, url=receiver.url)) as running:
        yield running
