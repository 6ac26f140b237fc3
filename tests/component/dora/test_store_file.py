"""A store's file that is deleted or replaced under a running DORA server: nothing more is accepted."""

from pathlib import Path

import requests

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread
from tests.support.dora.visitor import Visitor, owner_of


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


def test_pages_say_that_the_file_is_gone(tmp_path: Path) -> None:
    """Each page has one notice with what to do, as soon as the file is gone; a stranger reads no path."""
    store = tmp_path / "dora.db"
    with in_thread(store) as receiver:
        owner = owner_of(receiver)
        receiver.post(receiver.key("sender"), body("deploy"))
        paths = ("/dora", "/events", "/review", "/settings", "/connect")
        assert not any("No event is stored now" in owner.get(path).text for path in paths)
        store.rename(tmp_path / "elsewhere.db")
        for path in paths:
            page = owner.get(path).text
            assert page.count("No event is stored now") == 1, path
            assert "put the file back, or restart the server" in page, path
        assert str(store) not in Visitor(receiver).get("/sign-in").text
