"""The decision on a body, without a server or a store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from gitdailies_core.errors import BodyTooLarge, GitDailiesError, UnreadableBody
from gitdailies_core.events.events import KINDS, Field, Kind
from gitdailies_core.events.field_types import LINE
from gitdailies_webhooks.events import intake
from gitdailies_webhooks.events.intake import Candidate, ExistingEvent, Submission
from gitdailies_webhooks.events.problem import Refusal
from gitdailies_webhooks.events.strict_order import LatestEvent, LatestEvents
from hypothesis import given
from hypothesis import strategies as st

from tests.support.webhooks.payloads import body

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
NUMBERS = count()


def read(value: Any, *, header: str = "", may_send: Any = lambda _: True, **more: Any) -> Submission:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return intake.parse(
        raw, key_header=header, may_send=may_send, now=NOW, new_id=lambda: f"new-{next(NUMBERS)}", **more
    )


def only(value: Any, **more: Any) -> Candidate:
    """Read a body of one event that is no problem, and return it."""
    (entry,) = read(value, **more).entries
    assert isinstance(entry, Candidate)
    return entry


def decide(
    value: Any, existing: dict[str, ExistingEvent] | None = None, latest: LatestEvents | None = None
) -> Any:
    submission = read(value)
    outcomes = intake.decide(submission.entries, existing=existing or {}, latest=latest)
    return intake.response(submission, outcomes)


def existing_of(value: Any) -> dict[str, ExistingEvent]:
    entry = only(value)
    return {entry.id: ExistingEvent(entry.digest, entry.time, entry.time_given)}


def test_what_the_public_client_sends_is_taken() -> None:
    """The four fields that the real client sends are enough, and the call's moment is the time."""
    entry = only(body("public-client"))
    assert (entry.time, entry.time_given, entry.event.get("time")) == (NOW, False, "2026-03-04T12:00:00Z")
    assert decide(body("public-client"))[0] == 202


def test_an_event_without_id_but_with_a_time_is_named_by_its_content() -> None:
    """Equal content gives an equal id, whatever the order of names; other content gives another."""
    event = body("deploy", id=None)
    turned = dict(reversed(event.items()))
    ids = [only(value).id for value in (event, turned, {**event, "branch": "main"})]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("content-")


def test_an_event_without_id_and_time_is_new_every_time() -> None:
    """Two equal bodies without id and time are two events."""
    ids = {only(body("public-client")).id for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({}, {}, 202),
        ({}, {"time": "2026-03-04T09:55:12+01:00"}, 202),
        ({}, {"commitSHA": "4F0C2D6B8E1A9357C0D4E2F6A8B1C3D5E7F90214"}, 202),
        ({}, {"branch": ""}, 202),
        ({}, {"branch": "main"}, 409),
        ({}, {"time": None}, 409),
        ({}, {"team": "payments"}, 409),
        ({"time": None}, {"time": None}, 202),
        ({"time": None}, {"time": "2026-03-04T12:00:00Z"}, 202),
        ({"time": None}, {"time": "2026-03-04T12:00:01Z"}, 409),
    ],
)
def test_the_same_id_again(first: dict[str, Any], second: dict[str, Any], status: int) -> None:
    """The same id with the same content is unchanged, with other content a conflict."""
    got, answer = decide(body("deploy", **first), existing_of(body("deploy", **first)))
    assert (got, answer["status"]) == (202, "unchanged")
    got, answer = decide(body("deploy", **second), existing_of(body("deploy", **first)))
    assert got == status
    assert answer["status"] == ("unchanged" if status == 202 else 409)


def test_an_event_read_here_and_sent_again_is_unchanged() -> None:
    """The receiver's own receivedAt is no part of an event, and not an unknown field either."""
    listed = {**body("deploy"), "receivedAt": "2026-03-04T12:00:00Z"}
    assert decide(listed, existing_of(body("deploy"))) == (202, {"status": "unchanged", "id": "deploy-1"})


