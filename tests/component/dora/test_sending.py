"""POST /webhooks and /webhooks/ping over real sockets: every answer that a sender can meet."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_dora.accounts.keys.key_store import delete_key, list_keys
from gitdailies_dora.events import store
from gitdailies_dora.events.intake import MOST_BYTES_LIST, MOST_BYTES_ONE

from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.relay.sockets import connected, exchange

pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("kind", KINDS)]


def problem(answer: requests.Response) -> tuple[int, str, str]:
    """Read a problem and check the form that all of them share."""
    fields = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert fields["status"] == answer.status_code
    assert set(fields) - {"field", "errors"} == {"type", "title", "status", "detail"}
    # Only an event with several faults has a list of them.
    assert len(fields.get("errors", "two")) > 1
    return answer.status_code, fields["type"].removeprefix("urn:gitdailies:problem:"), fields["detail"]


def test_the_same_event_many_times_at_once_is_taken_once(receiver: Receiver) -> None:
    """Of twenty equal requests at once exactly one is answered `created`, and the event is listed once."""
    key = receiver.key("ci", "send", "read")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: receiver.post(key, body("deploy")), range(20)))
    created = [answer.json() for answer in answers if answer.json()["status"] == "created"]
    assert created == [{"status": "created", "id": "deploy-1"}]
    statuses = sorted((answer.status_code, answer.json()["status"]) for answer in answers)
    assert statuses == [(202, "created")] + [(202, "unchanged")] * 19
    assert [event["id"] for event in receiver.events(key)] == ["deploy-1"]


def test_what_core_writes_is_taken(receiver: Receiver) -> None:
    """An event that core's dialect wrote is accepted, and a repeat is recognized by its id."""
    event = Event.make("deployed", **{k: v for k, v in body("deploy").items() if k != "kind"})
    # The documented fields are fewer, so the second is another content under the same id.
    for name, status in (("ours", 202), ("documented", 409)):
        sent = Dialect.make(receiver=name).dump(event)
        assert receiver.post(receiver.key(name), sent, Idempotency_Key="deploy-1").status_code == status


