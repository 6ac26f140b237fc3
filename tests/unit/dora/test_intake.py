"""The decision on a body, without a server or a store."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.events import events as table
from gitdailies_core.events import near_misses
from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.field_types import LINE
from gitdailies_core.events.kind import Field, Kind
from gitdailies_dora.events import intake
from gitdailies_dora.events.intake import (
    Candidate,
    ExistingEvent,
    ListResults,
    Submission,
    Taken,
    content_digest,
)
from gitdailies_dora.events.problem import Problem
from gitdailies_dora.events.reading.plausible import AHEAD
from gitdailies_dora.events.strict_order import LatestEvent, LatestEvents
from hypothesis import given, settings

from tests.support.dora.payloads import body
from tests.support.events import events
from tests.support.forms import examples

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
NUMBERS = count()


def read(value: Any, *, header: str = "", forbidden: Any = lambda _: None, **more: Any) -> Submission:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return intake.parse(
        raw, key_header=header, forbidden=forbidden, now=NOW, new_id=lambda: f"new-{next(NUMBERS)}", **more
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
    return as_sent(*intake.response(submission, outcomes))


def as_sent(status: int, answer: Taken | ListResults | Problem) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    return status, json.loads(msgspec.json.encode(answer.details if isinstance(answer, Problem) else answer))


def existing_of(value: Any) -> dict[str, ExistingEvent]:
    entry = only(value)
    return {
        entry.id: ExistingEvent(entry.digest, entry.time, entry.time_given, json.dumps(entry.event.to_wire()))
    }


def test_what_the_public_client_sends_is_taken() -> None:
    """The four fields that the real client sends are enough, and the call's moment is the time."""
    entry = only(body("public-client"))
    assert (entry.time, entry.time_given, entry.event.get("time")) == (NOW, False, "2026-03-04T12:00:00Z")
    assert decide(body("public-client"))[0] == 202


