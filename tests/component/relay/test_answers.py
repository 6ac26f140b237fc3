"""The answers to senders, over real sockets: each row of the table in `answers`."""

import json
from typing import Any

import pytest
import requests
from gitdailies_relay.store import store as stores
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay import deliveries
from tests.support.relay.deliveries import JSON, Delivery, pagerduty, signed, tokened
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay

UNKNOWN_SHAPE = (
    b'{"event": {"id": "e1", "event_type": "incident.triggered", "occurred_at": "2026-03-04T09:12:41Z",'
    b' "data": {"planted": "body-text"}}}'
)


def test_stored_is_202_with_the_ids_that_arrive(relay: Relay, receiver: Receiver) -> None:
    """A start and an end are 202 with the ids under which GitDailies gets them, in order."""
    ids = []
    for word in ("incident.triggered", "incident.resolved"):
        answer = pagerduty(word, "Q1").post(relay.url)
        assert (answer.status_code, answer.json()["status"]) == (202, "stored")
        ids += answer.json()["events"]

    eventually(lambda: len(receiver.arrivals) == 2)
    assert [one.id for one in receiver.arrivals] == ids
    assert [one.event["id"] for one in receiver.arrivals] == ids
    assert len(set(ids)) == 2


# Of what is in no table, not even `data.id` is known to be an incident's: without a name it is not explained.
IGNORED = (
    (
        pagerduty("incident.acknowledged", "A"),
        "A",
        "incident.acknowledged neither starts nor ends an incident",
    ),
    (signed(deliveries.example("pagerduty", "pagey.ping")), "", "a ping: the connection works"),
    (
        pagerduty("incident.triggered", "C", source="filtered", urgency="low"),
        "C",
        "filtered: urgency is low; only high counts",
    ),
)


def test_nothing_to_say_is_200_with_the_reason(relay: Relay) -> None:
    """An authentic delivery without an event is answered 200; the answer and `explain` have the reason."""
    for delivery, incident, reason in IGNORED:
        answer = delivery.post(relay.url)
        assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
        assert answer.json()["reasons"] == [reason]
        if incident:
            (explained,) = relay.explain(incident)["deliveries"]
            assert (explained["delivery"], explained["reason"]) == (answer.json()["delivery"], reason)


def test_what_is_unmapped_is_202_with_this_word(relay: Relay) -> None:
    """The answer has the word of the page of deliveries; it and `explain` have the reason."""
    answer = pagerduty("incident.triggered", "D", service="attic").post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (202, "unmapped")
    assert answer.json()["reasons"] == ["unmapped: no line under services for 'attic'"]
    (explained,) = relay.explain("D")["deliveries"]
    assert (explained["delivery"], explained["outcome"]) == (answer.json()["delivery"], "unmapped")


def test_an_unknown_word_is_202_quarantined(relay: Relay) -> None:
    """A word that the vendor's table does not have waits for an upgrade, and the answer says so."""
    answer = pagerduty("incident.renamed", "B").post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (202, "quarantined")
    assert answer.json()["reason"] == "not in the table of PagerDuty's event types"


def test_a_shape_that_the_table_cannot_read_is_202_quarantined(relay: Relay) -> None:
    """Its body is quarantined; answer, list, log and metrics say what was expected."""
    answer = signed(UNKNOWN_SHAPE).post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (202, "quarantined")
    reason = answer.json()["reason"]
    assert reason.startswith("event.data.id: expected")
    (quarantined,) = relay.failed()["quarantined"]
    assert (quarantined["delivery"], quarantined["code"], quarantined["reason"]) == (
        answer.json()["delivery"],
        "unexpected_payload",
        reason,
    )
    assert relay.status()["quarantined"] == {"unexpected_payload": 1}
    (entry,) = relay.logged("delivery")
    assert (entry["log_level"], entry["reasons"]) == ("warning", (reason,))
    metrics = requests.get(f"{relay.status_url}/metrics", timeout=30).text
    assert 'gitdailies_relay_messages_total{outcome="unexpected_payload",source="pagerduty"} 1.0' in metrics


PROOFS: dict[str, dict[str, Any]] = {
    "none": {},
    "another secret's": {"x-pagerduty-signature": "v1=" + "0" * 64},
    "not ASCII": {"x-pagerduty-signature": b"v1=\xe9\xff"},
    "the token of another source": {deliveries.TOKEN_HEADER: deliveries.SECRETS["datadog-token"]},
}


def test_a_wrong_or_missing_proof_is_401_and_leaves_nothing_behind(relay: Relay) -> None:
    """The answer has no detail; neither body nor proof is logged or stored."""
    for proof in PROOFS.values():
        answer = Delivery("pagerduty", UNKNOWN_SHAPE, {"content-type": JSON, **proof}).post(relay.url)
        assert (answer.status_code, answer.json()) == (401, {"status": "unauthorized"})
        assert answer.headers["www-authenticate"] == "Bearer"
    entry = relay.logged("delivery refused")[0]
    assert set(entry) == {"event", "log_level", "source", "client", "reason"}
    assert "body-text" not in repr(relay.log)
    assert relay.failed()["quarantined"] == []
    assert relay.status()["deliveries"] == {}