def test_ten_thousand_events_in_one_request(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest list that is allowed is taken whole, in its order, and a second time unchanged."""
    monkeypatch.setattr(store, "ANSWER_SECONDS", 60.0)  # a busy machine takes longer
    key = receiver.key("ci", "send", "read")
    one = body("public-client", time="2026-03-04T08:00:00Z")
    # Of one commit each: the repeats of one would be compared with each other.
    events = [{**one, "id": f"d-{n}", "commitSHA": f"{n:040x}"} for n in range(10_000)]
    first, second = (receiver.post(key, events) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert {result["status"] for result in first.json()["results"]} == {"created"}
    assert {result["status"] for result in second.json()["results"]} == {"unchanged"}
    assert [event["id"] for event in receiver.events(key, limit="20000")] == [e["id"] for e in events]


def test_validate_stores_nothing(receiver: Receiver) -> None:
    """?validate=true gives the answer that sending would give, and nothing is stored."""
    key = receiver.key("ci", "send", "read")
    good = receiver.post(key, body("deploy"), "/webhooks?validate=true")
    assert (good.status_code, good.json()) == (200, {"status": "valid", "id": "deploy-1"})
    mixed = receiver.post(key, body("list-mixed"), "/webhooks?validate=true")
    verdicts = [result["status"] for result in mixed.json()["results"]]
    assert (mixed.status_code, verdicts) == (207, ["valid", "valid", "conflict", "invalid", "valid"])
    assert receiver.post(key, body("deploy", repo="x"), "/webhooks?validate=true").status_code == 422
    assert receiver.events(key) == []
    receiver.post(key, body("deploy"))
    known = receiver.post(key, body("deploy", branch="main"), "/webhooks?validate=true")
    assert problem(known)[:2] == (409, "conflict")


def test_ping_proves_key_and_path(receiver: Receiver) -> None:
    """A ping with a live key names it and its rights and stores nothing; without one it is refused."""
    key = receiver.key("ci", "deployed", "read")
    answer = receiver.post(key, b"", "/webhooks/ping")
    assert answer.json() == {"status": "ok", "key": "ci", "allow": ["deployed", "read"]}
    assert receiver.events(key) == []
    assert problem(receiver.post("gdk_wrong", b"", "/webhooks/ping"))[:2] == (401, "unauthorized")


FORM = {"Content_Type": "application/x-www-form-urlencoded"}
FAULTS = [
    ({"kind": "deployed"}, {}, 422, "invalid", "repo: expected"),
    (body("deploy", time=(datetime.now(UTC) + timedelta(days=1)).isoformat()), {}, 422, "invalid", "time:"),
    (b"{", {}, 400, "unreadable", "body: not valid JSON"),
    (b"\xef\xbb\xbf{}", {}, 400, "unreadable", "body: expected UTF-8 without a byte order mark, got one"),
    (b"7", {}, 422, "invalid", "event: expected an object, got 7"),
    ([{}], {"Idempotency_Key": "x"}, 400, "request", "Idempotency-Key: cannot be used with a list"),
    (body("deploy"), {"Idempotency_Key": "x"}, 400, "request", "Idempotency-Key: expected the event's id"),
    (body("deploy"), {"Content_Type": "text/plain"}, 415, "media-type", "Content-Type: expected"),
    (body("deploy"), FORM, 415, "media-type", "Content-Type"),
    (body("deploy"), {"Content_Encoding": "gzip"}, 415, "media-type", "Content-Encoding: expected identity"),
    (b" " * (MOST_BYTES_ONE + 1), {}, 413, "too-large", f"body: expected at most {MOST_BYTES_ONE} bytes"),
    (b"[" + b" " * MOST_BYTES_LIST, {}, 413, "too-large", f"body: expected at most {MOST_BYTES_LIST} bytes"),
    ([body("public-client")] * 10_001, {}, 413, "too-large", "body: expected at most 10000 events"),
]


@pytest.mark.parametrize(("sent", "headers", "status", "word", "detail"), FAULTS)
def test_every_fault_is_a_problem_that_names_it(
    receiver: Receiver, sent: Any, headers: dict[str, str], status: int, word: str, detail: str
) -> None:
    """A request that cannot be taken is answered with its status, its word, and what was expected."""
    key = receiver.key("ci", "send", "read")
    got = problem(receiver.post(key, sent, **headers))
    assert got[:2] == (status, word)
    assert got[2].startswith(detail)
    assert receiver.events(key) == []


@pytest.mark.parametrize(
    "media", ["", "application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
def test_types_that_are_read_as_json(receiver: Receiver, media: str) -> None:
    """JSON is read under any of its media types, and so is a body without a type."""
    raw = json.dumps(body("deploy")).encode()
    assert receiver.post(receiver.key("ci"), raw, Content_Type=media).status_code == 202


@pytest.mark.parametrize(
    "given",
    [{}, {"webhook-key": ""}, {"webhook-key": "gdk_" + "0" * 38}, {"authorization": "Bearer x"}],
)
def test_without_a_live_key_nothing_is_read(receiver: Receiver, given: dict[str, str]) -> None:
    """A request without a key, or with an invalid one, is 401 on every path that needs one."""
    for method, path in (("POST", "/webhooks"), ("POST", "/webhooks/ping"), ("GET", "/api/events")):
        answer = requests.request(method, receiver.url + path, headers=given, data=b"{", timeout=10)
        assert problem(answer)[:2] == (401, "unauthorized")
        assert "www-authenticate" in answer.headers


def test_two_key_headers_are_no_key(receiver: Receiver) -> None:
    """A request with two key headers is refused, whichever of them is live."""
    key = receiver.key("ci")
    raw = f"POST /webhooks/ping HTTP/1.1\r\nHost: x\r\nwebhook-key: {key}\r\nwebhook-key: {key}\r\n\r\n"
    assert exchange(receiver.url, raw.encode()).status == 400


def test_a_key_as_bearer_token(receiver: Receiver) -> None:
    """Programs that know no other header send the key as a Bearer token, to send and to read."""
    key = receiver.key("all", "send", "read")
    for token in (f"Bearer {key}", f"bearer  {key}"):
        given = {"authorization": token}
        for path in ("/api/events", "/api/metrics", "/api/metrics/prometheus"):
            assert requests.get(receiver.url + path, headers=given, timeout=10).status_code == 200
        sent = requests.post(receiver.url + "/webhooks", headers=given, json=body("deploy"), timeout=10)
        assert sent.status_code == 202
    basic = {"authorization": f"Basic {key}"}
    refused = requests.get(receiver.url + "/api/events", headers=basic, timeout=10)
    assert refused.status_code == 401
    assert "Bearer" in refused.headers["www-authenticate"]


def test_a_key_in_both_headers(receiver: Receiver) -> None:
    """The same key twice is one. Two keys are refused, and so is a key with another token beside it."""
    key, other = receiver.key("one"), receiver.key("other")
    given = ((key, 200), (other, 400), (f"{key}x", 401), ("eyJhbGciOi.e30.x", 401))
    for token, status in given:
        answer = receiver.post(key, b"", "/webhooks/ping", authorization=f"Bearer {token}")
        assert answer.status_code == status, token
        assert token not in answer.text
        assert token not in str(receiver.log)
    assert receiver.post(other, b"", "/webhooks/ping", authorization=f"Bearer {key}").json() == {
        "type": "urn:gitdailies:problem:request",
        "title": "The request does not fit this API",
        "status": 400,
        "detail": "webhook-key: this request has two keys; send one of them",
    }


@pytest.mark.parametrize(
    ("allow", "sent", "status"),
    [
        (("read",), body("deploy"), 403),
        (("delete",), body("deploy"), 403),
        (("incidentStarted",), body("deploy"), 403),
        (("incidentStarted",), body("incident-started"), 202),
        (("deployed", "read"), body("deploy"), 202),
    ],
)
def test_a_key_sends_what_it_may(receiver: Receiver, allow: tuple[str, ...], sent: Any, status: int) -> None:
    """A key sends the kinds that it was allowed and is refused, with 403, for all others."""
    answer = receiver.post(receiver.key("ci", *allow), sent)
    assert answer.status_code == status
    assert status == 202 or problem(answer)[1] == "forbidden"


def test_a_list_of_kinds_that_a_key_may_and_may_not_send(receiver: Receiver) -> None:
    """In a list each entry needs the key's right to send its kind."""
    answer = receiver.post(receiver.key("ci", "deployed"), [body("incident-started"), body("deploy")])
    assert [result["status"] for result in answer.json()["results"]] == ["forbidden", "created"]


def test_a_deleted_key_is_refused_from_that_moment(receiver: Receiver, address: str) -> None:
    """A key that another process deletes in the store is refused by the next request, and only it."""
    old, new = receiver.key("old"), receiver.key("new")
    assert receiver.post(old, body("deploy", id="a")).status_code == 202
    command = ["-m", "gitdailies_cli", "keys", "delete", "old", "--store", address]
    subprocess.run([sys.executable, *command], check=True, timeout=60)
    assert problem(receiver.post(old, body("deploy", id="b")))[:2] == (401, "unauthorized")
    assert receiver.post(new, body("deploy", id="b")).status_code == 202


def test_a_key_deleted_while_its_body_comes_in_stores_nothing(receiver: Receiver) -> None:
    """A request that began before its key was deleted and ended after is refused."""
    key, reader = receiver.key("ci"), receiver.key("dash", "read")
    raw = json.dumps(body("deploy")).encode()
    head = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nwebhook-key: {key}\r\nContent-Length: {len(raw)}\r\n\r\n"
    with connected(receiver.url) as connection:
        connection.sendall(head.encode() + raw[:10])
        # Looking up the key takes a millisecond; what is tested is the moment after it.
        time.sleep(0.3)
        delete_key(receiver.store, "ci")
        connection.sendall(raw[10:])
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")
    assert receiver.events(reader) == []


def test_last_used_is_stored_to_the_minute(receiver: Receiver) -> None:
    """The first use of a key is stored at once; later uses in the same minute do not change it."""
    key = receiver.key("ci")
    assert [k.last_used_at for k in list_keys(receiver.store)] == [None]
    receiver.post(key, body("deploy"))
    (first,) = [k.last_used_at for k in list_keys(receiver.store)]
    receiver.post(key, b"", "/webhooks/ping")
    assert [k.last_used_at for k in list_keys(receiver.store)] == [first]
    assert abs(datetime.now(UTC) - first) < timedelta(seconds=30)


def test_strict_order_over_the_wire(strict: Receiver) -> None:
    """With --strict-order a late event is 409 and names the newer one, in any repository."""
    key = strict.key("ci", "send", "read")
    assert strict.post(key, body("deploy")).status_code == 202
    late = strict.post(key, body("deploy", id="d2", repo="larkspur/other", time="2026-03-04T08:55:11Z"))
    assert problem(late)[:2] == (409, "out-of-order")
    assert "deployed deploy-1 of 2026-03-04T08:55:12Z" in late.json()["detail"]
    assert strict.post(key, body("deploy", id="d3")).status_code == 202
    assert strict.post(key, body("incident-started")).status_code == 202
    after = strict.post(key, body("deploy", id="d4", time="2026-03-04T09:00:00Z"))
    assert problem(after)[:2] == (409, "out-of-order")
    assert strict.post(key, body("deploy")).json()["status"] == "unchanged"
    assert strict.post(key, body("incident-resolved")).status_code == 202
    assert len(strict.events(key)) == 4


@pytest.mark.parametrize("query", ["?key={key}", "?webhook-key={key}", "?x={key}", "?token=abc"])
def test_a_key_in_the_address_is_refused_unseen(receiver: Receiver, query: str) -> None:
    """A key in the query is refused on every path, even with a good header, and not repeated."""
    key = receiver.key("ci", "send", "read")
    for path in ("/webhooks", "/webhooks/ping", "/api/events", "/nowhere"):
        answer = receiver.post(key, body("deploy"), path + query.format(key=key))
        assert problem(answer)[:2] == (400, "key-in-url")
        assert key not in answer.text
    assert receiver.events(key) == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/webhooks", "OPTIONS, POST"),
        ("PUT", "/webhooks", "OPTIONS, POST"),
        ("OPTIONS", "/webhooks", "POST"),
        ("GET", "/webhooks/ping", "POST"),
        ("POST", "/api/events", "GET, HEAD"),
        ("POST", "/api/events/deploy-1", "DELETE, GET, HEAD"),
        ("PATCH", "/api/incidents/incident-1/cause", "DELETE, GET, HEAD, PUT"),
    ],
)
def test_another_method_is_405_with_those_there_are(
    receiver: Receiver, method: str, path: str, allow: str
) -> None:
    """A method that a path does not have is 405, and Allow says which it has."""
    answer = requests.request(method, receiver.url + path, timeout=10)
    assert problem(answer)[:2] == (405, "method")
    assert sorted(answer.headers["allow"].split(", ")) == sorted(allow.split(", "))


