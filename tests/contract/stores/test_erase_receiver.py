"""`gitdailies erase` and the receiver's store: no text is left, and figures are those without it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from gitdailies_core.values.erased_text import ErasedText
from gitdailies_dora import erasing
from gitdailies_dora.accounts import screen_store
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.sql.additions import TABLE
from gitdailies_dora.sql.database import MIGRATIONS, transaction
from gitdailies_dora.sql.text_of_people import TEXTS
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.erasing import Erasure
from gitdailies_server.storage.timestamps import utc_now

from tests.component.figures.test_reload import BERLIN, figures, settled
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.erasing import columns, columns_with_text, files_with, tables_with
from tests.support.figures.asking import worked
from tests.support.processes import eventually

TABLES = sorted(columns(MIGRATIONS, TABLE))
KIM = "kim.larkspur"
SECOND = ErasedText.make(KIM)


def erase(database: Database, **what: Any) -> dict[str, int]:
    """Erase, and take it out of free space, as the command does; return what was counted."""
    erased = erasing.erase(database, Erasure(**what), actor="ops")
    assert database.scrub() == ""
    return dict(+erased.counts)


def delete(receiver: Receiver, key: str, id_: str) -> None:
    answer = requests.delete(f"{receiver.url}/api/events/{id_}", headers={"webhook-key": key}, timeout=30)
    assert answer.status_code == 200


def test_an_erased_event_leaves_nothing_and_does_not_come_back(database: Callable[[], Database]) -> None:
    """Beside a running server, an event goes with its copies and mistakes. A repeat is known, not stored."""
    event = body("incident-started", id="for-kim-7", title=f"Checkout fails, says {KIM}")
    with in_thread(database()) as receiver:
        key = receiver.key("all", "send", "read", "delete")
        assert receiver.post(key, [event, body("deploy", id="stays")]).status_code == 202
        assert receiver.post(key, {**event, "title": "other"}).status_code == 409
        assert erase(database(), events=("for-kim-7",)) == {"event": 1, "wrong request": 1}
        assert (tables_with(database(), TABLES, "kim"), files_with(database(), "kim")) == (set(), [])

        answer = receiver.post(key, event)
        assert (answer.status_code, answer.json()) == (
            202,
            {"status": "unchanged", "id": "for-kim-7", "erased": True},
        )
        assert [one["id"] for one in receiver.events(key)] == ["stays"]
        delete(receiver, key, "stays")
        assert erase(database(), events=("stays",)) == {"audit text": 1}
    with transaction(database()) as session:
        lines = [
            (line.actor, line.action, line.subject, line.detail) for line in read_audit(session, limit=3)
        ]
    assert lines == [
        ("ops", "events.erased", "", {"erased": {"audit text": 1}}),
        ("all", "event.deleted", "[erased]", {}),
        ("ops", "events.erased", "", {"erased": {"event": 1, "wrong request": 1}}),
    ]


def test_figures_are_those_of_a_history_without_what_was_erased(
    database: Callable[[], Database], tmp_path: Path
) -> None:
    """Rows and answers after an erasure by id and by date equal those of a new store without these events."""
    events = worked()
    before = sorted(event["time"] for event in events)[len(events) // 4]
    gone = [event["id"] for event in events if event["time"] >= before][::7]
    rest = [event for event in events if event["time"] >= before and event["id"] not in gone]
    new = at(f"sqlite:{tmp_path}/new.db")
    with in_thread(database(), settings=BERLIN) as old:
        key = old.key("all", "send", "read")
        assert old.post(key, events).status_code == 202
        figures(old, key)
    # The server is stopped: the rows are derived by the command itself.
    moment = datetime.fromisoformat(before)
    planned = erasing.erase(database(), Erasure(before=moment), dry=True)
    assert erase(database(), before=moment)["event"] == planned.counts["event"] > 10
    erase(database(), events=tuple(gone))
    with in_thread(new, settings=BERLIN) as fresh:
        fresh_key = fresh.key("all", "send", "read")
        assert fresh.post(fresh_key, rest).status_code == 202
        eventually(lambda: settled(database(), BERLIN) == settled(at(f"sqlite:{tmp_path}/new.db"), BERLIN))
        with in_thread(database(), settings=BERLIN) as old:
            answers = [
                [{**one, "asOf": ""} for one in figures(*asked)] for asked in ((old, key), (fresh, fresh_key))
            ]
    assert answers[0] == answers[1]


def test_a_text_is_replaced_everywhere_and_counts_as_before(database: Callable[[], Database]) -> None:
    """Title, foreign fields, audit, keys and mistakes lose the text. What counts keeps it, and is named."""
    counting = body("deploy", id="counts", repo=f"{KIM}/shop")
    deploy = body(
        "deploy", id="d-1", branch=f"{KIM}/fix", url=f"https://x.example/{KIM}", owner={"mail": KIM.upper()}
    )
    with in_thread(database()) as receiver:
        key = receiver.key(f"laptop of {KIM}", "send", "read", "delete")
        started = body("incident-started", id="i-1", title=f"says {KIM}")
        assert receiver.post(key, [deploy, counting, started]).status_code == 202
        assert receiver.post(key, [body("deploy", id="gone", note=KIM)]).status_code == 202
        delete(receiver, key, "gone")
        receiver.post(key, {**counting, "branch": "x"})
        with transaction(database()) as session:
            now = utc_now()
            name = f"desk of {KIM}"
            screen_store.add(session, b"hash", name=name, expires_at=now, actor="ops", now=now)
        before = receiver.get(key, "/api/metrics", now="2026-06-01T00:00:00Z").json()
        planned = erasing.erase(database(), Erasure(text=SECOND), dry=True)
        assert tables_with(database(), TABLES, KIM) >= {"events", "audit", "keys", "screens"}
        erased = erasing.erase(database(), Erasure(text=SECOND), actor="ops")
        assert database().scrub() == ""
        assert (planned.counts, planned.left) == (erased.counts, erased.left)
        assert (erased.counts["event"], erased.counts["key"], erased.left["event.repo"]) == (2, 1, 1)
        assert (erased.counts["screen"], erased.events) == (1, ["counts"])

        stored = {one["id"]: one for one in receiver.events(key)}
        assert (stored["i-1"]["title"], stored["d-1"]["branch"]) == ("says [erased]", "[erased]/fix")
        assert (stored["d-1"]["owner"], stored["counts"]["repo"]) == ({"mail": "[erased]"}, counting["repo"])
        after = receiver.get(key, "/api/metrics", now="2026-06-01T00:00:00Z").json()
        assert {**after, "asOf": ""} == {**before, "asOf": ""}
        assert receiver.post(key, started).json()["status"] == "unchanged"
        assert erase(database(), events=("counts",))["event"] == 1
        assert (tables_with(database(), TABLES, KIM), files_with(database(), KIM)) == (set(), [])


def test_an_unknown_id_is_named_and_an_account_that_may_sign_in_is_left(
    database: Callable[[], Database],
) -> None:
    """An id that nothing has is unknown. The name of a member stays until the account is removed."""
    with transaction(database()) as session:
        for name, removed_at in (("Kim Larkspur", None), ("Kim Larkspur jr", 5)):
            session.execute(
                "INSERT INTO people (name, folded, role, password, created_at, removed_at)"
                " VALUES (?,?,'member','',1,?)",
                (name, name.casefold(), removed_at),
            )
    assert erasing.erase(database(), Erasure(events=("nothing",))).unknown == ["nothing"]
    erased = erasing.erase(database(), Erasure(text=ErasedText.make("kim larkspur")))
    assert (erased.counts["account"], erased.left["accounts"]) == (1, 1)
    with transaction(database()) as session:
        names = session.execute("SELECT name, folded FROM people ORDER BY id").fetchall()
        session.execute("UPDATE people SET removed_at = 6")
    assert [tuple(row) for row in names] == [("Kim Larkspur", "kim larkspur"), ("[erased] jr", "[erased] jr")]
    assert erase(database(), before=datetime(2026, 1, 1, tzinfo=UTC)) == {"account": 2}


def test_a_repository_is_erased_whole(database: Callable[[], Database]) -> None:
    """Each spelling of it goes, deleted events too, and its figures. A repeat is known, and others stay."""
    names = ("northlight/legder", "Northlight/Legder", "northlight/ledger")
    with in_thread(database()) as receiver:
        key = receiver.key("all", "send", "read", "delete")
        events = [body("deploy", id=f"d{n}", repo=name) for n, name in enumerate(names)]
        started = body("incident-started", id="i", repo=names[0])
        receiver.post(key, [*events, started, body("deploy", id="gone", repo=names[0], note="of-legder")])
        delete(receiver, key, "gone")
        what = {"event": 3, "audit text": 1}
        assert dict(+erasing.erase(database(), Erasure(repo=names[0]), dry=True).counts) == what
        assert erase(database(), repo=names[0]) == what
        assert [one["id"] for one in receiver.events(key)] == ["d2"]
        assert receiver.post(key, events[1]).json()["erased"] is True
        assert tables_with(database(), TABLES, "legder") == set()


def test_copies_of_old_events_go_with_them(database: Callable[[], Database]) -> None:
    """An event of long ago that was deleted lately is erased from the audit log by its own time."""
    with in_thread(database()) as receiver:
        key = receiver.key("all", "send", "delete")
        old = body("deploy", id="old", time="2025-01-01T00:00:00Z", note="of-long-ago")
        receiver.post(key, [old, body("deploy", id="new", note="of-late")])
        delete(receiver, key, "old")
        delete(receiver, key, "new")
    assert erase(database(), before=datetime(2025, 6, 1, tzinfo=UTC)) == {"audit text": 1}
    assert tables_with(database(), TABLES, "of-long-ago") == set()
    assert tables_with(database(), TABLES, "of-late") == {"audit"}


def test_every_column_that_may_hold_text_is_listed() -> None:
    """Each column of text or bytes has one line in the table `TEXTS`, and each line names columns."""
    listed = sorted(f"{line.table}.{column}" for line in TEXTS for column in line.columns)
    assert listed == columns_with_text(MIGRATIONS, TABLE)


def test_the_detail_of_an_audit_line_stays_json(database: Callable[[], Database]) -> None:
    """After a text was replaced in a copy of an event, the line can still be read."""
    with in_thread(database()) as receiver:
        key = receiver.key("all", "send", "delete")
        receiver.post(key, body("deploy", id="x", note='say "Kim Larkspur"'))
        delete(receiver, key, "x")
    erase(database(), text=ErasedText.make('"Kim Larkspur"'))
    with transaction(database()) as session:
        (detail,) = session.execute("SELECT detail FROM audit WHERE action = 'event.deleted'").fetchone()
    assert json.loads(detail)["event"]["note"] == "say [erased]"