def test_an_older_secret_proves_and_is_named(relay: Relay) -> None:
    """Any secret of the source is a proof, and explain names the one, so that an old one can go."""
    body = pagerduty("incident.triggered", "Q1").body
    assert signed(body, secret="old-secret").post(relay.url).status_code == 202

    (explained,) = relay.explain("Q1")["deliveries"]
    assert explained["proof"].endswith("/old-secret")


NOT_JSON = (
    (b'{"event": {"id": ', "body: not valid JSON at line 1, column 18: expected value"),
    (b"", "body: not valid JSON at line 1, column 1: expected value"),
    (b"[" * 100_000 + b"]" * 100_000, "body: expected at most 100 levels of nesting, got more"),
    (b'{"event": "\xff"}', "body: expected UTF-8, got other bytes at offset 11"),
)


def test_what_is_not_json_is_400_and_quarantined(relay: Relay) -> None:
    """The answer says where and what was expected; the body can be looked at later."""
    for body, reason in NOT_JSON:
        answer = signed(body).post(relay.url)
        assert (answer.status_code, answer.json()["status"]) == (400, "unreadable")
        assert answer.json()["reason"].startswith(reason)
    assert {one["code"] for one in relay.failed()["quarantined"]} == {"invalid_json"}
    with stores.reading(SqliteDatabase(relay.store)) as connection:
        stored = connection.execute("SELECT body FROM quarantine ORDER BY seq").fetchall()
    assert stored == [(body,) for body, _ in NOT_JSON]


def test_a_duplicate_name_in_a_vendors_json_is_tolerated(relay: Relay) -> None:
    """If a vendor's JSON has a name twice, the last value counts and the delivery is stored."""
    body = pagerduty("incident.triggered", "Q1").body.replace(b'{"id"', b'{"id": "x", "id"', 1)
    twice = body.replace(b'"event_type"', b'"event_type": "pagey.ping", "event_type"')

    assert signed(twice).post(relay.url).json()["status"] == "stored"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; a=b"]
)
def test_datadogs_form_encoding_is_read(relay: Relay, kind: str) -> None:
    """A form is read whatever the letter case of its type, and a body that is no form is 400."""
    form = deliveries.example("datadog", "monitor-form")

    assert tokened("datadog", form, kind).post(relay.url).json()["status"] == "stored"
    assert tokened("datadog", b"no pairs", kind).post(relay.url).status_code == 400


def test_other_paths_are_404_and_other_methods_405(relay: Relay) -> None:
    """Status and metrics are not on the intake. POST is taken, and PUT and PATCH, which Squadcast offers."""
    for path in ("/hooks/opsgenie", "/hooks/", "/hooks", "/", "/status", "/metrics", "/hooks/pagerduty/x"):
        assert requests.post(relay.url + path, data=b"{}", timeout=30).status_code == 404
    url = relay.url + "/hooks/squadcast"
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        answer = requests.request(method, url, timeout=30)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT, PATCH")
    for number, method in enumerate(("PUT", "PATCH")):
        delivery = deliveries.squadcast("v2.incident.triggered", f"S{number}")
        answer = requests.request(method, url, data=delivery.body, headers=delivery.headers, timeout=30)
        assert answer.status_code == 202


def test_an_encoded_body_is_415(relay: Relay) -> None:
    """Compressed bodies are refused, since a small one may grow without bound; `identity` is accepted."""
    delivery = pagerduty("incident.triggered", "Q1")
    for encoding, status in (("gzip", 415), ("br, gzip", 415), ("identity", 202), ("", 202)):
        headers = {**delivery.headers, "content-encoding": encoding}
        answer = Delivery("pagerduty", delivery.body, headers).post(relay.url)
        assert answer.status_code == status


def test_health_is_answered_on_both_listeners(relay: Relay) -> None:
    """healthz and readyz are 200 on the intake's listener and on the one for metrics."""
    for url in (relay.url, relay.status_url):
        assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "alive"}
        assert requests.get(f"{url}/readyz", timeout=30).json() == {"status": "ready"}
    assert requests.get(f"{relay.status_url}/hooks/pagerduty", timeout=30).status_code == 404


def test_every_answer_is_json(relay: Relay) -> None:
    """Each answer, good or bad, is a JSON object with a status in words."""
    for answer in (
        pagerduty("incident.triggered", "Q1").post(relay.url),
        signed(b"{").post(relay.url),
        requests.get(relay.url + "/nowhere", timeout=30),
        requests.get(relay.url + "/hooks/pagerduty", timeout=30),
        requests.post(relay.url + "/hooks/pagerduty", data=b"{}", timeout=30),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(json.loads(answer.content)["status"], str)
