"""Fixtures for tests of the relay: a relay in a thread, and a receiver whose answers the test sets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_core.values import http_answers
from gitdailies_relay.delivery import isolation, worker

from tests.support.relay.receiver import Receiver, receiving
from tests.support.relay.running import Relay, configure, in_thread


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def relay(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    with in_thread(configure(tmp_path, url=receiver.url)) as running:
        yield running


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay of this test wait a tenth of its usual times."""
    monkeypatch.setattr(http_answers, "FIRST_DELAY_SECONDS", 0.05)
    monkeypatch.setattr(http_answers, "LONGEST_DELAY_SECONDS", 0.3)
    monkeypatch.setattr(isolation, "FIRST_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(isolation, "LONGEST_BACKOFF_SECONDS", 0.3)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again within milliseconds, in the worker of this process."""
    monkeypatch.setattr(http_answers, "FIRST_DELAY_SECONDS", 0.02)
    monkeypatch.setattr(http_answers, "LONGEST_DELAY_SECONDS", 0.05)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.02)
