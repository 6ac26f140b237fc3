"""What a sender is answered, over real sockets: each row of the table in `answers`, and odder ones."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay import acceptance, app, protocol
from gitdailies_relay import store as stores

from tests.processes import eventually
from tests.relay import deliveries
from tests.relay.deliveries import JSON, Delivery, datadog, pagerduty, signed, tokened
from tests.relay.receiver import Receiver
from tests.relay.running import Relay, configure, in_thread
from tests.relay.sockets import connected, exchange, head, receive

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


def test_a_redelivery_is_202_with_the_same_ids(relay: Relay, receiver: Receiver) -> None:
    """The same delivery again is 202 with the same ids, and nothing more is sent."""
    delivery = pagerduty("incident.triggered", "Q1")
    first, second = delivery.post(relay.url), delivery.post(relay.url)

    assert (second.status_code, second.json()["events"]) == (202, first.json()["events"])
    assert second.json()["delivery"] != first.json()["delivery"]
    pagerduty("incident.resolved", "Q1").post(relay.url)
    eventually(lambda: len(receiver.arrivals) >= 2)
    assert [one.event["kind"] for one in receiver.arrivals] == ["incidentStarted", "incidentResolved"]


IGNORED = {
    "acknowledged": (
        pagerduty("incident.acknowledged", "Q1"),
        "incident.acknowledged neither starts nor ends an incident",
    ),
    "a type that is not in the table": (
        pagerduty("incident.renamed", "Q1"),
        "not in the table of PagerDuty's event types",
    ),
    "a ping": (
        signed(deliveries.example("pagerduty", "pagey.ping")),
        "a ping: the connection works",
    ),
    "filtered": (
        pagerduty("incident.triggered", "Q1", source="filtered", urgency="low"),
        "filtered: urgency low is not in high",
    ),
    "a service without a line": (
        pagerduty("incident.triggered", "Q1", service="attic"),
        "unmapped: no line under services for 'attic'",
    ),
}


# Of what is in no table, not even `data.id` is known to be an incident's.
_WITHOUT_INCIDENT = ("a ping", "a type that is not in the table")


@pytest.mark.parametrize("name", IGNORED)
def test_nothing_to_say_is_200_with_the_reason(relay: Relay, name: str) -> None:
    """What is authentic and counts nothing is 200, and the reason stands in answer and explain."""
    delivery, reason = IGNORED[name]
    answer = delivery.post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["reasons"] == [reason]
    if name not in _WITHOUT_INCIDENT:
        (told,) = relay.explain("Q1")["deliveries"]
        assert (told["delivery"], told["reason"]) == (answer.json()["delivery"], reason)


def test_a_second_start_of_an_open_period_is_200(relay: Relay) -> None:
    """Another delivery that starts what is open says so and adds nothing."""
    assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.json()["reasons"]) == (
        200,
        ["second start of a period that is open: 2026-03-04T09:12:41Z"],
    )


def test_a_shape_that_the_table_cannot_read_is_202_kept(relay: Relay) -> None:
    """Its body is kept; answer, list, log and metrics say what was expected."""
    answer = signed(UNKNOWN_SHAPE).post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (202, "kept")
    reason = answer.json()["reason"]
    assert reason.startswith("event.data.id: expected")
    (kept,) = relay.failed()["kept"]
    assert (kept["delivery"], kept["why"], kept["reason"]) == (answer.json()["delivery"], "shape", reason)
    assert relay.status()["kept"] == {"shape": 1}
    (entry,) = relay.logged("delivery")
    assert (entry["log_level"], entry["reasons"]) == ("warning", [reason])
    metrics = requests.get(f"{relay.status_url}/metrics", timeout=5).text
    assert 'gitdailies_relay_deliveries_total{outcome="shape",source="pagerduty"} 1.0' in metrics


PROOFS = {
    "none": {},
    "empty": {"x-pagerduty-signature": ""},
    "the bare prefix": {"x-pagerduty-signature": "v1="},
    "another version": {"x-pagerduty-signature": "v0=" + "0" * 64},
    "another secret's": {"x-pagerduty-signature": "v1=" + "0" * 64},
    "not ASCII": {"x-pagerduty-signature": b"v1=\xe9\xff"},
    "ten thousand": {"x-pagerduty-signature": ",".join(["v1=" + "0" * 64] * 900)},
    "a wrong token": {deliveries.TOKEN_HEADER: "pd-secret"},
    "the token of another source": {deliveries.TOKEN_HEADER: deliveries.SECRETS["datadog-token"]},
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_wrong_or_missing_proof_is_401_and_leaves_nothing_behind(relay: Relay, name: str) -> None:
    """The answer has no detail; neither body nor proof is logged or kept."""
    answer = Delivery("pagerduty", UNKNOWN_SHAPE, {"content-type": JSON, **PROOFS[name]}).post(relay.url)

    assert (answer.status_code, answer.json()) == (401, {"status": "unauthorized"})
    (entry,) = relay.logged("delivery refused")
    assert set(entry) == {"event", "log_level", "source", "reason"}
    assert "body-text" not in repr(relay.log)
    assert relay.failed()["kept"] == []
    assert relay.status()["deliveries"] == {}


def test_an_older_secret_proves_and_is_named(relay: Relay) -> None:
    """Any secret of the source is a proof, and explain names the one, so that an old one can go."""
    body = pagerduty("incident.triggered", "Q1").body
    assert signed(body, secret="old-secret").post(relay.url).status_code == 202

    (told,) = relay.explain("Q1")["deliveries"]
    assert told["proof"].endswith("/old-secret")


def test_a_body_changed_by_one_space_is_401(relay: Relay) -> None:
    """The signature holds for the exact bytes, not for what they mean."""
    delivery = pagerduty("incident.triggered", "Q1")
    changed = Delivery("pagerduty", delivery.body + b" ", delivery.headers)

    assert changed.post(relay.url).status_code == 401


NOT_JSON = {
    "cut": (b'{"event": {"id": ', "body: expected JSON, got expecting value at line 1 column 18"),
    "empty": (b"", "body: expected JSON, got expecting value at line 1 column 1"),
    "NaN": (b'{"event": NaN}', "body: expected JSON, got NaN"),
    "too large a number": (b'{"event": 1e999}', "body: expected a number that fits a double"),
    "half a surrogate": (b'{"event": "\\ud800"}', "body: expected text that UTF-8 can hold"),
    "too deep": (b"[" * 100_000 + b"]" * 100_000, "body: expected at most 100 levels of nesting, got more"),
    "not UTF-8": (b'{"event": "\xff"}', "body: expected UTF-8, got other bytes at offset 11"),
    "a byte order mark": (b'\xef\xbb\xbf{"event": {}}', "body: expected JSON, got"),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_400_and_kept(relay: Relay, name: str) -> None:
    """The answer says where and what was expected; the body can be looked at later."""
    body, reason = NOT_JSON[name]
    answer = signed(body).post(relay.url)

    assert (answer.status_code, answer.json()["status"]) == (400, "unreadable")
    assert answer.json()["reason"].startswith(reason)
    (kept,) = relay.failed()["kept"]
    assert kept["why"] == "unreadable"
    with stores.reading(relay.store) as connection:
        assert connection.execute("SELECT body FROM kept").fetchone() == (body,)


def test_a_name_that_stands_twice_is_tolerated_from_a_vendor(relay: Relay) -> None:
    """Of two equal names in a vendor's JSON the last one holds, and the delivery is taken."""
    body = pagerduty("incident.triggered", "Q1").body.replace(b'{"id"', b'{"id": "x", "id"', 1)
    twice = body.replace(b'"event_type"', b'"event_type": "pagey.ping", "event_type"')

    assert signed(twice).post(relay.url).json()["status"] == "stored"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; a=b"]
)
def test_datadogs_form_encoding_is_read(relay: Relay, kind: str) -> None:
    """A form is read as one, whatever the letters of its type, and is 400 where it is none."""
    form = deliveries.example("datadog", "monitor-form")

    assert tokened("datadog", form, kind).post(relay.url).json()["status"] == "stored"
    assert tokened("datadog", b"no pairs", kind).post(relay.url).status_code == 400


