"""Replays: quarantined deliveries and dead letters that are sent after all."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_connection.relay.answers import ReplayResult
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.reasons import UNMAPPED
from gitdailies_relay.operations import outcomes
from gitdailies_relay.operations import replay as replays
from gitdailies_relay.operations.replay import ReplaySelection, replay
from gitdailies_server.storage import sqlite
from gitdailies_server.storage.database import Database, paced_transaction, transaction

from tests.support.databases import KINDS, setting
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, SECRETS, datadog, pagerduty, signed
from tests.support.relay.receiver import Arrival, Receiver, answer
from tests.support.relay.running import KEY_FILE, Relay, configure, in_thread

UNREADABLE = b'{"event": '
UNKNOWN = b'{"event": {"id": "e1", "event_type": "incident.triggered"}}'


def replayed(relay: Relay, **selection: Any) -> ReplayResult:
    """Replay as the command does: with the configuration that the file has now."""
    configuration = load(relay.file)
    return replay(relay.database, configuration.sources, configuration.routes, ReplaySelection(**selection))


def add_line(relay: Relay, line: str) -> None:
    relay.file.write_text(relay.file.read_text().replace("services:", f"services:\n  {line}", 1))


def incidents(receiver: Receiver) -> list[str]:
    return [one["incidentId"] for one in receiver.taken()]


def test_what_still_cannot_be_read_stays_quarantined(relay: Relay) -> None:
    """A replay that changes nothing says why, and the body waits for the next one."""
    quarantined = [signed(body).post(relay.url).json()["delivery"] for body in (UNREADABLE, UNKNOWN)]
    for _ in range(2):
        result = replayed(relay, source="pagerduty")
        assert [(one.delivery, one.events) for one in result.deliveries] == [(id_, ()) for id_ in quarantined]
    assert [(one["delivery"], one["code"]) for one in relay.failed()["quarantined"]] == [
        (quarantined[0], "invalid_json"),
        (quarantined[1], "unexpected_payload"),
    ]


def test_one_delivery_is_chosen_by_its_id(relay: Relay, receiver: Receiver) -> None:
    """Only the delivery that is named is replayed."""
    ids = [
        pagerduty("incident.triggered", name, service="attic").post(relay.url).json()["delivery"]
        for name in ("A", "B", "C")
    ]
    add_line(relay, "attic: {repo: larkspur/attic}")
    (one,) = replayed(relay, id=ids[1]).deliveries

    assert one.delivery == ids[1]
    eventually(lambda: incidents(receiver) == ["B"])
    assert [quarantined["delivery"] for quarantined in relay.failed()["quarantined"]] == [ids[0], ids[2]]


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        (
            "--source pagerdty",
            "expected one of pagerduty, filtered, datadog, squadcast, got 'pagerdty'; did you mean pagerduty",
        ),
        (
            "--id nope",
            (
                "expected a quarantined delivery or a dead letter, got 'nope'; `gitdailies relay failed`"
                " lists them; for others add --filtered, --ignored or --delivered"
            ),
        ),
        (
            "--since 2026-03-04T09:00:00Z --until 2026-03-04T10:00:00+01:00",
            "expected a time before that of --until, 2026-03-04T10:00:00+01:00, got 2026-03-04T09:00:00Z",
        ),
    ],
)
def test_a_choice_that_can_name_nothing_is_an_error(relay: Relay, choice: str, fault: str) -> None:
    """A source, an id or a span that nothing can match is refused, and the quarantine stays as it is."""
    signed(UNKNOWN).post(relay.url)
    option, *rest = choice.split()
    assert relay.command("replay", option, *rest, expected=2) == f"gitdailies: {option}: {fault}\n"
    assert relay.status()["replays"] == {}


def test_deliveries_are_chosen_by_source_and_time(relay: Relay) -> None:
    """A span is half-open; another source, or a span without any, chooses nothing."""
    before = datetime.now(UTC)
    pagerduty("incident.triggered", "A", service="attic").post(relay.url)
    after = datetime.now(UTC) + timedelta(microseconds=1)

    def chosen(**selection: Any) -> int:
        return len(replayed(relay, **selection).deliveries)

    assert chosen(source="datadog") == 0
    assert chosen(since=after) == 0
    assert chosen(until=before) == 0
    assert chosen(id="d0") == 0
    assert chosen(since=before, until=after, source="pagerduty") == 1


def test_the_service_that_had_no_line_gets_its_events_and_no_other(relay: Relay, receiver: Receiver) -> None:
    """Of an incident of two services, one of them unmapped, a replay adds only the other's start."""
    fields = {"services": ["shop", "attic"]}
    first = datadog("incident-with-fields", incident_uuid="two", fields=fields).post(relay.url)
    assert len(first.json()["events"]) == 1
    add_line(relay, "attic: {repo: larkspur/attic}")
    for expected in (1, 0):
        result = replayed(relay, states=(UNMAPPED,))
        assert sum(len(one.events) for one in result.deliveries) == expected

    eventually(lambda: len(receiver.arrivals) == 2)
    assert [one["repo"] for one in receiver.taken()] == ["larkspur/shop", "larkspur/attic"]
    assert relay.failed()["quarantined"] == []


