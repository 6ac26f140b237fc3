"""Stores of every release: opened by this version with the same events and ids, and counted as new ones.

`released/NAME.json` has a store of each server as those of NAME left it. `tests/support/released_stores.py`
writes it. 534af8b and 2e8d262d are commits before the first release.
"""

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.values.renames import NO_RENAMES
from gitdailies_dora.accounts.audit import read_audit
from gitdailies_dora.events.records import spellings
from gitdailies_dora.events.records.senders import all_senders
from gitdailies_dora.sql import database as dora_database
from gitdailies_dora.sql.database import transaction
from gitdailies_relay.store import store as relay_store
from gitdailies_server.shared_metrics import VERSION
from gitdailies_server.storage.database import Database

from tests.component.figures.test_reload import BERLIN, figures, settled
from tests.contract.stores.test_migrations import shape
from tests.support import released_stores
from tests.support.databases import opened, setting
from tests.support.dora.running import at, in_thread
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure
from tests.support.relay.running import in_thread as relay_in_thread

ROOT = Path(__file__).resolve().parents[3]
LATER = {
    "kind": "deployed",
    "id": "later",
    "repo": "larkspur/shop",
    "environment": "production",
    "commitSHA": "9d4c1b7a20e6",
    "time": "2026-04-05T10:00:00Z",
}
# Commits before the first release.
BEFORE = {"534af8b", "2e8d262d"}
FILES = sorted(released_stores.FOLDER.glob("*.json"))
SERVERS = {
    "relay": (relay_store.MIGRATIONS, relay_store.migrate),
    "dora": (dora_database.MIGRATIONS, dora_database.migrate),
}


@pytest.fixture
def has_tables() -> bool:
    """These tests migrate their stores themselves."""
    return False


@pytest.fixture(params=FILES, ids=lambda file: str(file.stem))
def released(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return found


def test_every_release_has_its_stores() -> None:
    """Each release of the changelog has a file, and so have two commits before the first."""
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    kept = {file.stem for file in FILES}
    # Those of the next release are written before it has a day in the changelog.
    assert BEFORE | set(released) <= kept <= BEFORE | {*released, VERSION}


def test_the_dora_server_counts_as_before(
    released: dict[str, Any], database: Callable[[], Database], tmp_path: Path
) -> None:
    """Every event keeps its id, the key works, and rows and figures are those of a new store."""
    stored = released["dora"]
    released_stores.load(database(), SERVERS["dora"][0], stored, tmp_path / "earlier")
    events = [json.loads(row["body"]) for row in released_stores.rows(stored, "events")]
    new = at(f"sqlite:{tmp_path}/new.db")
    with in_thread(database(), settings=BERLIN) as upgraded, in_thread(new, settings=BERLIN) as fresh:
        assert shape(database()) == shape(new)
        with transaction(database()) as session:
            assert len(read_audit(session, limit=9)) == len(stored["tables"]["audit"]["rows"])
            assert set(spellings.names(session, NO_RENAMES)) == {event["repo"] for event in events}
            assert sum(one.events for one in all_senders(session)) == len(events)
        listed = upgraded.events(released["key"], limit="1000")
        assert [{k: v for k, v in one.items() if k != "receivedAt"} for one in listed] == events
        key = fresh.key("all", "send", "read")
        assert fresh.post(key, events).status_code == 202
        new = at(f"sqlite:{tmp_path}/new.db")
        both = ((upgraded, released["key"]), (fresh, key))
        for more in ([], [LATER]):
            assert not more or {one.post(its, more).status_code for one, its in both} == {202}
            eventually(lambda: settled(database(), BERLIN) == settled(new, BERLIN))
            answers = [[{**one, "asOf": ""} for one in figures(*asked)] for asked in both]
            assert answers[0] == answers[1]
        again = upgraded.post(released["key"], events).json()["results"]
    assert {one["status"] for one in again} == {"unchanged"}


def test_what_git_said_moves_to_its_new_table(database: Callable[[], Database], tmp_path: Path) -> None:
    """Revision 0018 renames `git_told` to `git_deploys` without the loss of a row."""
    stored = json.loads((released_stores.FOLDER / "534af8b.json").read_text("utf-8"))["dora"]
    released_stores.load(database(), SERVERS["dora"][0], stored, tmp_path / "earlier")
    said = [("d1", "larkspur/shop", 5, "", "[]"), ("d2", "larkspur/ledger", 7, "cut", "")]
    with closing(database().connect()) as session:
        database().begin(session)
        session.executemany(
            "INSERT INTO git_told (id, repo, at, unknown, commits) VALUES (?, ?, ?, ?, ?)", said
        )
        database().commit(session)
    dora_database.migrate(database())
    with transaction(database()) as session:
        kept = session.execute(
            "SELECT id, repo, at, unknown, commits FROM git_deploys ORDER BY id"
        ).fetchall()
    assert list(map(tuple, kept)) == said


def test_a_relay_goes_on(released: dict[str, Any], kind: str, tmp_path: Path) -> None:
    """What waited is sent under its id, a redelivery is a repeat, and an open incident ends as it began."""
    stored = released["relay"]
    ids = {row["incident"]: row["id"] for row in released_stores.rows(stored, "events")}
    with setting(kind, tables=None) as place, receiving() as receiver:
        file = configure(tmp_path, url=receiver.url, store=place)
        file.write_text(file.read_text().replace("relay:\n", "relay:\n  delivered_days: 3650\n"))
        (tmp_path / "relay.db").unlink(missing_ok=True)
        database = relay_store.database_of(load(file).relay.store)
        released_stores.load(database, SERVERS["relay"][0], stored, tmp_path / "earlier")
        with relay_in_thread(file) as relay:
            (arrival,) = eventually(lambda: receiver.of("WAITS"))
            assert arrival.id == ids["WAITS"]
            answers = [one.post(relay.url).json() for one in released_stores.sent(released)]
            again = {id_ for one in answers for id_ in one.get("events", [])}
            pagerduty("incident.resolved", "OPEN", service="ledger", at=ENDED_AT).post(relay.url)
            ended = eventually(lambda: (found := receiver.of("OPEN"))[1:] and found)
    assert again == {row["id"] for row in released_stores.rows(stored, "events")}
    assert [one.event["kind"] for one in ended] == ["incidentResolved"] * 2
    assert {one.event["incidentId"] for one in receiver.arrivals} == {"WAITS", "OPEN"}


@pytest.mark.long
def test_the_stores_of_this_version_can_be_loaded(kind: str, tmp_path: Path) -> None:
    """What the next release will keep, its own servers' stores, can be read again."""
    released_stores.fill(tmp_path, {})
    for server, (folder, migrate) in SERVERS.items():
        stored = released_stores.dump(tmp_path / f"{server}.db")
        (scratch := tmp_path / f"loaded-{server}").mkdir()
        with opened(kind, scratch) as made:
            released_stores.load(made(), folder, stored, scratch / "earlier")
            migrate(made())
            with closing(made().connect()) as session:
                (count,) = session.execute("SELECT count(*) FROM events").fetchone()
        assert count == len(list(released_stores.rows(stored, "events"))) > 0
