"""/metrics: each value once, with a bounded number of labels, also while the store cannot be read."""

import platform
import sqlite3
from functools import partial
from typing import Any

import pytest
import requests
from gitdailies_server.shared_metrics import VERSION
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import now_us

from tests.support.processes import eventually
from tests.support.relay.deliveries import datadog, pagerduty, signed
from tests.support.relay.receiver import Receiver, answer
from tests.support.relay.running import Relay

PREFIX = "gitdailies_relay_"


def scrape(relay: Relay) -> str:
    response = requests.get(f"{relay.status_url}/metrics", timeout=10)
    assert (response.status_code, response.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    return response.text


def samples(relay: Relay) -> dict[str, float]:
    """Return every sample of the relay's own by its name and labels, as they are written."""
    return {
        line.rpartition(" ")[0].removeprefix(PREFIX): float(line.rpartition(" ")[2])
        for line in scrape(relay).splitlines()
        if line.startswith(PREFIX)
    }


def value(relay: Relay, name: str) -> float:
    return samples(relay).get(name, 0.0)


@pytest.fixture
def busy(relay: Relay, receiver: Receiver) -> Relay:
    """A relay that met every outcome of a delivery, and the verdicts delivered, retry and dead letter."""

    def script(one: Any) -> bytes:
        statuses = {"refused": "400 X", "failing": "429 X"}
        return answer(statuses.get(one.event["incidentId"], "202 X"), Retry_After="60")

    receiver.script = script
    fine = pagerduty("incident.triggered", "fine")
    refused, failing = (pagerduty("incident.triggered", name) for name in ("refused", "failing"))
    # Events that wait together are tried together, and one that fails stops the others.
    for one, verdict in ((fine, "delivered"), (refused, "dead_letter"), (failing, "retry")):
        one.post(relay.url)
        eventually(partial(value, relay, f'attempts_total{{verdict="{verdict}"}}'))
    fine.post(relay.url)
    pagerduty("incident.acknowledged", "fine").post(relay.url)
    pagerduty("incident.triggered", "fine").post(relay.url)
    pagerduty("incident.levitated", "fine").post(relay.url)
    pagerduty("incident.triggered", "low", source="filtered", urgency="low").post(relay.url)
    pagerduty("incident.triggered", "nowhere", service="attic").post(relay.url)
    signed(b"{}").post(relay.url)
    signed(b"{").post(relay.url)
    requests.post(relay.url + "/hooks/planted-name", data=b"", timeout=30)
    requests.post(relay.url + "/hooks/pagerduty", data=b"", timeout=30)
    return relay


def test_intake_is_counted(busy: Relay) -> None:
    """Requests by their answer, messages by their outcome and reason, quarantined bodies by reason."""
    metrics = samples(busy)
    counted = {
        'requests_total{source="pagerduty",status="202"}': 7,
        'requests_total{source="pagerduty",status="200"}': 2,
        'requests_total{source="filtered",status="200"}': 1,
        'requests_total{source="pagerduty",status="400"}': 1,
        'requests_total{source="pagerduty",status="401"}': 1,
        'requests_total{source="",status="404"}': 1,
        'messages_total{outcome="stored",source="pagerduty"}': 3,
        'messages_total{outcome="repeated",source="pagerduty"}': 1,
        'messages_total{outcome="ignored",source="pagerduty"}': 2,
        'messages_total{outcome="unknown_type",source="pagerduty"}': 1,
        'messages_total{outcome="ignored",source="filtered"}': 1,
        'messages_total{outcome="unmapped",source="pagerduty"}': 1,
        'messages_total{outcome="unexpected_payload",source="pagerduty"}': 1,
        'messages_total{outcome="invalid_json",source="pagerduty"}': 1,
        'ignored_total{reason="update",source="pagerduty"}': 1,
        'ignored_total{reason="repeated_start",source="pagerduty"}': 1,
        'ignored_total{reason="unknown_type",source="pagerduty"}': 1,
        'ignored_total{reason="unmapped",source="pagerduty"}': 1,
        'ignored_total{reason="filtered",source="filtered"}': 1,
        'quarantined_total{reason="unmapped",source="pagerduty"}': 1,
        'quarantined_total{reason="unknown_type",source="pagerduty"}': 1,
        'quarantined_total{reason="unexpected_payload",source="pagerduty"}': 1,
        'quarantined_total{reason="invalid_json",source="pagerduty"}': 1,
    }
    families = ("requests_total", "messages_total", "ignored_total", "quarantined_total")
    found = {name: n for name, n in metrics.items() if name.partition("{")[0] in families}
    assert {name: n for name, n in found.items() if n} == counted
    assert metrics["request_seconds_count"] == sum(n for name, n in counted.items() if "requests" in name)


def test_delivery_is_counted(busy: Relay) -> None:
    """Attempts by their verdict, how long arrivals took since acceptance, commits with their items."""
    metrics = samples(busy)
    for verdict, count in {"delivered": 1, "retry": 1, "dead_letter": 1, "paused": 0}.items():
        assert metrics[f'attempts_total{{verdict="{verdict}"}}'] == count
    assert metrics["attempt_seconds_count"] == 3
    assert metrics["delivery_delay_seconds_count"] == 1
    assert 0 < metrics["delivery_delay_seconds_sum"] < 60
    assert 1 <= metrics["commit_seconds_count"] <= metrics["committed_total"]
    assert metrics["commit_seconds_sum"] > 0


def test_the_queue_is_exposed(busy: Relay) -> None:
    """Waiting events, dead letters and quarantined bodies are those of `relay status`."""
    metrics, status = samples(busy), busy.status()
    assert (
        (metrics["undelivered_events"], metrics["dead_letter_events"])
        == (status["waiting"], status["deadLetters"])
        == (1, 1)
    )
    assert {why: metrics[f'quarantined_bodies{{reason="{why}"}}'] for why in status["quarantined"]} == status[
        "quarantined"
    ]
    assert 0 < metrics["oldest_undelivered_seconds"] < 60
    assert busy.store.stat().st_size <= metrics["store_bytes"]
    assert 0 <= metrics["store_free_bytes"] < metrics["store_bytes"]
    assert f'build_info{{python="{platform.python_version()}",version="{VERSION}"}}' in metrics


def test_age_is_that_of_the_oldest_undelivered(busy: Relay) -> None:
    """Delivered events and dead letters do not make the outbox older, one that waits does."""
    with transaction(SqliteDatabase(busy.store)) as connection:
        connection.execute("UPDATE events SET stored_at = stored_at - 7200000000 WHERE incident != 'failing'")
    assert value(busy, "oldest_undelivered_seconds") < 3600
    with transaction(SqliteDatabase(busy.store)) as connection:
        connection.execute("UPDATE events SET stored_at = stored_at - 7200000000 WHERE incident = 'failing'")
    assert 7200 <= value(busy, "oldest_undelivered_seconds") < 7300


def test_nothing_from_outside_becomes_a_label(busy: Relay) -> None:
    """Names, words and reasons that a sender chose are nowhere in the exposition."""
    datadog("monitor-triggered", transition="planted-word").post(busy.url)
    metrics = scrape(busy)
    for planted in ("planted-name", "planted-word", "levitated", "attic", "fine", "Q1"):
        assert planted not in metrics


def test_a_pause_is_exposed(busy: Relay) -> None:
    """The gauge of a paused destination names the cause, and is 0 again after the resume."""
    assert value(busy, 'paused{by="manual",destination="default"}') == 0
    busy.command("pause")
    metrics = samples(busy)
    assert [metrics[f'paused{{by="{by}",destination="default"}}'] for by in ("manual", "key", "address")] == [
        1,
        0,
        0,
    ]
    busy.command("resume")
    assert value(busy, 'paused{by="manual",destination="default"}') == 0


def test_a_failing_receiver_and_a_faulty_configuration_are_exposed(relay: Relay, receiver: Receiver) -> None:
    """The circuit shows as open until the receiver answers, and a faulty file until a correct one is read."""
    receiver.script = lambda _: answer("503 X")
    for incident in ("A", "B", "C"):
        pagerduty("incident.triggered", incident).post(relay.url)
    eventually(lambda: value(relay, "circuit_open"))
    file = relay.file
    right = file.read_text()
    file.write_text("gitdailies: []")
    relay.reload()
    eventually(lambda: value(relay, "reload_failed"))
    receiver.script = lambda _: answer("202 X")
    file.write_text(right)
    relay.reload()
    eventually(lambda: not value(relay, "reload_failed"))
    eventually(lambda: not value(relay, "circuit_open"))


def test_an_unreadable_store_is_exposed_and_recovers_without_a_restart(relay: Relay) -> None:
    """While the store cannot be read, a gauge says so and the other metrics stay; later all are back."""
    pagerduty("incident.triggered", "Q1").post(relay.url)
    ready = f"{relay.status_url}/readyz"
    assert requests.get(ready, timeout=10).status_code == 200
    moved = relay.store.with_suffix(".moved")
    relay.store.rename(moved)
    relay.store.mkdir()
    try:
        metrics = samples(relay)
        assert metrics["store_failing"] == 1
        assert metrics['requests_total{source="pagerduty",status="202"}'] == 1
        assert "undelivered_events" not in metrics
    finally:
        relay.store.rmdir()
        moved.rename(relay.store)
    eventually(lambda: not value(relay, "store_failing"))
    assert requests.get(ready, timeout=10).status_code == 200


def test_a_scrape_does_not_wait_for_a_writer(relay: Relay) -> None:
    """The queue's metrics are exposed while a transaction of another process holds the file."""
    pagerduty("incident.triggered", "Q1").post(relay.url)
    holder = sqlite3.connect(relay.store, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert "undelivered_events" in samples(relay)
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.parametrize("path", ["/status", "/metrics", "/deliveries"])
def test_a_page_with_a_name_of_its_own_reads_nothing(relay: Relay, path: str) -> None:
    """DNS rebinding: a request for another name is refused with a reason, whatever it asks for."""
    answer = requests.get(relay.status_url + path, headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 421
    assert "relay.status_hosts" in answer.json()["reason"]
    assert requests.get(f"{relay.status_url}/status", headers={"Host": "localhost"}, timeout=10).ok


def test_a_source_that_fell_silent_is_exposed(busy: Relay) -> None:
    """Each source has its last delivery; one that is silent too long is marked, also in status."""
    day = 86_400_000_000
    first = now_us() - 30 * day
    with transaction(SqliteDatabase(busy.store)) as session:
        session.execute("DELETE FROM source_days")
        session.executemany(
            "INSERT INTO source_days (source, day, deliveries, first_at, last_at, longest_gap)"
            " VALUES ('datadog', ?, 24, ?, ?, 3600000000)",
            [(at // day, at, at + day - 3_600_000_000) for at in range(first, first + 20 * day, day)],
        )
    metrics, sources = samples(busy), busy.status()["sources"]
    assert metrics['source_silent{source="datadog"}'] == 1
    assert metrics['source_silent{source="pagerduty"}'] == 0
    assert 'source_last_delivery_timestamp_seconds{source="pagerduty"}' not in metrics
    last = metrics['source_last_delivery_timestamp_seconds{source="datadog"}']
    assert last == (first + 20 * day - 3_600_000_000) / 1e6
    assert (sources["datadog"]["silent"], sources["datadog"]["usualSilenceSeconds"]) == (True, 3600)
    pagerduty("incident.triggered", "Q9").post(busy.url)
    assert (
        abs(value(busy, 'source_last_delivery_timestamp_seconds{source="pagerduty"}') - now_us() / 1e6) < 60
    )
