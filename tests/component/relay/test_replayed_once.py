"""A replay counts what did not count, and never an occurrence twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_relay.operations.replay import (
    DEAD_LETTERS,
    DELIVERED,
    FILTERED,
    IGNORED,
    QUARANTINED,
    STATES,
    ReplaySelection,
    replay,
)
from gitdailies_relay.store.store import reading

from tests.support.databases import KINDS, setting
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, Delivery, datadog, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

ONLY = "only: {urgency: high, priority: [P1, none]}"
EVERYTHING = (QUARANTINED, FILTERED, IGNORED, DEAD_LETTERS)
FRONTDESK = "frontdesk: {repo: larkspur/frontdesk, environment: production}"


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    """A relay on either database."""
    with (
        setting(request.param) as store,
        in_thread(configure(tmp_path, url=receiver.url, store=store)) as relay,
    ):
        yield relay


def replayed(relay: Relay, *states: str, **selection: Any) -> list[str]:
    """Replay what is in one of *states*; return the ids of the events."""
    configuration = load(relay.file)
    chosen = ReplaySelection(states=states or STATES, **selection)
    result = replay(relay.database, configuration.sources, configuration.routes, chosen)
    return [event for one in result.deliveries for event in one.events] + list(result.events)


def sent(receiver: Receiver, count: int) -> list[tuple[str, str, str]]:
    eventually(lambda: len(receiver.taken()) >= count)
    return sorted((one["kind"][8:], one["incidentId"], one["repo"]) for one in receiver.taken())


def delivered(relay: Relay, receiver: Receiver, count: int) -> None:
    """Wait until *count* events have arrived, and the relay has stored that they have."""

    def are() -> bool:
        with reading(relay.database) as session:
            (waiting,) = session.execute("SELECT count(*) FROM outbox").fetchone()
        return len(receiver.arrivals) == count and waiting == 0

    eventually(are)


def test_filtered_deliveries_count_once_the_filter_is_open(either: Relay, receiver: Receiver) -> None:
    """Start and end that a filter refused are sent by one replay, and by no second one."""
    low = {"source": "filtered", "urgency": "low"}
    pagerduty("incident.triggered", "LOW", **low).post(either.url)
    pagerduty("incident.resolved", "LOW", at=ENDED_AT, **low).post(either.url)
    assert replayed(either, *EVERYTHING) == []
    either.edit(ONLY, "only: {urgency: [high, low]}")

    assert replayed(either, QUARANTINED, DEAD_LETTERS, IGNORED) == []
    assert len(replayed(either, FILTERED)) == 2
    assert sent(receiver, 2) == [
        ("Resolved", "LOW", "larkspur/checkout-api"),
        ("Started", "LOW", "larkspur/checkout-api"),
    ]
    assert replayed(either, *EVERYTHING) == []


def test_delivered_events_go_out_again_under_their_ids(either: Relay, receiver: Receiver) -> None:
    """Events that were delivered are sent again in their order, and only where they are named."""
    pagerduty("incident.triggered", "A").post(either.url)
    pagerduty("incident.resolved", "A", at=ENDED_AT).post(either.url)
    delivered(either, receiver, 2)
    ids = [one.id for one in receiver.arrivals]
    assert replayed(either, *EVERYTHING) == []

    assert replayed(either, DELIVERED, source="datadog") == []
    assert replayed(either, DELIVERED) == ids
    delivered(either, receiver, 4)
    assert [one.id for one in receiver.arrivals] == ids * 2
    assert replayed(either, DELIVERED, id=ids[1]) == ids[1:]


def test_a_filtered_delivery_of_an_unmapped_service_is_quarantined_by_its_replay(
    relay: Relay, receiver: Receiver
) -> None:
    """What a filter let through and no line names waits in the quarantine, and counts with its line."""
    low = {"source": "filtered", "urgency": "low", "service": "frontdesk"}
    pagerduty("incident.triggered", "LOW", **low).post(relay.url)
    relay.edit(ONLY, "only: {urgency: [high, low]}")
    assert replayed(relay, FILTERED) == []
    (quarantined,) = relay.failed()["quarantined"]
    assert quarantined["code"] == "unmapped"
    relay.edit("services:", f"services:\n  {FRONTDESK}")
    assert len(replayed(relay, QUARANTINED)) == 1


def test_headers_are_stored_without_what_proves(relay: Relay) -> None:
    """The headers of a quarantined delivery are there for its replay; its proof and other secrets are not."""
    one = pagerduty("incident.triggered", "A", service="frontdesk")
    headers = {"X-Webhook-Id": "w1", "Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", **one.headers}
    Delivery(one.source, one.body, headers).post(relay.url)
    datadog("monitor-triggered", service="frontdesk", tags="").post(relay.url)
    with reading(relay.database) as session:
        rows = [json.loads(row) for (row,) in session.execute("SELECT headers FROM quarantine ORDER BY seq")]
    assert rows[0]["x-webhook-id"] == "w1"
    assert rows[1]["content-type"] == "application/json"
    named = {name for row in rows for name in row}
    assert not named & {"authorization", "x-api-key", "x-pagerduty-signature", "x-relay-token"}


BARE = {"cycle_key": "s2", "tags": "", "scope": ""}


def test_an_end_that_went_where_its_start_went_is_not_quarantined(relay: Relay, receiver: Receiver) -> None:
    """A recovery without a service ends what started, and no line is asked for it, nor for its repeat."""
    datadog("monitor-triggered", **BARE).post(relay.url)
    for _ in range(2):
        datadog("monitor-recovered", service="", **BARE).post(relay.url)
    assert len(sent(receiver, 2)) == 2
    assert relay.failed()["quarantined"] == []


@pytest.mark.parametrize(
    ("delivery", "codes"),
    [
        (datadog("monitor-triggered", transition="Alert Escalated"), ["unknown_type"]),
        (datadog("incident-active", status="paused"), ["unknown_type"]),
        (pagerduty("incident.melted", "A"), ["unknown_type"]),
        (pagerduty("service.melted", "A"), []),
        (pagerduty("pagey.ping", "A"), []),
    ],
)
def test_an_unknown_word_about_an_incident_is_quarantined(
    relay: Relay, delivery: Delivery, codes: list[str]
) -> None:
    """Its body waits for an upgrade, under a reason of its own; what is about no incident is ignored."""
    answer = delivery.post(relay.url)
    assert answer.json()["status"] == ("quarantined" if codes else "ignored")
    assert [one["code"] for one in relay.failed()["quarantined"]] == codes


def test_a_delivery_without_a_time_counts_at_its_receipt(relay: Relay, receiver: Receiver) -> None:
    """An empty time is the time of receipt, the timeline says so, and a replay does not move it."""
    datadog("monitor-triggered", date_ms="", service="frontdesk", cycle_key="c9", tags="").post(relay.url)
    relay.edit("services:", f"services:\n  {FRONTDESK}")
    (quarantined,) = relay.failed()["quarantined"]
    replayed(relay, QUARANTINED)
    (arrival,) = eventually(lambda: receiver.of("c9"))
    assert arrival.event["time"] == quarantined["receivedAt"]
    assert "time of receipt" in relay.explain("c9")["deliveries"][-1]["reason"]
