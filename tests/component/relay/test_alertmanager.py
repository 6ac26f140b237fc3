"""A real Alertmanager in front of a relay: each alert counts once, however often its group is sent."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import pytest
import requests
from gitdailies_core.values.times import text_of

from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, add_source, configure, in_thread
from tests.support.servers import free_port

TOKEN = "am-planted-5c1f"
LABELS = {"severity": "critical", "environment": "production"}
TEMPLATE = Template((Path(__file__).parent / "data/alertmanager.yml").read_text())


@contextmanager
def alertmanager(folder: Path, relay: Relay) -> Iterator[str]:
    """Run Alertmanager with the relay as its only receiver; yield its address."""
    file, port = folder / "alertmanager.yml", free_port()
    file.write_text(TEMPLATE.substitute(url=relay.url, token=TOKEN))
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: is_ready(f"http://127.0.0.1:{port}"), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def alert(service: str, **times: datetime) -> dict[str, Any]:
    return {
        "labels": {"alertname": "Errors", "service": service, **LABELS},
        "annotations": {"summary": f"5xx ratio of {service}"},
        "generatorURL": "https://prometheus.larkspur.example/graph",
        **{name: text_of(at) for name, at in times.items()},
    }


def post(url: str, *alerts: dict[str, Any]) -> None:
    requests.post(f"{url}/api/v2/alerts", json=alerts, timeout=20).raise_for_status()


@pytest.mark.usefixtures("quick_retries")
def test_an_alert_counts_once_with_its_times(tmp_path: Path, receiver: Receiver) -> None:
    """Two alerts of one group start. One ends, while the group is sent again and again with the other."""
    file = configure(tmp_path, url=receiver.url)
    add_source(file, "alertmanager", TOKEN, "adapter: alertmanager, only: {severity: critical}")
    now = datetime.now(UTC).replace(microsecond=0)
    began, ended = now - timedelta(minutes=20), now - timedelta(minutes=2)

    with in_thread(file) as relay, alertmanager(tmp_path, relay) as url:
        post(
            url, alert("checkout-api", startsAt=began), alert("search", startsAt=began + timedelta(seconds=1))
        )
        eventually(lambda: len(receiver.arrivals) == 2, 60)
        post(url, alert("checkout-api", startsAt=began, endsAt=ended))
        eventually(lambda: len(receiver.arrivals) == 3, 60)
        seen = len(relay.logged("delivery"))
        eventually(lambda: len(relay.logged("delivery")) >= seen + 2, 60)
        sent = [one.event for one in receiver.arrivals]

    found = sorted((one["kind"], one["repo"], one["time"], one.get("title")) for one in sent)
    later = began + timedelta(seconds=1)
    assert found == [
        ("incidentResolved", "larkspur/checkout-api", text_of(ended), None),
        ("incidentStarted", "larkspur/checkout-api", text_of(began), "5xx ratio of checkout-api"),
        ("incidentStarted", "larkspur/platform", text_of(later), "5xx ratio of search"),
    ]
    assert {one["environment"] for one in sent} == {"production"}
    of_checkout = {one["incidentId"] for one in sent if one["repo"] == "larkspur/checkout-api"}
    assert len(of_checkout) == 1
    assert {tuple(one["outcomes"]) for one in relay.logged("delivery")[seen:]} == {("repeated",)}
