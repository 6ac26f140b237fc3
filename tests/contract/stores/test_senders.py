"""The rows of senders on both databases: kept on arrival, true after deletions, and made for an old store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_dora import erasing
from gitdailies_dora.accounts.keys.key_store import create_key, find_key
from gitdailies_dora.accounts.keys.webhook_key import hash_of
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.events import queries, retention
from gitdailies_dora.events.intake import parse
from gitdailies_dora.events.records.senders import Arrival, Sender, all_senders, note
from gitdailies_dora.sql.database import migrate, transaction
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.erasing import Erasure

from tests.support.dora.running import in_thread
from tests.support.dora.visitor import Visitor

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def store(database: Callable[[], Database]) -> Database:
    return database()


@pytest.fixture
def send(store: Database) -> Callable[..., None]:
    """Store events as a request does, at a moment."""
    secret, _ = create_key(store, "ci", ("send",))

    def stored(now: datetime, *events: dict[str, object]) -> None:
        submission = parse(
            list(events),
            key_header="",
            forbidden=lambda _: None,
            now=now + timedelta(days=1),
            new_id=lambda: "new",
        )
        with transaction(store) as session:
            key = find_key(session, hash_=hash_of(secret.reveal()))
            assert key is not None
            arrivals: list[Arrival] = []
            done = queries.accept(
                session, submission, key=key, now=now, strict_order=False, arrivals=arrivals
            )
            assert done is not None
            note(session, arrivals)

    return stored


def deploy(id_: str, time: datetime = NOW, **more: object) -> dict[str, object]:
    given = {"kind": "deployed", "id": id_, "repo": "larkspur/shop", "commitSHA": "a1" * 20}
    return {**given, "environment": "production", "time": time.isoformat(), **more}


def started(id_: str, **more: object) -> dict[str, object]:
    given = {"kind": "incidentStarted", "id": id_, "incidentId": id_, "repo": "larkspur/shop"}
    return {**given, "environment": "production", "time": NOW.isoformat(), **more}


def senders(store: Database) -> list[Sender]:
    with transaction(store) as session:
        return all_senders(session)


def counts(store: Database) -> list[tuple[bool, str, int]]:
    return [(one.deploys, one.reporter, one.events) for one in senders(store)]


def test_one_row_a_sender(store: Database, send: Callable[..., None]) -> None:
    """A row counts, knows the first and the last moment and the longest pause; a repeat counts nothing."""
    hour = timedelta(hours=1)
    send(NOW, deploy("1", reporter="step/jenkins"), deploy("2", reporter="step/jenkins"), started("3"))
    send(NOW + 3 * hour, deploy("4", reporter="step/jenkins"), deploy("1", reporter="step/jenkins"))
    send(NOW + 4 * hour, deploy("5", reporter="step/jenkins"))
    send(NOW + 5 * hour, started("6", source="pagerduty"))
    assert counts(store) == [(False, "pagerduty", 1), (True, "step/jenkins", 4), (False, "", 1)]
    _, jenkins, alone = senders(store)
    assert (jenkins.first_at, jenkins.last_at) == (NOW, NOW + 4 * hour)
    assert (jenkins.longest_pause, alone.longest_pause) == (3 * hour, None)
    assert jenkins.key == "ci"


def test_what_is_deleted_leaves_no_row(store: Database, send: Callable[..., None]) -> None:
    """Deleted, expired and erased events count no more, and a sender without events has no row."""
    old = NOW - timedelta(days=90)
    send(NOW, deploy("1"), deploy("2"), started("3"), deploy("4", old, reporter="step/travis"))
    with transaction(store) as session:
        assert queries.delete(session, "1", actor="ops", now=NOW)
    assert counts(store) == [(False, "", 1), (True, "", 1), (True, "step/travis", 1)]
    with transaction(store) as session:
        assert retention.expire(session, NOW - timedelta(days=30), NOW) == 1
    assert counts(store) == [(False, "", 1), (True, "", 1)]
    erasing.erase(store, Erasure(events=("3",)), actor="ops")
    assert counts(store) == [(True, "", 1)]
    erasing.erase(store, Erasure(repo="larkspur/shop"), actor="ops")
    assert counts(store) == []


def test_a_store_that_lacks_the_table_gets_the_same_rows(store: Database, send: Callable[..., None]) -> None:
    """The rows that are made of the events equal those that were kept, and are made once."""
    for number in range(9):
        moment = NOW + timedelta(hours=number**2)
        reporter = f"step/{number % 2}"
        send(moment, deploy(f"d{number}", reporter=reporter), started(f"i{number}", source="jira"))
    kept = senders(store)
    with transaction(store) as session:
        session.execute("DROP TABLE senders")
    assert senders(store) == kept
    with transaction(store) as session:
        session.execute("DELETE FROM senders")
    migrate(store)
    assert senders(store) == []


def test_events_of_no_row_are_not_denied(store: Database, send: Callable[..., None]) -> None:
    """A server of the release before keeps no rows. Connect does not say that nothing came."""
    send(NOW, started("1"), deploy("2"))
    with transaction(store) as session:
        session.execute("DELETE FROM senders")
    with in_thread(store) as running:
        owner = Visitor(running)
        owner.join(invite_owner(running.store), "Kim")
        page = owner.get("/connect").text
    assert "none so far" not in page
    assert "Who sends" in page