def test_the_header_alone_gives_the_id() -> None:
    """An Idempotency-Key names the event; the same id in the body says the same thing."""
    by_header = read(body("deploy", id=None), header="deploy-1").entries[0]
    by_both = read(body("deploy"), header="deploy-1").entries[0]
    assert by_header == by_both == read(body("deploy")).entries[0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (body("deploy"), "Idempotency-Key: expected the event's id 'deploy-1', got 'other'"),
        ({"id": 7}, "Idempotency-Key: expected the event's id 7, got 'other'"),
        ([], "Idempotency-Key: cannot be used with a list; give each event an id"),
    ],
)
def test_a_header_that_contradicts_the_body(value: Any, message: str) -> None:
    """A header that differs from the id, or comes with a list, is a wrong request."""
    with pytest.raises(Refusal) as refused:
        read(value, header="other")
    assert (str(refused.value), refused.value.problem.status) == (message, 400)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"kind": "deploy"}, "kind", "kind: expected one of deployed, incidentStarted, incidentResolved"),
        (
            {"repo": "ledger"},
            "repo",
            "repo: expected a repository like 'larkspur/checkout-api', got 'ledger'",
        ),
        ({"commitSHA": None}, "commitSHA", "commitSHA: expected 7 to 64 hexadecimal digits, got nothing"),
        ({"time": "yesterday"}, "time", "time: expected a time like 2026-03-04T09:12:41Z, got 'yesterday'"),
        ({"time": "2026-03-04T12:05:01Z"}, "time", "time: expected at most 5 minutes after"),
        ({"id": "a b"}, "id", "id: expected printable ASCII without spaces, got 'a b'"),
        ({"id": "a\r\nX-Evil: 1"}, "id", "id: expected printable ASCII without spaces"),
    ],
)
def test_a_fault_names_field_and_expectation(changes: dict[str, Any], field: str, message: str) -> None:
    """An event that is not valid is answered with 422, its field, and what was expected there."""
    status, answer = decide(body("deploy", **changes))
    assert (status, answer["status"], answer["field"]) == (422, 422, field)
    assert answer["detail"].startswith(message)


def test_five_minutes_ahead_are_allowed() -> None:
    """A time 5 minutes ahead is taken: clocks differ; one a microsecond later is not."""
    late = NOW + intake.AHEAD
    assert decide(body("deploy", time=late.isoformat()))[0] == 202
    assert decide(body("deploy", time=(late + timedelta(microseconds=1)).isoformat()))[0] == 422


def test_a_list_is_decided_entry_by_entry_in_its_order() -> None:
    """Each entry has a verdict of its own, and one that repeats an earlier one is measured by it."""
    status, answer = decide(body("list-mixed"))
    results = [(r["index"], r["status"], r.get("id"), r.get("field")) for r in answer["results"]]
    assert status == 207
    assert results == [
        (0, "created", "a", None),
        (1, "unchanged", "a", None),
        (2, "conflict", "a", "id"),
        (3, "invalid", None, "repo"),
        (4, "created", "c", None),
    ]
    assert answer["results"][4]["unknown"] == ["team"]
    assert answer["results"][3]["error"].startswith("repo: expected")


def test_a_list_without_a_refused_event_is_202() -> None:
    """A list is answered 202 if no event of it was refused; so is an empty list."""
    assert decide([body("deploy"), body("deploy")])[0] == 202
    assert decide([]) == (202, {"results": []})


def test_lists_end_at_ten_thousand() -> None:
    """10,000 events are read, one more is too large a request."""
    event = body("public-client")
    assert len(read([event] * 10_000).entries) == 10_000
    with pytest.raises(BodyTooLarge, match="body: expected at most 10000 events, got 10001"):
        read([event] * 10_001)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "body: expected JSON"),
        (b"{", "body: expected JSON"),
        (b'{"kind": NaN}', "body: expected JSON, got NaN"),
        (b'{"a": 1e999}', "body: expected a number that fits a double, got '1e999'"),
        (b'{"kind": "deployed", "kind": "deployed"}', "body: expected each name once, got 'kind' twice"),
        (b'{"title": "\\ud800"}', "body: expected text that UTF-8 can hold, got half of a surrogate pair"),
        (b'{"title": "\xff"}', "body: expected UTF-8, got other bytes at offset 11"),
        (b"[" * 101 + b"]" * 101, "body: expected at most 100 levels of nesting, got more"),
    ],
)
def test_what_is_no_strict_json(raw: bytes, message: str) -> None:
    """NaN, overflow, duplicate names, half characters and deep nesting are refused by name."""
    with pytest.raises(UnreadableBody) as refused:
        read(raw)
    assert str(refused.value).startswith(message)


def test_unknown_fields_are_stored_and_named() -> None:
    """A field that is not in the table is stored unchanged, and the answer names it."""
    entry = only(body("deploy", team="payments", score={"a": [1, None]}))
    assert entry.unknown == ("team", "score")
    assert entry.event.to_wire()["score"] == {"a": [1, None]}
    assert decide(body("deploy", team="payments"))[1]["unknown"] == ["team"]