def test_an_unknown_source_is_404(relay: Relay) -> None:
    """No other path is served on the intake, status and metrics least of all."""
    for path in ("/hooks/opsgenie", "/hooks/", "/hooks", "/", "/status", "/metrics", "/hooks/pagerduty/x"):
        assert requests.post(relay.url + path, data=b"{}", timeout=5).status_code == 404


def test_other_methods_are_405_and_name_those_allowed(relay: Relay) -> None:
    """GET, HEAD and DELETE are refused; POST, PUT and PATCH, which Squadcast offers, are taken."""
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        answer = requests.request(method, relay.url + "/hooks/squadcast", timeout=5)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT, PATCH")
    for number, method in enumerate(("PUT", "PATCH")):
        delivery = deliveries.squadcast("v2.incident.triggered", f"S{number}")
        url = relay.url + "/hooks/squadcast"
        answer = requests.request(method, url, data=delivery.body, headers=delivery.headers, timeout=5)
        assert answer.status_code == 202


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413(relay: Relay) -> None:
    """The limit is 1 MiB, for a body whose length is announced and for one in chunks."""
    most = pagerduty("incident.triggered", "Q1").body.ljust(app.BODY_BYTES)
    assert signed(most).post(relay.url).status_code == 202
    over = signed(most + b" ")
    assert over.post(relay.url).status_code == 413

    def in_chunks(body: bytes) -> Any:
        return (body[at : at + 65536] for at in range(0, len(body), 65536))

    for body, status in ((most, 202), (most + b" ", 413)):
        url, headers = relay.url + "/hooks/pagerduty", signed(body).headers
        assert requests.post(url, data=in_chunks(body), headers=headers, timeout=20).status_code == status


