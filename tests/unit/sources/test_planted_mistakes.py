"""What a person gets wrong in a first pack is named with its place and with what to write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.errors import MappingError
from gitdailies_core.sources.request import Request
from gitdailies_sources.language.nearest import hint
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.shipped import provider
from gitdailies_sources.source_pack import SourcePack

MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text("utf-8"))
FIELDS: dict[str, Any] = {
    "proof": {"any_header": True},
    "state": "event",
    "states": {"opened": "started", "closed": "resolved"},
    "incident": "incident.id",
    "started_at": "incident.started",
    "resolved_at": "sent_at",
    "title": "incident.name",
}
OPENED = {
    "event": "opened",
    "sent_at": "2026-03-04T09:12:44Z",
    "ended": None,
    "incident": {
        "id": 4711,
        "name": "Checkout",
        "level": "high",
        "started": "2026-03-04T09:12:41Z",
        "service": {"id": "s1", "name": "checkout-api"},
        "tags": [{"key": "team"}],
    },
}
CLOSED = OPENED | {"event": "closed"}


def mistakes(kind: str) -> list[tuple[str, Any, tuple[str | int, ...], str]]:
    """The field, its value, the place in it, and a part of what is said, of each mistake of a kind."""
    return [(one["field"], one["value"], tuple(one.get("at", ())), one["says"]) for one in MISTAKES[kind]]


def unfound(*bodies: Any, **fields: Any) -> dict[tuple[str | int, ...], str]:
    pack = provider.compile("lantern", FIELDS | fields, None)
    assert isinstance(pack, SourcePack)
    return pack.unfound([Request.make(headers={}, body=json.dumps(body).encode()) for body in bodies])


@pytest.mark.parametrize(("field", "value", "place", "expected"), mistakes("unfound"))
def test_a_path_that_no_delivery_has_is_named(
    field: str, value: str, place: tuple[str, ...], expected: str
) -> None:
    """A really near name is suggested; where there is none, the fields at that level are listed."""
    assert {place: expected in text for place, text in unfound(OPENED, **{field: value}).items()} == {
        (field, *place): True
    }


def test_what_one_delivery_has_is_no_mistake() -> None:
    """Neither is a field without a value, nor an alternative beside one that is found."""
    assert unfound(OPENED, OPENED | {"note": "x"}, severity="note") == {}
    assert unfound(OPENED, resolved_at={"first_of": ["ended", "received"]}) == {}
    assert unfound(OPENED, severity={"first_of": ["urgency", "incident.level"]}) == {}
    assert list(unfound(OPENED, started_at={"first_of": ["incident.stared", "received"]})) == [
        ("started_at", "first_of", 0)
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("alert:state", {"alert:state": "high"}),
        ("query", {"query": "up == 0"}),
        ("form", {"form": "f1"}),
        ("header.X-Level", {}),
        ("path", {}),
        ("path.a", {"path": {"a": "b"}}),
        ("method.x", {"method": {"x": "y"}}),
    ],
)
def test_what_is_read_is_no_mistake(path: str, body: dict[str, Any]) -> None:
    """A name may have other characters, or be that of a part of the request."""
    pack = provider.compile("lantern", FIELDS | {"severity": path}, None)
    request = Request.make(
        headers={"X-Level": "high"}, query={"token": "t"}, body=json.dumps(OPENED | body).encode()
    )
    assert pack.unfound([request]) == {}


def test_a_field_with_the_name_of_a_part_of_the_request_is_missed_in_the_message() -> None:
    fields = "the message has event, sent_at, ended, incident; correct the path"
    assert unfound(OPENED, title="method.x", severity="alert:state") == {
        ("title",): f"method.x: found nothing; {fields}",
        ("severity",): f"alert:state: found nothing; {fields}",
    }


@pytest.mark.parametrize("field", ["incident", "each", "key"])
def test_a_constant_is_advised_where_one_can_be(field: str) -> None:
    """One text is no list, and one id for all incidents makes them one."""
    assert [text.split("; ")[-1] for place, text in unfound(OPENED, **{field: "foo"}).items()][:1] == [
        "correct the path"
    ]


def test_a_hint_of_the_relay_reads_no_more_than_some_names() -> None:
    """A delivery may have very many."""
    read = []

    class Counted(dict[str, Any]):
        def __iter__(self) -> Iterator[str]:
            for name in super().__iter__():
                read.append(name)
                yield name

    scope = Scope(Request.make(headers={}, body=b""), None, {}, Counted.fromkeys(map(str, range(80_000))))
    assert hint("started_at", scope) == ""
    assert len(read) <= 1000


def test_words_without_a_state_are_named() -> None:
    """All that the deliveries have, once, at the place of the table."""
    found = unfound(OPENED, CLOSED, CLOSED, states={"noted": "a note", "seen": "started", "over": "resolved"})
    words = "'closed' and 'opened' are not among them; add each with a state such as started, resolved or"
    assert found == {("states",): f"{words} deployed, or why it is ignored"}


def test_a_condition_on_a_field_that_no_delivery_has_is_named() -> None:
    """Else `otherwise`, `only_if` and `skip_if` ignore everything without a word."""
    place = ("messages", "incident", "when", "kind")
    message = {name: value for name, value in FIELDS.items() if name != "proof"} | {
        "when": {"kind": "incident"}
    }
    given = {"proof": FIELDS["proof"], "otherwise": "not ours", "messages": {"incident": message}}
    pack = provider.compile("lantern", given, None)
    request = Request.make(headers={}, body=json.dumps(OPENED).encode())
    kind = "kind: found nothing; the message has event, sent_at, ended, incident; correct the path"
    assert pack.unfound([request]) == {place: kind}
    told = Request.make(headers={}, body=json.dumps(OPENED | {"kind": "incident"}).encode())
    assert pack.unfound([request, told]) == {}
    assert list(unfound(OPENED, only_if=[{"kind": "incident", "because": "another"}])) == [
        ("only_if", 0, "kind")
    ]
    assert list(unfound(OPENED, skip_if=[{"kind": "absent", "because": "another"}])) == [
        ("skip_if", 0, "kind")
    ]


DEPLOY: dict[str, Any] = {
    "proof": {"any_header": True},
    "state": "event",
    "states": {"opened": "deployed"},
    "sha": {"text": "5" * 40},
    "deployed_at": "sent_at",
    "repo": {"text": "larkspur/shop"},
}


@pytest.mark.parametrize(("field", "value", "place", "expected"), mistakes("unfit"))
def test_a_value_that_does_not_fit_is_named(
    field: str, value: Any, place: tuple[str | int, ...], expected: str
) -> None:
    """With the place of its path, what was found there, and what to write."""
    pack = provider.compile("lantern", DEPLOY | {field: value}, None)
    assert isinstance(pack, SourcePack)
    body = OPENED | {"local": "2026-03-04 09:12:41", "note": None, "epoch": "1970-01-01T00:00:00Z"}
    found = pack.unfound([Request.make(headers={}, body=json.dumps(body).encode())])
    assert {where: expected in text for where, text in found.items()} == {place: True}, found


def test_a_word_that_some_delivery_does_not_have_is_no_mistake() -> None:
    """A condition may choose, `not` excludes, and a table with `otherwise` has every word."""
    own = {"event": "opened", "incident.level": {"not": "low"}}
    assert unfound(OPENED, CLOSED, only_if=[{"event": "opened", "because": "no"}]) == {}
    assert unfound(OPENED, only_if=[own | {"because": "no"}]) == {}
    assert unfound(OPENED, severity={"path": "incident.level", "map": {"a": "b"}, "otherwise": "same"}) == {}


def test_a_table_of_commits_reads_no_message() -> None:
    """At the message it would read another field of the same name."""
    push = {"repo": {"text": "larkspur/shop"}, "ref": {"text": "main"}, "after": {"text": "5" * 40}}
    commits = {"each": "commits", "sha": {"path": "id", "map": {"a": "5" * 40}}}
    states = {"opened": "pushed"}
    fields = {"proof": {"any_header": True}, "state": "event", "states": states, "commits": commits, **push}
    pack = provider.compile("lantern", fields, None)
    body = {"event": "opened", "id": "b", "commits": [{"id": "a"}]}
    assert pack.unfound([Request.make(headers={}, body=json.dumps(body).encode())]) == {}


@pytest.mark.parametrize(("field", "value", "place", "expected"), mistakes("foreign"))
def test_what_the_language_does_not_have_is_answered_by_what_it_has(
    field: str, value: Any, place: tuple[str, ...], expected: str
) -> None:
    """All forms are listed, with the one that was meant where that is known."""
    with pytest.raises(MappingError) as caught:
        provider.compile("lantern", FIELDS | {field: value}, None)
    assert {where: expected in text for where, text in caught.value.places.items()} == {
        ("mapping", field, *place): True
    }
