"""The servers of the release before run on the schema of this one, so that an upgrade needs no pause.

Before the first release, these are the servers of commit 2e8d262d. Their code is read from git.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import requests

from tests.support.databases import KINDS, setting
from tests.support.dora.payloads import body
from tests.support.dora.running import at, in_thread
from tests.support.once import made_once
from tests.support.processes import eventually, running
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure
from tests.support.relay.running import in_thread as relay_in_thread

ROOT = Path(__file__).resolve().parents[3]
BEFORE = "2e8d262d"


@pytest.fixture(scope="session")
def before() -> dict[str, str]:
    """The variables with which `python -m gitdailies_cli` is the command of the release before."""

    def make(folder: Path) -> None:
        archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")

    folder = made_once(f"release-{BEFORE}", make)
    rooms = sorted({path.parent.parent for path in folder.glob("*/gitdailies_*/__init__.py")})
    return {"PYTHONPATH": os.pathsep.join(map(str, rooms))}


@pytest.mark.parametrize("kind", KINDS)
def test_its_dora_server_takes_and_shows_events(kind: str, before: dict[str, str], tmp_path: Path) -> None:
    """It serves a store that this version made, and this version goes on with what it stored."""
    with setting(kind, tables=None) as place:
        store = f"sqlite:{tmp_path}/dora.db" if kind == "sqlite" else place
        with in_thread(at(store)) as now:
            key = now.key("all", "send", "read")
            assert now.post(key, body("deploy", id="new-1")).status_code == 202
        with running(
            "webhooks", "--listen", "127.0.0.1:0", "--store", store, folder=tmp_path, environ=before
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
def test_its_relay_goes_on_with_an_open_incident(kind: str, before: dict[str, str], tmp_path: Path) -> None:
    """An incident that this version's relay took ends at that of the release before, as one incident."""
    with setting(kind, tables=None) as store, receiving() as receiver:
        file = configure(tmp_path, url=receiver.url, store=store)
        with relay_in_thread(file) as relay:
            assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
            eventually(lambda: receiver.of("Q1"))
        with running("relay", "--config", str(file), folder=tmp_path, environ=before) as old:
            ended = pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(old.address)
            assert ended.status_code == 202
            arrived = eventually(lambda: (found := receiver.of("Q1"))[1:] and found)

    assert [one.event["kind"] for one in arrived] == ["incidentStarted", "incidentResolved"]
