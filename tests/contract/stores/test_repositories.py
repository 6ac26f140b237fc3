"""The names of repositories: always those that stored events have, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from gitdailies_core.values.renames import NO_RENAMES
from gitdailies_core.values.times import text_of
from gitdailies_dora import erasing
from gitdailies_dora.events import retention
from gitdailies_dora.events.records import spellings
from gitdailies_dora.sql.database import transaction
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.erasing import Erasure

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread

NOW = datetime.now(UTC)


def known(database: Database) -> list[str]:
    """Return the names in their table, which must be those of the events."""
    with transaction(database) as session:
        found = session.execute("SELECT DISTINCT repo FROM events WHERE repo IS NOT NULL").fetchall()
        names = spellings.names(session, NO_RENAMES)
    assert sorted(names) == sorted(name for (name,) in found)
    return sorted(names)


def deploy(id_: str, repo: str, *, days: int = 1) -> dict[str, Any]:
    return body("deploy", id=id_, repo=repo, time=text_of(NOW - timedelta(days=days)))


def test_a_name_stays_as_long_as_an_event_has_it(database: Callable[[], Database]) -> None:
    """Accepting, deleting, expiring and erasing keep the names: a name goes with its last event."""
    with in_thread(database()) as receiver:
        key = receiver.key("all", "send", "read", "delete")
        sent = [
            deploy("a1", "larkspur/a"),
            deploy("a2", "Larkspur/A"),
            deploy("b1", "larkspur/b"),
            deploy("b2", "larkspur/b"),
            deploy("c1", "larkspur/c", days=40),
            deploy("d1", "larkspur/d"),
        ]
        assert receiver.post(key, sent[0]).status_code == 202
        assert known(database()) == ["larkspur/a"]
        assert receiver.post(key, sent).status_code == 202
        # A refused event and a repeat store nothing.
        assert (
            receiver.post(key, [{**sent[0], "repo": "larkspur/z"}, {"kind": "deployed"}]).status_code == 207
        )
        assert known(database()) == ["Larkspur/A", "larkspur/a", "larkspur/b", "larkspur/c", "larkspur/d"]

        for id_ in ("a1", "b1"):
            url = f"{receiver.url}/api/events/{id_}"
            assert requests.delete(url, headers={"webhook-key": key}, timeout=30).status_code == 200
        assert known(database()) == ["Larkspur/A", "larkspur/b", "larkspur/c", "larkspur/d"]
        with transaction(database()) as session:
            assert retention.expire(session, NOW - timedelta(days=30), NOW) == 1
        assert known(database()) == ["Larkspur/A", "larkspur/b", "larkspur/d"]
        erasing.erase(database(), Erasure(events=("d1",)), actor="ops")
        assert known(database()) == ["Larkspur/A", "larkspur/b"]
        erasing.erase(database(), Erasure(before=NOW), actor="ops")
        assert known(database()) == []
