"""Stores of every release: opened by this version with the same events and ids, and counted as new ones.

`released/NAME.json` has a store of each server as those of NAME left it. `tests/support/released_stores.py`
writes it. 534af8b and 2e8d262d are commits before the first release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.errors import ConfigurationError
from gitdailies_dora.sql import database as dora_database
from gitdailies_relay.store import store as relay_store
from gitdailies_server.shared_metrics import VERSION
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database

from tests.component.figures.test_reload import BERLIN, figures, settled, until
from tests.support import released_stores
from tests.support.databases import KINDS, opened, setting
from tests.support.dora.running import at, in_thread
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure
from tests.support.relay.running import in_thread as relay_in_thread

ROOT = Path(__file__).resolve().parents[3]
# Commits before the first release.
BEFORE = {"534af8b", "2e8d262d"}
FILES = sorted(released_stores.FOLDER.glob("*.json"))
SERVERS = {
    "relay": (relay_store.MIGRATIONS, relay_store.migrate),
    "dora": (dora_database.MIGRATIONS, dora_database.migrate),
}


@pytest.fixture(params=FILES, ids=lambda file: str(file.stem))
def released(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return found


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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
        listed = upgraded.events(released["key"], limit="1000")
        assert [{k: v for k, v in one.items() if k != "receivedAt"} for one in listed] == events
        key = fresh.key("all", "send", "read")
        assert fresh.post(key, events).status_code == 202
        until(lambda: settled(database(), BERLIN) == settled(at(f"sqlite:{tmp_path}/new.db"), BERLIN))
        answers = [
            [{**one, "asOf": ""} for one in figures(*asked)]
            for asked in ((upgraded, released["key"]), (fresh, key))
        ]
        again = upgraded.post(released["key"], events).json()["results"]
    assert answers[0] == answers[1]
    assert {one["status"] for one in again} == {"unchanged"}


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


@pytest.mark.parametrize("server", SERVERS)
def test_this_version_is_named_to_an_earlier_one(server: str, kind: str, tmp_path: Path) -> None:
    """A store of a newer release is refused: both schemas and releases are named, and nothing changes."""
    folder, migrate = SERVERS[server]
    with opened(kind, tmp_path) as made:
        migrate(made())
        with closing(made().connect()) as session:
            session.execute("UPDATE alembic_version SET version_num = '9999', release = '7.0.0'")
        last = migrations.revisions(folder)[-1]
        expected = f"up to {last}, which release .* knows, got 9999; release 7.0.0 of gitdailies-integrations"
        with pytest.raises(ConfigurationError, match=expected):
            migrate(made())
        with closing(made().connect()) as session:
            assert made().release(session) == "7.0.0"


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
