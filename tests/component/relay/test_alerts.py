"""`gitdailies check` says how many of the last alerts would count, by what the relay has stored."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_connection.config.load import load
from gitdailies_relay.operations.stored_bodies import last_alerts
from gitdailies_relay.store import store

from tests.support.databases import KINDS, setting
from tests.support.relay.deliveries import in_json
from tests.support.relay.running import Relay, add_source, configure, in_thread

TOKEN = "am-planted-90b2"
ONLY = "only: {severity: critical}"


def configured(folder: Path, **settings: str) -> Path:
    file = configure(folder, **settings)
    add_source(file, "alerts", TOKEN, f"adapter: alertmanager, {ONLY}")
    return file


def alert(
    name: str, severity: str, *, status: str = "firing", service: str = "checkout-api"
) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity, "service": service},
        "annotations": {},
        "startsAt": "2026-03-04T09:12:41Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-04T10:00:05Z",
        "fingerprint": f"{name}-{severity}",
    }


def post(relay: Relay, alerts: Sequence[dict[str, Any]]) -> str:
    group = {"version": "4", "status": "firing", "alerts": alerts}
    answer = in_json("alerts", group, Authorization=f"Bearer {TOKEN}").post(relay.url)
    return str(answer.json()["status"])


def checked(file: Path) -> list[str]:
    """Return what `check` says of the source, without the spaces before it."""
    printed = CliRunner().invoke(gitdailies, ["check", str(file)]).output.splitlines()
    lines = [" ".join(line.split()) for line in printed]
    return [
        line for line in lines if re.search(r" sources\.alerts: (?!adapter)|sources preview alerts", line)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_check_says_how_many_alerts_would_count(kind: str, tmp_path: Path) -> None:
    """A repeat is no alert, nor is an end or a heartbeat. A change of `only` is judged by stored bodies."""
    with setting(kind) as where:
        file = configured(tmp_path, store=where)
        with in_thread(file) as relay:
            assert checked(file) == ["ok sources.alerts: the relay has stored no alert of it so far"]
            group = [alert("errors", "critical"), alert("latency", "warning")]
            assert [post(relay, group), post(relay, group)] == ["stored", "repeated"]
            post(relay, [alert("disk", "warning"), alert("Watchdog", "none")])
            post(relay, [alert("memory", "warning")])
            post(relay, [alert("queue", "critical", service="nobody")])
            post(relay, [alert("errors", "critical", status="resolved")])

        # Errors count; latency, disk and memory are warnings, and the service of queue has no line.
        assert checked(file) == ["ok sources.alerts: 1 of the last 5 alerts would count"]
        file.write_text(file.read_text().replace(ONLY, "count: all"))
        assert checked(file) == ["ok sources.alerts: 4 of the last 5 alerts would count"]
        settings = load(file)
        database = store.database_of(settings.relay.store)
        last_two = last_alerts(database, settings.sources["alerts"], settings.routes, most=2)
        assert last_two == (2, 1)


def test_check_before_the_first_start_says_nothing_of_alerts(tmp_path: Path) -> None:
    """It makes no store."""
    file = configured(tmp_path, store="sqlite:later.db")

    assert checked(file) == []
    assert not (tmp_path / "later.db").exists()


def test_none_that_counts_is_worth_a_look(tmp_path: Path) -> None:
    """The next line says how to find out why."""
    file = configured(tmp_path)
    with in_thread(file) as relay:
        assert post(relay, [alert("disk", "warning")]) == "ignored"

    assert checked(file) == [
        "warning sources.alerts: 0 of the last 1 alerts would count",
        "`gitdailies sources preview alerts` says why; see only, and services",
    ]


def test_a_store_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    file = configured(tmp_path)
    file.write_text(
        file.read_text().replace("store: sqlite:relay.db", "store: postgresql://127.0.0.1:1/none")
    )

    printed = CliRunner().invoke(gitdailies, ["check", str(file)])

    assert "FAULT     relay.store: postgresql://127.0.0.1:1/none: cannot connect" in printed.output
