"""CloudEvents: a request of the SDK in each mode is taken as the event inside."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver

MODES = {"structured": to_structured, "binary": to_binary}


def wrapped(data: Any, **attributes: Any) -> CloudEvent:
    given = {
        "id": "A-1",
        "source": "https://ci.example.com/larkspur",
        "type": "com.example.deployed",
        "datacontenttype": "application/json",
        **attributes,
    }
    return CloudEvent({name: value for name, value in given.items() if value is not None}, data)


def send(receiver: Receiver, key: str, headers: dict[str, str], raw: bytes) -> requests.Response:
    given = {"webhook-key": key, **headers}
    return requests.post(receiver.url + "/webhooks", data=raw, headers=given, timeout=10)


@pytest.mark.parametrize("mode", MODES)
def test_an_event_in_either_mode(receiver: Receiver, mode: str) -> None:
    """An event wrapped by the SDK is taken as if it had come bare, and its second delivery is unchanged."""
    key, message = receiver.key("ci", "send", "read"), MODES[mode](wrapped(body("deploy")), JSONFormat())
    answers = [send(receiver, key, message.headers, message.body).json() for _ in range(2)]
    assert [answer["status"] for answer in answers] == ["created", "unchanged"]
    (event,) = receiver.events(key)
    assert {**event, "receivedAt": None} == {**body("deploy"), "receivedAt": None}


@pytest.mark.parametrize("mode", MODES)
def test_the_wrapping_says_what_the_event_leaves_out(receiver: Receiver, mode: str) -> None:
    """If an incident's event has no kind, id, time or source, they come from the wrapping."""
    data = {"incidentId": "Q1", "repo": "larkspur/ledger"}
    moment = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
    message = MODES[mode](wrapped(data, type="com.example.incidentStarted", time=moment), JSONFormat())
    key = receiver.key("ci", "send", "read")
    assert send(receiver, key, message.headers, message.body).status_code == 202
    (event,) = receiver.events(key)
    assert {name: event[name] for name in ("kind", "id", "time", "source")} == {
        "kind": "incidentStarted",
        "id": "https://ci.example.com/larkspur#A-1",
        "time": "2026-03-04T09:12:41Z",
        "source": "https://ci.example.com/larkspur",
    }


def test_ids_are_unique_within_their_source(receiver: Receiver) -> None:
    """The same id from two sources is two events, also where both are too long or not ASCII."""
    key, data = receiver.key("ci", "send"), body("public-client")
    for source in ("a", "b", "é" * 200, "é" * 201):
        message = to_structured(wrapped(data, source=source), JSONFormat())
        assert send(receiver, key, message.headers, message.body).json()["status"] == "created"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id"),
        ({"source": ""}, "source"),
        ({"specversion": "0.9"}, "specversion"),
        ({"type": None}, "type"),
        ({"type": "com.example.nothing", "data": {"repo": "a/b"}}, "kind: expected one of"),
        ({"data": [1]}, "data: expected an event, got a list of 1"),
        ({"time": "yesterday"}, "time: expected a time like"),
        ({"data_base64": "?"}, "data_base64: expected base64"),
    ],
)
def test_what_is_no_cloud_event_is_named(receiver: Receiver, change: dict[str, Any], message: str) -> None:
    """A wrapping that lacks a part, or holds no event of ours, is 422 with the fault."""
    one = {**json.loads(to_structured(wrapped({"commitSHA": "a" * 40}), JSONFormat()).body), **change}
    raw = json.dumps({name: value for name, value in one.items() if value is not None}).encode()
    answer = send(receiver, receiver.key("ci"), {"content-type": "application/cloudevents+json"}, raw)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


@pytest.mark.parametrize("mode", MODES)
def test_a_cd_event_in_either_mode(receiver: Receiver, mode: str) -> None:
    """A CDEvent is read by its type, whatever its version; in another mode it is the same event."""
    data = body("cdevents-service-deployed")
    attributes = {name: data["context"][name] for name in ("id", "source", "type")}
    event = wrapped(data, subject="service/quotes", **attributes)
    key = receiver.key("ci", "send", "read")
    for each in (mode, *MODES):
        message = MODES[each](event, JSONFormat())
        assert send(receiver, key, message.headers, message.body).status_code == 202
    (stored,) = receiver.events(key)
    assert (stored["repo"], stored["service"]) == ("larkspur/quotes", "quotes")
    assert stored["id"] == f"{attributes['source']}#{attributes['id']}"


def test_one_bad_event_of_a_batch_loses_no_other(receiver: Receiver) -> None:
    """A CloudEvent of a batch that is not valid, or that does not count, is refused alone."""
    good = json.loads(to_structured(wrapped(body("deploy")), JSONFormat()).body)
    removed = {**good, "type": "dev.cdevents.service.removed.0.3.0"}
    raw = json.dumps([removed, {**good, "specversion": "0.9"}, 7, good]).encode()
    answer = send(receiver, receiver.key("ci"), {"content-type": "application/cloudevents-batch+json"}, raw)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["invalid", "invalid", "invalid", "created"]
    assert "service.deployed" in results[0]["error"]


def test_empty_text_in_a_cloud_event_is_named(receiver: Receiver) -> None:
    """The answer names a field that is empty, as for an event that comes bare."""
    message = to_structured(wrapped({**body("deploy"), "environment": ""}), JSONFormat())
    answer = send(receiver, receiver.key("ci"), message.headers, message.body)
    assert answer.json()["empty"] == ["environment"]


def test_a_sender_that_asks_first_is_permitted_to_send(receiver: Receiver) -> None:
    """OPTIONS with an origin is answered without a key; OPTIONS without one is no method here."""
    origin = {"WebHook-Request-Origin": "broker.larkspur.example"}
    asked = requests.options(f"{receiver.url}/webhooks", headers=origin, timeout=10)
    assert (asked.status_code, asked.content) == (200, b"")
    names = ("webhook-allowed-origin", "webhook-allowed-rate", "allow")
    assert [asked.headers[name] for name in names] == ["broker.larkspur.example", "*", "POST, OPTIONS"]
    plain = requests.options(f"{receiver.url}/webhooks", timeout=10)
    assert (plain.status_code, plain.headers["allow"]) == (405, "POST")