@pytest.mark.parametrize(
    "raw",
    [b'{"id": "a", "id": "a"}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"[" * 101 + b"]" * 101],
)
def test_what_is_no_strict_json_is_refused(raw: bytes) -> None:
    """Equal names in one object are refused, too: the event would have only one of them."""
    with pytest.raises(UnreadableBody):
        read(raw)


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


@pytest.mark.parametrize("prefix", ["deploy", "incident", "content"])
def test_a_self_made_id_never_conflicts(prefix: str) -> None:
    """An attempt may know other details: the first content stays, and the answer names what differs."""
    id_ = f"{prefix}-{'0a' * 16}"
    first = body("deploy", id=id_, url="https://ci.example/1", time="2026-03-04T09:00:00Z")
    later = body("deploy", id=id_, branch="main", time="2026-03-04T09:05:00Z", team="x")
    for value in (later, [later]):
        status, answer = decide(value, existing_of(first))
        (result,) = answer.get("results", [answer])
        assert (status, result["status"], result["id"]) == (202, "unchanged", id_)
        assert set(result["differs"]) == {"branch", "time", "url", "team"}
    assert decide(first, existing_of(first)) == (202, {"status": "unchanged", "id": id_})


@pytest.mark.parametrize(
    "id_",
    ["deploy-1", f"deploy-{'0a' * 15}", f"deploy-{'0a' * 17}", f"event-{'0a' * 16}", f"x-deploy-{'0a' * 16}"],
)
def test_every_other_id_conflicts(id_: str) -> None:
    """An id of another form is a user's, in the body and as a header."""
    first, later = body("deploy", id=id_), body("deploy", id=id_, branch="other")
    assert decide(later, existing_of(first))[0] == 409
    submission = read(body("deploy", branch="other", id=None), header=id_)
    assert intake.decide(submission.entries, existing=existing_of(first), latest=None)[0].status == "conflict"


def test_the_moment_of_arrival_is_no_difference() -> None:
    """Of two events without a time, only what was sent is compared."""
    id_ = f"deploy-{'0a' * 16}"
    first = existing_of(body("deploy", id=id_, time=None))[id_]
    stored = {id_: ExistingEvent(first.digest, NOW - timedelta(hours=1), False, first.content)}
    assert decide(body("deploy", id=id_, time=None, branch="b"), stored)[1]["differs"] == ["branch"]


def test_a_self_made_id_twice_in_one_list() -> None:
    """The second is measured by the first."""
    id_ = f"incident-{'0a' * 16}"
    _, answer = decide([body("deploy", id=id_), body("deploy", id=id_, branch="b"), body("deploy", id=id_)])
    assert [(r["status"], r.get("differs")) for r in answer["results"]] == [
        ("created", None),
        ("unchanged", ["branch"]),
        ("unchanged", None),
    ]


@pytest.mark.parametrize(
    ("header", "id_"),
    [
        ('"k2"', "k2"),
        (' "k2" ', "k2"),
        ("k2", "k2"),
        (r'"a\"b\\"', 'a"b' + "\\"),
        ('"k2', '"k2'),
        ('""', None),
    ],
)
def test_a_quoted_idempotency_key(header: str, id_: str | None) -> None:
    """A structured field is quoted; the quotes are no part of the id."""
    (entry,) = read(body("deploy", id=None, time=None), header=header).entries
    assert isinstance(entry, Candidate)
    assert entry.event.id == id_ if id_ else entry.id.startswith("new-")


def test_a_near_miss_is_refused() -> None:
    """A typing error in a name is 422 with what was meant, alone and in a list, also inside commits."""
    wrong = {**body("deploy"), "environmnet": "staging"}
    status, answer = decide(wrong)
    assert (status, answer["field"]) == (422, "environmnet")
    assert answer["detail"] == "environmnet: this field does not exist; did you mean environment?"
    commits = body("deploy", id="b", commits=[{"sha": "abcdef0", "timestamp": "2026-03-04T08:00:00Z"}])
    status, answer = decide([wrong, commits, body("deploy")])
    assert status == 207
    assert [r["status"] for r in answer["results"]] == ["invalid", "invalid", "created"]
    assert "did you mean time?" in answer["results"][1]["error"]
    misspelled = {name.title(): value for name, value in body("deploy").items()}
    assert "Kind: this field does not exist; did you mean kind?" in decide(misspelled)[1]["detail"]


@pytest.mark.parametrize("nothing", ["", " ", "   "])
def test_empty_text_is_not_given_and_named(nothing: str) -> None:
    """An unset variable gives an empty text: it counts as not given, and the answer says so."""
    status, answer = decide(body("deploy", environment=nothing, service=nothing))
    assert (status, answer["empty"]) == (202, ["environment", "service"])
    entry = only(body("deploy", environment=nothing))
    assert entry.event.get("environment") is None
    assert entry.digest == only(body("deploy", environment=None)).digest


@settings(deadline=None, max_examples=examples(300))
@given(events())
def test_a_digest_is_that_of_the_event_without_its_id(event: Event) -> None:
    """A faster way to write JSON changes no digest, whatever the texts and unknown fields hold."""
    without_id = Event.from_wire({name: value for name, value in event.to_wire().items() if name != "id"})
    assert content_digest(event) == without_id.digest()
    assert content_digest(event, "time") == without_id.digest("time")


def test_names_inside_commits_are_named() -> None:
    """A foreign name inside commits is named; it is not stored, since it is mostly of a person."""
    commits = [{"sha": "abcdef0", "author": "Kim"}, {"sha": "abcdef1", "message": "m", "author": "Lee"}]
    assert decide(body("deploy", commits=commits))[1]["unknown"] == ["commits[].author", "commits[].message"]
    assert "Kim" not in json.dumps(only(body("deploy", commits=commits)).event.to_wire())


def test_of_long_lists_the_first_items_are_kept() -> None:
    """More commits or reverts than are kept lose no deploy, and the answer says how many were given."""
    commits = [{"sha": f"{number:040x}"} for number in range(1500)]
    given = body("deploy", commits=commits, reverts=[c["sha"] for c in commits[:101]])
    assert decide(given)[1]["cut"] == {"commits": 1500, "reverts": 101}
    kept = only(given).event
    assert (kept.get("commits"), len(kept.get("reverts"))) == (commits[:1000], 100)


@pytest.mark.parametrize(
    ("repo", "name"),
    [
        ("https://github.com/acme/shop", "acme/shop"),
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://github.com/acme/shop/tree/main", "acme/shop"),
        ("http://gitlab.example/acme/pay/shop/-/tree/main", "acme/pay/shop"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("ssh://git@github.com/acme/shop", "acme/shop"),
        ("github.com/acme/shop", "acme/shop"),
        ("https://kim:s3cret@gitlab.example/acme/shop", "acme/shop"),
        ("https://github.com/acme", None),
        ("kim:s3cret@gitlab.example/acme/shop", "acme/shop"),
        ("s3cret@github.com/acme/shop", "acme/shop"),
    ],
)
def test_an_address_is_no_repository(repo: str, name: str | None) -> None:
    """An address is refused with the name that it holds, and not repeated: it may hold a password."""
    status, answer = decide(body("deploy", repo=repo))
    expected = "repo: expected a repository like 'larkspur/checkout-api', got an address"
    assert (status, answer["field"]) == (422, "repo")
    assert answer["detail"] == expected + (f"; did you mean {name}?" if name else "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": "0001-01-01T00:00:00Z"}, "time: expected no earlier than 2000-01-01T00:00:00Z"),
        ({"time": "1999-12-31T23:59:59Z"}, "time: expected no earlier than 2000-01-01T00:00:00Z"),
        ({"time": "9999-12-31T23:59:59Z"}, "time: expected at most 5 minutes after"),
        ({"commitTime": "1969-12-31T23:59:59Z"}, "commitTime: expected a time from 1970 to 2199"),
        ({"commitTime": "9999-01-01T00:00:00Z"}, "commitTime: expected a time from 1970 to 2199"),
        (
            {"commits": [{"sha": "abcdef0", "time": "2200-01-01T00:00:00Z"}]},
            "commits[0].time: expected a time from 1970 to 2199",
        ),
    ],
)
def test_extreme_times_are_refused(changes: dict[str, Any], message: str) -> None:
    """A time that no event has is a mistake of the sender."""
    status, answer = decide(body("deploy", **changes))
    assert status == 422
    assert answer["detail"].startswith(message)