def test_413_comes_before_the_body_and_ends_the_connection(relay: Relay) -> None:
    """What is announced as too large is refused unread, and its bytes are not taken for a request."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": "2000000"}))
        answer = receive(connection)
        assert answer.status == 413
        assert answer.json()["reason"] == "body: expected at most 1048576 bytes, got more"
        assert answer.headers["connection"] == "close"
        assert connection.recv(10) == b""


def test_a_sender_that_writes_first_and_reads_later_sees_its_413(relay: Relay) -> None:
    """A whole body of 3 MiB, sent before the answer is looked at, does not break the connection."""
    body = b"x" * 3 * 1024 * 1024
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": str(len(body))}))
        time.sleep(0.1)
        connection.sendall(body)
        assert receive(connection).status == 413


def test_a_body_without_end_is_413_and_cut(relay: Relay) -> None:
    """Chunks that never end are answered at the limit, and the connection ends soon after."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        assert _taken(connection, chunk, most=1600) < 1000


LENGTHS = {
    "0" * 5000 + "5": (401, 400),
    "-1": (400,),
    "5, 6": (400,),
    "18446744073709551616": (400,),
    "1e3": (400,),
}


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length[:20])
def test_an_odd_length_is_refused_plainly(relay: Relay, length: str) -> None:
    """A Content-Length that no client would send is a 4xx, never a fault of the relay."""
    answer = exchange(relay.url, head("/hooks/pagerduty", {"Content-Length": length}) + b"12345")

    assert answer.status in LENGTHS[length]
    assert requests.get(relay.url + "/readyz", timeout=5).status_code == 200


def test_an_encoded_body_is_415(relay: Relay) -> None:
    """Compressed bodies are refused, since a small one may grow without bound; identity is none."""
    delivery = pagerduty("incident.triggered", "Q1")
    for encoding, status in (("gzip", 415), ("br, gzip", 415), ("identity", 202), ("", 202)):
        headers = {**delivery.headers, "content-encoding": encoding}
        answer = Delivery("pagerduty", delivery.body, headers).post(relay.url)
        assert answer.status_code == status