def test_a_key_that_may_not_send_a_kind() -> None:
    """An event of a kind that the key may not send is forbidden, and names the kind."""
    submission = read(body("deploy"), may_send=lambda kind: kind == "incidentStarted")
    status, answer = intake.response(submission, intake.decide(submission.entries, existing={}, latest=None))
    assert (status, answer["detail"]) == (403, "kind: expected a kind that this key may send, got 'deployed'")


def test_a_new_kind_needs_its_table_entry_only() -> None:
    """An event of a kind that was added to the table is read, completed and named like the others."""
    example = {"kind": "frozen", "reason": "audit", "time": "2026-03-04T08:00:00Z"}
    time = next(field for field in KINDS[0].fields if field.name == "time")
    frozen = Kind("frozen", "freeze", (Field("reason", LINE, "why", required=True), time), example)
    submission = read(example, kinds=(*KINDS, frozen))
    outcomes = intake.decide(submission.entries, existing={}, latest=LatestEvents())
    assert only(example, kinds=(*KINDS, frozen)).id.startswith("content-")
    assert intake.response(submission, outcomes)[0] == 202


def at(minute: int) -> datetime:
    return datetime(2026, 3, 4, 8, minute, tzinfo=UTC)


DEPLOY = LatestEvent("d", "deployed", at(10))
INCIDENT = LatestEvent("i", "incidentStarted", at(20))


@pytest.mark.parametrize(
    ("latest", "kind", "minute", "newer"),
    [
        (LatestEvents(), "deployed", 0, None),
        (LatestEvents(DEPLOY), "deployed", 9, DEPLOY),
        (LatestEvents(DEPLOY), "deployed", 10, None),
        (LatestEvents(DEPLOY), "incidentStarted", 5, None),
        (LatestEvents(DEPLOY, INCIDENT), "deployed", 15, INCIDENT),
        (LatestEvents(DEPLOY, INCIDENT), "deployed", 5, INCIDENT),
        (LatestEvents(DEPLOY, INCIDENT), "deployed", 20, None),
        (LatestEvents(DEPLOY, INCIDENT), "incidentResolved", 19, INCIDENT),
        (LatestEvents(DEPLOY, INCIDENT), "incidentResolved", 20, None),
    ],
)
def test_strict_order(latest: LatestEvents, kind: str, minute: int, newer: LatestEvent | None) -> None:
    """A deploy is no older than any event, an incident event no older than any incident event."""
    name = {"deployed": "deploy", "incidentStarted": "incident-started"}.get(kind, "incident-resolved")
    status, answer = decide(body(name, time=at(minute).isoformat()), latest=latest)
    assert status == (202 if newer is None else 409)
    if newer is not None:
        assert answer["type"] == "urn:gitdailies:problem:out-of-order"
        assert str(newer) in answer["detail"]


def test_strict_order_holds_within_a_list() -> None:
    """An entry is measured by what the entries before it added, and a refused one adds nothing."""
    minutes = (5, 3, 5, 9, 8)
    events = [body("deploy", id=f"d{i}", time=at(m).isoformat()) for i, m in enumerate(minutes)]
    _, answer = decide(events, latest=LatestEvents())
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["created", "out-of-order", "created", "created", "out-of-order"]
    assert "deployed d3 of 2026-03-04T08:09:00Z" in answer["results"][4]["error"]


def test_a_stored_event_is_unchanged_however_old() -> None:
    """Only new events must be in order, so that a history can be sent again from its start."""
    assert decide(body("deploy"), existing_of(body("deploy")), LatestEvents(None, INCIDENT))[0] == 202


NAMES = st.sampled_from(
    ["kind", "repo", "commitSHA", "time", "id", "commits", "incidentId", "receivedAt", "x"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["deployed", "larkspur/a", "abcdef1", "2026-03-04T08:00:00Z", "9999-12-31T23:59:59-23:59"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=5),
    max_leaves=12,
)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()), st.text(max_size=5))
def test_any_body_is_taken_or_refused(raw: bytes, header: str) -> None:
    """For any body and header the answer is one of ours and can be written as UTF-8."""
    try:
        submission = read(raw, header=header)
    except GitDailiesError:
        return
    outcomes = intake.decide(submission.entries, existing={}, latest=LatestEvents())
    status, answer = intake.response(submission, outcomes)
    assert status in (202, 207, 409, 422)
    json.dumps(answer, ensure_ascii=False).encode()
    for outcome in outcomes:
        if outcome.created is not None:
            json.dumps(outcome.created.event.to_wire(), ensure_ascii=False, allow_nan=False).encode()