def test_times_at_the_bounds_are_taken() -> None:
    """The first and last moments that are allowed."""
    commits = [{"sha": "abcdef0", "time": "1970-01-01T00:00:00Z"}]
    assert decide(body("deploy", time="2000-01-01T00:00:00Z", commits=commits))[0] == 202
    assert decide(body("deploy", commitTime="2199-12-31T23:59:59Z"))[0] == 202


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u3164", "\U000e0041"])
def test_hidden_characters(hidden: str) -> None:
    """They are refused in names and ids, which would look like others, and kept in titles."""
    for name in ("repo", "environment", "service", "run", "attempt", "reporter", "fixes", "id"):
        status, answer = decide(body("deploy", **{name: f"larkspur/a{hidden}b"}))
        assert (status, answer.get("field")) == (422, name)
    started = body("incident-started")
    for name in ("incidentId", "source", "service"):
        assert decide({**started, name: f"a{hidden}b"})[0] == 422
    title = f"Checkout {hidden} is slow"
    assert only({**started, "title": title}).event.get("title") == title


def test_an_event_read_here_and_sent_again_is_unchanged() -> None:
    """The receiver's own receivedAt is no part of an event, and not an unknown field either."""
    listed = {**body("deploy"), "receivedAt": "2026-03-04T12:00:00Z"}
    assert decide(listed, existing_of(body("deploy"))) == (202, {"status": "unchanged", "id": "deploy-1"})


def test_every_fault_is_in_the_answer() -> None:
    """Misspelled names and wrong values are answered together, each with its field; one alone has no list."""
    status, answer = decide(body("deploy", environmnet="qa", commitSHA="v1", url="ftp://x"))
    assert (status, answer["field"]) == (422, "environmnet")
    assert [error["field"] for error in answer["errors"]] == ["environmnet", "commitSHA", "url"]
    assert answer["detail"] == "; ".join(error["detail"] for error in answer["errors"])
    assert "errors" not in decide(body("deploy", commitSHA="v1"))[1]
    _, listed = decide([body("deploy", commitSHA="v1", type="x"), body("deploy", commitSHA="v1")])
    first, second = listed["results"]
    assert [error["field"] for error in first["errors"]] == ["commitSHA", "type"]
    assert "errors" not in second


def test_a_misspelled_name_is_not_missing_too() -> None:
    """A required field under a misspelled name is one fault, and not a second one that it is missing."""
    sent = {name: value for name, value in body("deploy").items() if name != "commitSHA"}
    answer = decide({**sent, "sha": "4f0c2d6", "type": "x"})[1]
    assert [error["field"] for error in answer["errors"]] == ["sha", "type"]


def test_an_address_is_not_repeated_beside_other_faults() -> None:
    """The token in an address that stands for a repository is in no answer."""
    answer = decide(body("deploy", repo="https://kim:planted-4f2c@git.example/a/b c", commitSHA="v1"))[1]
    assert [error["field"] for error in answer["errors"]] == ["repo", "commitSHA"]
    assert "planted" not in str(answer)


