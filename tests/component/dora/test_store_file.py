"""A store's file that is deleted or replaced under a running DORA server: nothing more is accepted."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread


def test_a_file_that_was_deleted_takes_no_event(tmp_path: Path) -> None:
    """After `rm` events are answered 503, and so is the readiness check, also before an event comes."""
    store = tmp_path / "dora.db"
    with in_thread(store) as receiver:
        key = receiver.key("sender")
        assert receiver.post(key, body("deploy")).status_code == 202
        store.unlink()
        assert requests.get(f"{receiver.url}/readyz", timeout=10).status_code == 503
        assert receiver.post(key, body("deploy", id="another")).status_code == 503
        assert not store.exists()
