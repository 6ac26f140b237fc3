"""A vendor renames a field that a filter uses: the relay says so, and goes on saying so."""

from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay.store import source_fields

from tests.support.dora.with_relay import STATUS_KEY, with_status_key
from tests.support.relay.deliveries import in_json
from tests.support.relay.running import Relay, add_source, configure, in_thread

TOKEN = "am-planted-5c1f"
METRIC = 'gitdailies_relay_source_missing_fields{source="alertmanager"}'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write each delivery, as where they come slowly."""
    monkeypatch.setattr(source_fields, "WRITE_SECONDS", 0.0)


def send(relay: Relay, count: int, *, field: str = "severity", first: int = 0) -> None:
    """Send the starts of *count* alerts, each in a delivery, with its severity in the label *field*."""
    labels = {"alertname": "Errors", "service": "shop", "environment": "production", field: "critical"}
    with requests.Session() as session:
        for number in range(first, first + count):
            alert: dict[str, Any] = {"status": "firing", "labels": labels, "fingerprint": f"{number:016x}"}
            alert["startsAt"] = f"2026-03-04T09:{number // 60:02}:{number % 60:02}Z"
            group = {"status": "firing", "alerts": [alert]}
            one = in_json("alertmanager", group, Authorization=f"Bearer {TOKEN}")
            assert one.post(relay.url, session).status_code in (200, 202)


def missing(relay: Relay) -> list[str]:
    found: list[str] = relay.status()["sources"]["alertmanager"]["missing"]
    return found


def metric(relay: Relay) -> str:
    text = requests.get(f"{relay.status_url}/metrics", timeout=20).text
    return next(line for line in text.splitlines() if line.startswith(METRIC)).split()[-1]


def test_a_renamed_severity_is_seen_within_twenty_deliveries(tmp_path: Path) -> None:
    """Log, metric, alert and status name it, also after a restart. A changed filter begins from zero."""
    file = configure(tmp_path)
    add_source(file, "alertmanager", TOKEN, "adapter: alertmanager, only: {severity: critical}")
    with in_thread(file) as relay:
        send(relay, 100)
        send(relay, 19, field="level", first=100)
        assert (missing(relay), metric(relay)) == ([], "0.0")
    with in_thread(file) as relay:
        send(relay, 1, field="level", first=119)
        assert missing(relay) == ["severity"]
        assert metric(relay) == "1.0"
        (alert,) = [one for one in relay.status()["alerts"] if one["code"] == "field_missing"]
        assert alert["source"] == "alertmanager"
        assert alert["text"] == "alertmanager sends no severity any more."
        logged = [(one["source"], one["field"]) for one in relay.logged("field missing")]
        assert logged == [("alertmanager", "severity"), ("alertmanager", "severity of a start")]
        send(relay, 40, field="level", first=200)
        assert missing(relay) == ["severity"]
        assert len(relay.logged("field missing")) == 2
    with in_thread(file) as relay:
        assert missing(relay) == ["severity"]
        relay.edit("{severity: critical}", "{tags: {level: critical}}")
        send(relay, 1, field="level", first=300)
        assert (missing(relay), metric(relay)) == ([], "0.0")


@pytest.mark.parametrize("only", ["only: {severity: critical}", "count: all"])
def test_an_example_says_nothing_about_fields(only: str, tmp_path: Path) -> None:
    """A person who tries the source neither ends the alert nor begins from zero."""
    file = with_status_key(tmp_path)
    add_source(file, "alertmanager", TOKEN, f"adapter: alertmanager, {only}")
    with in_thread(file) as relay:
        send(relay, 100)
        send(relay, 20, field="level", first=100)
        url, key = f"{relay.status_url}/sources/alertmanager/example", f"Bearer {STATUS_KEY}"
        answer = requests.post(url, json={"person": "Kim"}, headers={"authorization": key}, timeout=20)
        assert (answer.status_code, missing(relay)) == (200, ["severity"])