def test_a_body_that_does_not_come_to_its_end_is_503(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that stalls inside the body gets 503 after the set time, and nothing is kept of it."""
    monkeypatch.setattr(app, "BODY_SECONDS", 0.3)
    delivery = datadog("monitor-triggered")
    headers = {**delivery.headers, "Content-Length": str(len(delivery.body))}
    answer = exchange(relay.url, head("/hooks/datadog", headers) + delivery.body[:-5])

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["reason"] == "expected the whole body in time, got a part"
    assert relay.failed()["kept"] == []


@pytest.mark.parametrize("sent", [0, 100])
def test_a_sender_that_goes_away_inside_the_body_leaves_nothing(relay: Relay, sent: int) -> None:
    """A body that was cut, before its first byte or after some, is no delivery: nothing is kept or logged."""
    delivery = datadog("monitor-triggered")
    headers = {**delivery.headers, "Content-Length": str(len(delivery.body))}
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/datadog", headers) + delivery.body[:sent])
        time.sleep(0.1)
    assert datadog("monitor-triggered", cycle_key="C2").post(relay.url).status_code == 202

    assert relay.failed()["kept"] == []
    assert relay.status()["deliveries"] == {"datadog": {"stored": 1}}


def test_pipelined_deliveries_are_answered_in_order(relay: Relay) -> None:
    """Two requests in one write get two answers, each for its own."""
    both = [pagerduty("incident.triggered", "Q1"), pagerduty("incident.acknowledged", "Q1")]
    raw = b"".join(
        head("/hooks/pagerduty", {**one.headers, "Content-Length": str(len(one.body))}) + one.body
        for one in both
    )
    with connected(relay.url) as connection:
        connection.sendall(raw)
        statuses = [receive(connection).json()["status"] for _ in both]

    assert statuses == ["stored", "ignored"]


GARBAGE = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a header without a name": b"POST /hooks/pagerduty HTTP/1.1\r\n: x\r\n\r\n",
    "two lengths": b"POST /hooks/pagerduty HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "chunked and a length": head("/hooks/pagerduty", {"Transfer-Encoding": "chunked", "Content-Length": "2"})
    + b"0\r\n\r\n",
    "a chunk of no size": head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}) + b"zz\r\n{}\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_400_or_an_end_and_harms_nobody(relay: Relay, name: str) -> None:
    """After a good delivery on the same connection, garbage is answered 4xx and the connection ends."""
    delivery = pagerduty("incident.triggered", "Q1")
    good = head("/hooks/pagerduty", {**delivery.headers, "Content-Length": str(len(delivery.body))})
    with connected(relay.url) as connection:
        connection.sendall(good + delivery.body)
        assert receive(connection).status == 202
        connection.sendall(GARBAGE[name])
        assert 400 <= receive(connection).status < 500
        assert connection.recv(10) == b""
    assert relay.status()["deliveries"] == {"pagerduty": {"stored": 1}}


def test_headers_without_end_are_cut(relay: Relay) -> None:
    """A sender that goes on with headers is cut long before they fill the memory."""
    with connected(relay.url) as connection:
        connection.sendall(b"POST /hooks/pagerduty HTTP/1.1\r\n")
        assert _taken(connection, b"x: " + b"y" * 8000 + b"\r\n", most=8000) < 4000


def _taken(connection: socket.socket, part: bytes, most: int) -> int:
    """Send a part again and again; return how often until the relay ended the connection."""
    for number in range(most):
        try:
            connection.sendall(part)
        except ConnectionError:
            return number
    return most


def test_a_connection_that_says_nothing_for_long_is_ended(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that come a byte now and then hold a connection only for a set time."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    with connected(relay.url) as connection:
        connection.sendall(b"POST /hooks/pagerduty HTTP/1.1\r\nx: ")
        assert connection.recv(10) == b""


def test_a_web_socket_is_not_spoken(relay: Relay) -> None:
    """An offer to upgrade is passed over; what follows is the request."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    answer = exchange(relay.url, head("/hooks/pagerduty", headers, method="GET"))

    assert (answer.status, answer.headers["allow"]) == (405, "POST, PUT, PATCH")


def test_more_bytes_than_are_held_at_once_are_503(tmp_path: Path, receiver: Receiver) -> None:
    """While other bodies are on their way, what would go over the bound is told to come again."""
    file = configure(tmp_path, url=receiver.url, queue_bytes="1048576")
    delivery = pagerduty("incident.triggered", "Q1")
    with in_thread(file) as relay:
        with connected(relay.url) as connection:
            connection.sendall(head("/hooks/pagerduty", {"Content-Length": str(1048576 - 100)}))
            (answer,) = eventually(lambda: _answered(503, delivery, relay))
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["reason"] == "more deliveries are waiting than are held at once"
        eventually(lambda: delivery.post(relay.url).status_code == 202)


def _answered(status: int, delivery: Delivery, relay: Relay) -> list[requests.Response]:
    # In a list, since an answer over 399 counts as false.
    answer = delivery.post(relay.url)
    return [answer] if answer.status_code == status else []


def test_a_fault_of_ours_is_503_and_spoils_no_other(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug while storing is 503 with Retry-After, without detail in the answer; the next one is stored."""
    put = acceptance._record

    def sometimes(connection: Any, delivery: Any, *rest: Any) -> None:
        if b"Q-bad" in delivery.reading.body:
            raise RuntimeError("planted")
        put(connection, delivery, *rest)

    monkeypatch.setattr(acceptance, "_record", sometimes)
    bad = pagerduty("incident.triggered", "Q-bad").post(relay.url)
    good = pagerduty("incident.triggered", "Q-good").post(relay.url)

    assert (bad.status_code, bad.headers["retry-after"], good.status_code) == (503, "5", 202)
    assert "planted" not in bad.text
    (entry,) = relay.logged("delivery not stored")
    assert entry["reason"].startswith("RuntimeError at test_answers.py:")


def test_a_fault_outside_the_store_is_503_too(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug anywhere on the way of a delivery is 503 with Retry-After, and the log says where."""

    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(app, "read", broken)
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"status": "unavailable", "reason": "the relay is at fault"}
    (entry,) = relay.logged("delivery broke")
    assert entry["reason"].startswith("RuntimeError at test_answers.py:")


def test_a_commit_that_takes_too_long_is_503_and_no_second_event(
    relay: Relay, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not stored in time is 503; the vendor's next try finds what was stored after all."""
    monkeypatch.setattr(app, "ANSWER_SECONDS", 0.2)
    real = stores.accept

    def slow(connection: Any, delivery: Any) -> Any:
        if delivery.reading.source == "pagerduty" and not receiver.arrivals:
            time.sleep(0.5)
        return real(connection, delivery)

    monkeypatch.setattr(stores, "accept", slow)
    delivery = pagerduty("incident.triggered", "Q1")
    assert delivery.post(relay.url).status_code == 503
    (again,) = eventually(lambda: _answered(202, delivery, relay))

    assert len(again.json()["events"]) == 1
    eventually(lambda: receiver.arrivals)
    assert [one.id for one in receiver.arrivals] == again.json()["events"]


def test_a_proof_that_cannot_be_checked_is_503(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that breaks while it verifies is our fault, so the vendor keeps the delivery."""
    from gitdailies_pagerduty import adapter

    def broken(*_: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(adapter, "verify", broken)
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "planted" not in answer.text


def test_an_adapter_that_breaks_while_it_translates_loses_nothing(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error of an adapter, and an adapter that says nothing, keep the body with the reason."""
    from gitdailies_pagerduty import adapter

    def broken(*_: Any) -> Any:
        return {}["missing"]

    for fault, reason in (
        (broken, "adapter pagerduty: expected a translation, got KeyError"),
        (lambda *_: (), "adapter pagerduty: expected messages or a reason, got nothing"),
    ):
        monkeypatch.setattr(adapter, "translate", fault)
        answer = pagerduty("incident.triggered", "Q1").post(relay.url)
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (202, "kept", reason)
    assert len(relay.failed()["kept"]) == 2


def test_health_is_answered_on_both_listeners(relay: Relay) -> None:
    """healthz and readyz are 200 on the intake and beside the metrics."""
    for url in (relay.url, relay.status_url):
        assert requests.get(f"{url}/healthz", timeout=5).json() == {"status": "alive"}
        assert requests.get(f"{url}/readyz", timeout=5).json() == {"status": "ready"}
    assert requests.get(f"{relay.status_url}/hooks/pagerduty", timeout=5).status_code == 404


def test_every_answer_is_json(relay: Relay) -> None:
    """Each answer, good or bad, is a JSON object with a status in words."""
    for answer in (
        pagerduty("incident.triggered", "Q1").post(relay.url),
        signed(b"{").post(relay.url),
        requests.get(relay.url + "/nowhere", timeout=5),
        requests.get(relay.url + "/hooks/pagerduty", timeout=5),
        requests.post(relay.url + "/hooks/pagerduty", data=b"{}", timeout=5),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(json.loads(answer.content)["status"], str)
