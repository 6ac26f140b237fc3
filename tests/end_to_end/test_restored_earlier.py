"""Both servers after a restore to an earlier moment: what is missing, what is refused, and the way out."""

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.support.databases import KINDS, setting
from tests.support.processes import Server, eventually, run, running
from tests.support.programs import postgresql_programs
from tests.support.relay.deliveries import ENDED_AT, datadog, pagerduty
from tests.support.relay.running import configure
from tests.support.servers import free_port

SCHEMAS = {"relay": "gitdailies_relay", "dora": "gitdailies_webhooks"}


def copied(kind: str, server: str, store: str, folder: Path) -> Callable[[str], str]:
    """Copy the store of a server; return what restores it, given an empty database, and returns the place."""
    copy = str(folder / f"{server}.copy")
    if kind == "sqlite":
        run("backup", copy, "--store", store, folder=folder)

        def restore(_: str) -> str:
            run("restore", copy, "--store", store, "--yes", folder=folder)
            return store

        return restore
    programs = postgresql_programs()
    assert programs is not None
    schema = f"--schema={SCHEMAS[server]}"
    subprocess.run(
        [programs / "pg_dump", f"--dbname={store}", schema, "--format=custom", f"--file={copy}"], check=True
    )

    def restore_dump(empty: str) -> str:
        options = (f"--dbname={empty}", "--no-owner", "--exit-on-error")
        subprocess.run([programs / "pg_restore", *options, copy], check=True)
        run("restore", "--restored", "--store", empty, folder=folder)
        return empty

    return restore_dump


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_after_the_copy(kind: str, tmp_path: Path) -> None:
    """Cursors are refused; an incident of after the copy counts only where its end tells the start."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(setting(kind, tables=None)) for _ in range(2))
        stores = dict.fromkeys(SCHEMAS, first)
        if kind == "sqlite":
            stores = {server: f"sqlite:{tmp_path}/{server}.db" for server in SCHEMAS}
        port = free_port()
        key = run(
            *("keys", "create", "all", "--allow", "send", "--allow", "read", "--quiet"),
            *("--store", stores["dora"]),
            folder=tmp_path,
        ).stdout.strip()

        def start(server: str) -> Server:
            if server == "relay":
                file = configure(
                    tmp_path, url=f"http://127.0.0.1:{port}/webhooks", key=key, store=stores[server]
                )
                return stack.enter_context(running(server, "--config", str(file), folder=tmp_path))
            options = ("--listen", f"127.0.0.1:{port}", "--store", stores[server])
            return stack.enter_context(running(server, *options, folder=tmp_path))

        def listed(**query: str) -> requests.Response:
            url = f"http://127.0.0.1:{port}/api/events"
            return requests.get(url, params=query, headers={"webhook-key": key}, timeout=30)

        def kinds(incident: str) -> list[str]:
            events = listed(incidentId=incident).json()["events"]
            return [one["kind"] for one in events]

        dora, relay = start("dora"), start("relay")
        assert pagerduty("incident.triggered", "BEFORE").post(relay.address).ok
        eventually(lambda: kinds("BEFORE"))
        restore = {server: copied(kind, server, stores[server], tmp_path) for server in SCHEMAS}
        assert pagerduty("incident.triggered", "AFTER").post(relay.address).ok
        assert datadog("monitor-triggered").post(relay.address).ok
        eventually(lambda: len(listed().json()["events"]) == 3)
        end = listed().json()["end"]
        for each in (relay, dora):
            each.terminate()
        for server in SCHEMAS:
            stores[server] = restore[server](second)
        dora, relay = start("dora"), start("relay")
        assert listed(after=end).status_code == 410
        assert kinds("AFTER") == []
        for incident in ("BEFORE", "AFTER"):
            assert (
                pagerduty("incident.resolved", incident, at=ENDED_AT).post(relay.address).status_code == 202
            )
        ignored = datadog("monitor-recovered").post(relay.address).json()
        assert ignored["reasons"] == ["an end, but nothing was open, and it does not name its start"]
        # PagerDuty's end tells its start.
        eventually(lambda: kinds("BEFORE") == kinds("AFTER") == ["incidentStarted", "incidentResolved"])
        assert len(listed().json()["events"]) == 4
