"""How long events are stored: without a limit by default, else for the set number of days."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_core.values.times import text_of
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.events import retention
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.database import Database

from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread
from tests.support.processes import eventually


@pytest.mark.parametrize("kind", KINDS)
def test_events_older_than_the_limit_are_deleted(
    kind: str, database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events before the limit are deleted, a few in each transaction, and the others stay."""
    monkeypatch.setattr(retention, "_AT_ONCE", 3)
    now = datetime.now(UTC)
    with in_thread(database()) as receiver:
        old = [body("deploy", id=f"old-{n}", time=text_of(now - timedelta(days=31))) for n in range(7)]
        new = [body("deploy", id=f"new-{n}", time=text_of(now - timedelta(days=29))) for n in range(2)]
        assert receiver.post(receiver.key("ci"), [*old, *new]).status_code == 202
    gone = []
    for _ in range(4):
        with transaction(database()) as session:
            gone.append(retention.expire(session, now - timedelta(days=30), now))
    with transaction(database()) as session:
        left = session.execute("SELECT id FROM events ORDER BY id").fetchall()
        lines = [line for line in read_audit(session) if line.action == "events.expired"]
    assert (gone, left) == ([3, 3, 1, 0], [("new-0",), ("new-1",)])
    assert [line.detail["events"] for line in lines] == [1, 3, 3]
    assert "old-" not in str(lines)


def test_a_server_deletes_events_older_than_its_setting(database: Callable[[], Database]) -> None:
    """A server with `keep_days` 30 deletes older events when it starts, and no others."""
    key, now = create_key(database(), "all", ("send", "read"))[0].reveal(), datetime.now(UTC)
    sent = [body("deploy", id=f"{days}", time=text_of(now - timedelta(days=days))) for days in (400, 1)]
    with in_thread(database()) as receiver:
        receiver.post(key, sent)
        assert len(receiver.events(key)) == 2
    with in_thread(database(), keep_days=30) as receiver:
        eventually(lambda: len(receiver.events(key)) < 2)
        assert [event["id"] for event in receiver.events(key)] == ["1"]
