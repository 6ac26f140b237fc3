"""The servers of the release before run on the schema of this one, so that an upgrade needs no pause."""

from contextlib import ExitStack
from pathlib import Path

import gitdailies_dora.sql.database
import gitdailies_relay.store.store
import pytest
import requests
from gitdailies_server import readiness
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.migrations import revisions

from tests.support.databases import KINDS, setting
from tests.support.dora.payloads import body
from tests.support.dora.running import at, in_thread
from tests.support.processes import eventually, running
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure
from tests.support.relay.running import in_thread as relay_in_thread
from tests.support.release_before import release_before

MIGRATIONS = {
    "relay": gitdailies_relay.store.store.MIGRATIONS,
    "dora": gitdailies_dora.sql.database.MIGRATIONS,
}


@pytest.mark.parametrize("kind", KINDS)
def test_its_dora_server_takes_and_shows_events(kind: str, tmp_path: Path) -> None:
    """It serves a store that this version made, and this version goes on with what it stored."""
    with setting(kind, tables=None) as place:
        store = f"sqlite:{tmp_path}/dora.db" if kind == "sqlite" else place
        with in_thread(at(store)) as now:
            key = now.key("all", "send", "read")
            assert now.post(key, body("deploy", id="new-1")).status_code == 202
        with running(
            "webhooks", "--listen", "127.0.0.1:0", "--store", store, folder=tmp_path, environ=release_before()
        ) as old:
            session = requests.Session()
            session.headers["webhook-key"] = key
            sent = session.post(f"{old.address}/webhooks", json=body("deploy", id="old-1"), timeout=60)
            listed = session.get(f"{old.address}/api/events", timeout=60).json()["events"]
            figures = session.get(f"{old.address}/api/metrics", timeout=60)
        with in_thread(at(store)) as now:
            again = [one["id"] for one in now.events(key)]

    assert (sent.status_code, figures.status_code) == (202, 200)
    assert [one["id"] for one in listed] == again == ["new-1", "old-1"]


@pytest.mark.parametrize("kind", KINDS)
def test_its_relay_goes_on_with_an_open_incident(kind: str, tmp_path: Path) -> None:
    """An incident that this version's relay took ends at that of the release before, as one incident."""
    with setting(kind, tables=None) as store, receiving() as receiver:
        file = configure(tmp_path, url=receiver.url, store=store)
        with relay_in_thread(file) as relay:
            assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
            eventually(lambda: receiver.of("Q1"))
        with running("relay", "--config", str(file), folder=tmp_path, environ=release_before()) as old:
            ended = pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(old.address)
            assert ended.status_code == 202
            arrived = eventually(lambda: (found := receiver.of("Q1"))[1:] and found)

    assert [one.event["kind"] for one in arrived] == ["incidentStarted", "incidentResolved"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("server", MIGRATIONS)
def test_a_server_is_ready_until_a_later_release_leaves_it_behind(
    kind: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a schema that was only expanded it stays ready; on one that needs a later release it says so."""
    monkeypatch.setattr(readiness, "READY_SECONDS", 0)  # each question is asked of the store
    with setting(kind, tables=None) as store, ExitStack() as running_server:
        file = configure(tmp_path, store=store)
        if server == "relay":
            relay = running_server.enter_context(relay_in_thread(file))
            url, database = relay.url, relay.database
        else:
            database = at(store if kind == "postgresql" else f"sqlite:{tmp_path}/dora.db")
            url = running_server.enter_context(in_thread(database)).url
        for oldest, status in ((revisions(MIGRATIONS[server])[-1], 200), ("9999", 503)):
            with transaction(database) as session:
                later = "UPDATE alembic_version SET version_num = '9999', release = '7.0.0', oldest = ?"
                session.execute(later, (oldest,))
            answer = requests.get(f"{url}/readyz", timeout=30)
            assert answer.status_code == status, answer.text

    assert "release 7.0.0 of gitdailies-integrations wrote it: install that one" in answer.json()["reason"]