def test_a_replay_asks_for_no_secret(relay: Relay) -> None:
    """The quarantine can be replayed without the secrets and the key."""
    pagerduty("incident.triggered", "A", service="attic").post(relay.url)
    add_line(relay, "attic: {repo: larkspur/attic}")
    for secret in (KEY_FILE, *SECRETS):
        (relay.file.parent / secret).unlink()
    (one,) = json.loads(relay.command("replay", "--unmapped", "--json"))["deliveries"]
    assert len(one["events"]) == 1


def test_explain_shows_a_replay_at_its_own_time(relay: Relay) -> None:
    """The delivery is listed at its arrival, and again at the replay with the proof `replay`."""
    pagerduty("incident.triggered", "A", service="attic").post(relay.url)
    add_line(relay, "attic: {repo: larkspur/attic}")
    time.sleep(0.01)
    replayed(relay, states=(UNMAPPED,))

    came, again = relay.explain("A")["deliveries"]
    assert (came["outcome"], again["outcome"], again["proof"]) == ("unmapped", "stored", "replay")
    assert came["delivery"] == again["delivery"]
    assert came["receivedAt"] < again["receivedAt"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_replayed_is_no_further_delivery(tmp_path: Path, kind: str) -> None:
    """Status counts each message of a delivery once, with its first outcome, and those of replays apart."""
    with setting(kind) as at, in_thread(configure(tmp_path, store=at)) as relay:
        pagerduty("incident.triggered", "A", service="attic").post(relay.url)
        signed(UNKNOWN).post(relay.url)
        for line in ("", "attic: {repo: larkspur/attic}"):
            add_line(relay, line)
            printed = relay.command("replay", "--all")
        status, shown = relay.status(), relay.command("status")
    assert len(printed.splitlines()) == 2
    assert status["deliveries"] == {"pagerduty": {"unexpected_payload": 1, "unmapped": 1}}
    assert status["replays"] == {"pagerduty": {"stored": 1, "unexpected_payload": 2, "unmapped": 1}}
    titles = {"alerts", "sources", "deliveries", "messages", "replayed messages"}
    assert [line for line in map(str.strip, shown.splitlines()) if line in titles] == [
        "alerts",
        "sources",
        "messages",
        "replayed messages",
    ]


def test_a_source_that_is_gone_is_left_out_by_name(relay: Relay) -> None:
    """Deliveries of a source that is no longer configured are named and stay in the quarantine."""
    quarantined = signed(UNKNOWN).post(relay.url).json()["delivery"]
    config = relay.file
    config.write_text(
        "\n".join(line for line in config.read_text().splitlines() if "  pagerduty:" not in line)
    )
    result = replayed(relay, since=datetime(2020, 1, 1, tzinfo=UTC))

    assert result.left_out == (f"{quarantined}: no source named 'pagerduty' in the configuration",)
    assert [one["delivery"] for one in relay.failed()["quarantined"]] == [quarantined]


def test_a_dead_letter_goes_out_as_it_was_translated(relay: Relay, receiver: Receiver) -> None:
    """A corrected line is for what is in quarantine. A dead letter keeps its repository, id and place.

    Its body is not stored: it counted when it came. Only the names of its fields are those of now.
    """

    def refuse_the_shop(arrival: Arrival) -> bytes:
        return answer("422 X" if arrival.event["repo"] == "larkspur/shop" else "202 X")

    receiver.script = refuse_the_shop
    pagerduty("incident.triggered", "fine").post(relay.url)
    eventually(lambda: incidents(receiver) == ["fine"])
    (refused,) = pagerduty("incident.triggered", "dead", service="shop").post(relay.url).json()["events"]
    eventually(lambda: relay.status()["deadLetters"] == 1)
    pagerduty("incident.triggered", "unmapped", service="attic").post(relay.url)
    add_line(relay, "attic: {repo: larkspur/attic}")
    relay.edit("larkspur/shop", "larkspur/web-shop")
    relay.edit("receiver: ours", "receiver: ours\n  dialect: {rename: {title: summary}}")
    receiver.script = Receiver.script

    result = replayed(relay, source="pagerduty")
    pagerduty("incident.resolved", "dead", service="shop", at=ENDED_AT).post(relay.url)
    eventually(lambda: len(receiver.taken()) == 4)
    assert result.events == (refused,)
    (before, again, end) = receiver.of("dead")
    assert (before.id, again.id) == (refused, refused)
    renamed = {"summary" if name == "title" else name: value for name, value in before.event.items()}
    assert again.event == renamed
    assert end.event["repo"] == "larkspur/shop"
    assert [one.event["repo"] for one in receiver.of("unmapped")] == ["larkspur/attic"]


def test_a_running_relay_stores_deliveries_during_a_long_replay(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a thousand are replayed, in many short transactions, each delivery is 202 within a second.

    On a busy machine it is at most a quarter of the time that the replay takes as a whole.
    """
    rows = [
        (f"d{number:06}", number, "pagerduty", "unmapped", "", "application/json", delivery.body)
        for number in range(1000)
        for delivery in [pagerduty("incident.triggered", f"I{number}", service="attic")]
    ]
    with transaction(relay.database) as connection:
        columns = "delivery, received_at, source, code, reason, content_type, body"
        connection.executemany(f"INSERT INTO quarantine ({columns}) VALUES (?,?,?,?,?,?,?)", rows)
    add_line(relay, "attic: {repo: larkspur/attic}")
    real, transactions = paced_transaction, []

    def counted(database: Database) -> Any:
        transactions.append(database)
        return real(database)

    monkeypatch.setattr(replays, "paced_transaction", counted)
    thread = threading.Thread(target=replayed, args=(relay,), kwargs={"states": (outcomes.UNMAPPED,)})
    thread.start()
    began, times = time.monotonic(), []
    while thread.is_alive():
        begun = time.monotonic()
        assert pagerduty("incident.triggered", f"live-{len(times)}").post(relay.url).status_code == 202
        times.append(time.monotonic() - begun)
    thread.join()

    assert len(times) > 5
    assert max(times) < max(1.0, (time.monotonic() - began) / 4)
    assert len(transactions) >= 50
    assert relay.failed()["quarantined"] == []


def test_a_store_that_is_busy_for_long_is_named(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a command cannot get the store's lock, the error gives file and reason."""
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    refused = pytest.raises(StoreUnavailable)
    with transaction(relay.database), refused as caught, transaction(relay.database):
        pass
    assert str(caught.value) == f"{relay.store}: cannot write: database is locked"