@pytest.mark.parametrize("path", ["/nowhere", "/webhooks/", "/webhook", "/api", "/webhooks/gdk_secret"])
def test_other_paths_are_404_and_not_repeated(receiver: Receiver, path: str) -> None:
    """An unknown path is 404 with a list of the known ones, never a redirect that loses the body."""
    answer = receiver.post(receiver.key("ci"), body("deploy"), path)
    assert problem(answer)[:2] == (404, "not-found")
    assert "/webhooks/ping" in answer.text
    assert "gdk_secret" not in answer.text


def test_nothing_sent_becomes_a_header(receiver: Receiver) -> None:
    """Line breaks in ids, fields and paths add no header to the answer."""
    key = receiver.key("ci", "send", "delete")
    evil = "a\r\nX-Evil: 1"
    answers = [
        receiver.post(key, body("deploy", id=evil)),
        receiver.post(key, body("deploy", team=evil)),
        receiver.post(key, b"", "/webhooks/ping?a%0d%0aX-Evil:%201=1"),
        receiver.delete(key, "a%0d%0aX-Evil:%201"),
    ]
    assert [answer.status_code for answer in answers] == [422, 202, 400, 404]
    assert [answer for answer in answers if "x-evil" in answer.headers] == []


def test_a_body_that_is_announced_beyond_measure_is_not_read(receiver: Receiver) -> None:
    """A Content-Length of a gigabyte is answered at once, and the connection ends."""
    key = receiver.key("ci")
    head = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nwebhook-key: {key}\r\nContent-Length: {2**30}\r\n\r\n"
    assert exchange(receiver.url, head.encode()).status == 413


def test_chunks_are_counted(receiver: Receiver) -> None:
    """A body in chunks, which announces no length, is held to the same limit."""
    key = receiver.key("ci")

    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"webhook-key": key}
    answer = requests.post(receiver.url + "/webhooks", headers=headers, data=chunks(), timeout=20)
    assert problem(answer)[:2] == (413, "too-large")