def test_five_minutes_ahead_are_allowed() -> None:
    """A time 5 minutes ahead is taken: clocks differ; one a microsecond later is not."""
    late = NOW + AHEAD
    assert decide(body("deploy", time=late.isoformat()))[0] == 202
    assert decide(body("deploy", time=(late + timedelta(microseconds=1)).isoformat()))[0] == 422


def test_a_list_without_a_refused_event_is_202() -> None:
    """A list is answered 202 if no event of it was refused; so is an empty list."""
    assert decide([body("deploy"), body("deploy")])[0] == 202
    assert decide([]) == (202, {"results": []})


def test_unknown_fields_are_stored_and_named() -> None:
    """A field that is not in the table is stored unchanged, and the answer names it."""
    entry = only(body("deploy", team="payments", score={"a": [1, None]}))
    assert entry.taken.unknown == ("team", "score")
    assert entry.event.to_wire()["score"] == {"a": [1, None]}
    assert decide(body("deploy", team="payments"))[1]["unknown"] == ["team"]


def test_an_unknown_field_may_be_the_environment() -> None:
    """Without an environment, an event would count as production: an unknown field refuses it by name.

    What names its reporter or its tool is no text of a person, and an end needs no environment.
    """
    nowhere = {"kind": "deployed", "repo": "larkspur/cart", "commitSHA": "4f0c2d6", "stage": "test"}
    status, answer = decide(nowhere)
    assert (status, answer["field"]) == (422, "stage")
    assert "name `environment`, or leave the field out" in answer["detail"]
    assert decide({**nowhere, "environment": "test"})[1]["unknown"] == ["stage"]
    assert decide({**nowhere, "reporter": "ci"})[1]["unknown"] == ["stage"]
    # A name may hold what a database cannot.
    assert "\x00" not in json.dumps(decide({**nowhere, "st\x00ge": "test"})[1])
    start = {"kind": "incidentStarted", "repo": "larkspur/cart", "incidentId": "1", "stage": "test"}
    assert decide(start)[0] == 422
    assert decide({**start, "source": "pager"})[1]["unknown"] == ["stage"]
    assert decide({**start, "kind": "incidentResolved"})[1]["unknown"] == ["stage"]


def test_a_new_kind_needs_its_table_entry_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of a kind that was added to the table is read, completed and named like the others."""
    example = {"kind": "frozen", "reason": "audit", "time": "2026-03-04T08:00:00Z"}
    time = next(field for field in KINDS[0].fields if field.name == "time")
    frozen = Kind("frozen", "freeze", (Field("reason", LINE, "why", required=True), time), example)
    for module in (table, near_misses):
        monkeypatch.setattr(module, "KINDS", (*KINDS, frozen))
    submission = read(example)
    outcomes = intake.decide(submission.entries, existing={}, latest=LatestEvents())
    assert only(example).id.startswith("content-")
    assert intake.response(submission, outcomes)[0] == 202


def at(minute: int) -> datetime:
    return datetime(2026, 3, 4, 8, minute, tzinfo=UTC)


DEPLOY = LatestEvent("d", "deployed", at(10))
INCIDENT = LatestEvent("i", "incidentStarted", at(20))
NEWEST = LatestEvent("n", "deployed", at(30))


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
        (LatestEvents(NEWEST, INCIDENT), "deployed", 25, NEWEST),
        (LatestEvents(NEWEST, INCIDENT), "incidentResolved", 25, None),
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


def test_a_stored_event_is_unchanged_however_old() -> None:
    """Only new events must be in order, so that a history can be sent again from its start."""
    latest = LatestEvents(NEWEST._replace(at=NOW))
    assert decide(body("deploy"), existing_of(body("deploy")), latest)[0] == 202


def test_strict_order_holds_within_a_list() -> None:
    """An entry is measured by what the entries before it added, and a refused one adds nothing."""
    minutes = (5, 3, 5, 9, 8)
    events = [body("deploy", id=f"d{i}", time=at(m).isoformat()) for i, m in enumerate(minutes)]
    _, answer = decide(events, latest=LatestEvents())
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["created", "out-of-order", "created", "created", "out-of-order"]
    assert "deployed d3 of 2026-03-04T08:09:00Z" in answer["results"][4]["error"]
