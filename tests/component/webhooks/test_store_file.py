"""A store's file that is deleted or replaced under running incoming webhooks: nothing more is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from gitdailies_server.storage import file_watch

from tests.support.webhooks.payloads import body
from tests.support.webhooks.running import in_thread


def test_a_file_that_was_deleted_takes_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `rm` events are answered 503, and so is the readiness check, also before an event comes."""
    monkeypatch.setattr(file_watch, "CHECK_SECONDS", 0.0)
    store = tmp_path / "webhooks.db"
    with in_thread(store) as receiver:
        key = receiver.key("sender")
        assert receiver.post(key, body("deploy")).status_code == 202
        store.unlink()
        assert requests.get(f"{receiver.url}/readyz", timeout=10).status_code == 503
        assert receiver.post(key, body("deploy", id="another")).status_code == 503
        assert not store.exists()
