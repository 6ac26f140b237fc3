"""Entries about incidents: starts again, ends that need a start, tags, proofs by the scheme of a header."""

import base64
import json
from datetime import UTC, datetime

import pytest
from gitdailies_core.errors import MappingError, PayloadError, ProofError
from gitdailies_core.sources.protocol import Ignored, ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret
from gitdailies_sources.shipped import provider

from tests.unit.sources.test_planted_mistakes import mistakes

AT = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
STATES = {"open": "started", "done": "resolved", "void": "cancelled", "gone": "deleted", "joined": "merged"}
FIELDS = {
    "proof": {"any_header": True},
    "state": "state",
    "states": STATES,
    "incident": "id",
    "started_at": "began",
    "resolved_at": "over",
    "updated_at": "at",
    "title": "text",
}
BODY = {
    "id": "7",
    "state": "open",
    "text": "Checkout is down",
    "began": "2026-03-04T09:12:41Z",
    "over": "2026-03-04T10:00:05Z",
    "at": "2026-03-04T09:20:00Z",
}


def change(body, **fields):
    pack = provider.compile("pager", {**FIELDS, **fields}, None)
    raw = json.dumps({**BODY, **body}).encode()
    (message,) = pack.translate(Request.make(headers={}, body=raw, received_at=AT), {})
    return message


def test_a_mapping_of_one_message_has_its_title():
    """`title` beside `state` is the incident's, not the tool's."""
    assert change({}).title == "Checkout is down"


@pytest.mark.parametrize(
    ("at", "again"),
    [
        ("2026-03-04T09:20:00Z", "2026-03-04 09:20:00+00:00"),
        ("2026-03-04T09:12:41Z", "None"),
        ("2026-03-04T09:00:00Z", "None"),
        (None, "None"),
    ],
)
def test_a_start_is_one_again_only_after_its_own_time(at, again):
    """A time of reopening at or before the start, and that of receipt, say nothing about a second start."""
    found = change({"at": at}, reopened_at={"first_of": ["at", "received"]})
    assert str(found.again_at) == again


@pytest.mark.parametrize(
    ("state", "needed"), [("done", False), ("void", True), ("gone", True), ("joined", True)]
)
def test_an_end_without_a_recovery_needs_a_start(state, needed):
    """What was none, or was deleted, does not bring a start with it. A recovery does."""
    assert change({"state": state}).needs_start is needed


def test_a_pack_may_say_that_every_end_needs_its_start():
    """Where a warning ends with the same word as a failure, the end alone starts nothing."""
    assert change({"state": "done"}, end_needs_start=True).needs_start
    assert not change({"state": "open"}, end_needs_start=True).needs_start


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"env": {"value": "prod", "color": "#0f61dd"}, "team": "payments"},
            {"env": ("prod",), "team": ("payments",)},
        ),
        ({"region": ["eu", "us"]}, {}),
        (["env:prod", "env:eu", "paged"], {"env": ("prod", "eu"), "paged": ("paged",)}),
        (None, {}),
    ],
)
def test_tags_are_read_as_tools_write_them(given, expected):
    """An object of texts or of values with a color, or a list of `name:value`."""
    assert dict(change({"tags": given}, tags={"first_of": ["labels", "tags"]}).tags) == expected


def test_a_macro_that_was_not_replaced_says_nothing():
    """Splunk On-Call leaves `${{…}}` where it has no value."""
    assert change({"text": "${{ALERT.entity_display_name}}"}).title is None


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("Bearer lk-token", True),
        ("bearer lk-token", True),
        ("Basic " + base64.b64encode(b"gitdailies:lk-token").decode(), True),
        ("Basic " + base64.b64encode(b"gitdailies:lk-other").decode(), False),
        ("Basic lk-token", False),
        ("Bearer lk-other", False),
        ("lk-token", True),
        ("Token lk-token", False),
        ("", False),
    ],
)
def test_the_scheme_of_a_header_chooses_the_proof(value, accepted):
    """Several proofs may be in one header. The first whose scheme the value has decides."""
    several = [
        {"token": {"header": "Authorization", "prefix": "Bearer "}},
        {"basic": {}},
        {"token": {"header": "Authorization"}},
    ]
    pack = provider.compile("pager", {**FIELDS, "proof": several}, None)
    given = Request.make(headers={"Authorization": value}, body=b"{}", received_at=AT)
    if accepted:
        pack.verify(given, [Secret("lk-token")], ProofSettings())
    else:
        with pytest.raises(ProofError):
            pack.verify(given, [Secret("lk-token")], ProofSettings())


@pytest.mark.parametrize(
    ("started_at", "resolved_at", "named"),
    [
        ("at", "at", None),
        ({"first_of": ["at", "received"]}, {"first_of": ["at", "received"]}, None),
        ({"first_of": ["none", "at"]}, {"first_of": ["over", "at"]}, None),
        ({"first_of": ["began", "at"]}, "at", "2026-03-04T09:12:41Z"),
        ("began", "at", "2026-03-04T09:12:41Z"),
    ],
)
def test_the_time_of_a_message_does_not_name_a_start(started_at, resolved_at, named):
    """A tool with one time for all says at an end when it is over, and not when it began."""
    times = {"started_at": started_at, "resolved_at": resolved_at, "updated_at": "at"}
    end = change({"state": "done"}, **times)
    assert end.occurrence == named
    start = change({"state": "open"}, **times)
    assert start.occurrence == named


@pytest.mark.parametrize(
    ("meaning", "meant"),
    [
        ("start", "started"),
        ("Resovled", "resolved"),
        ("closed", "resolved"),
        ("deploy", "deployed"),
        ("up", "resolved"),
        ("recover", "resolved"),
        ("alert", "started"),
    ],
)
def test_a_misspelled_state_is_no_reason(meaning, meant):
    """Else each delivery with this word would be ignored, with the mistake as the reason."""
    with pytest.raises(MappingError) as caught:
        change({}, states={**STATES, "odd": meaning})
    assert caught.value.places == {
        (
            "mapping",
            "states",
            "odd",
        ): f"expected a state, or the reason why the word is ignored, got {meaning!r}; did you mean {meant}"
    }


@pytest.mark.parametrize("meaning", ["note", "acknowledged", "it is open", "uninstalled"])
def test_any_other_text_is_a_reason(meaning):
    assert change({"state": "odd"}, states={**STATES, "odd": meaning}).reason == meaning


@pytest.mark.parametrize(("field", "value", "place", "expected"), mistakes("unsent"))
def test_a_mistake_is_named_before_anything_is_sent(field, value, place, expected):
    """Where it is, what was found there, and the nearest name if there is one."""
    with pytest.raises(MappingError) as caught:
        change({}, **{field: value})
    assert list(caught.value.places) == [("mapping", field, *place)]
    assert caught.value.places["mapping", field, *place].endswith(expected)


def test_a_table_needs_the_times_of_its_states():
    fields = {name: value for name, value in FIELDS.items() if not name.endswith("_at")}
    with pytest.raises(MappingError) as caught:
        provider.compile("pager", {**fields, "states": {"open": "started", "done": "resolved"}}, None)
    assert list(caught.value.places) == [("mapping", "started_at"), ("mapping", "resolved_at")]


def test_an_environment_that_a_table_lacks_is_not_production():
    """Without an environment an event counts as production."""
    table = {"path": "where", "map": {"prod-*": "production"}}
    assert change({"where": "PROD-eu"}, environment=table).environment == "production"
    assert change({"where": "qa"}, environment=table).environment == "qa"
    assert change({"where": "qa"}, environment={**table, "otherwise": "staging"}).environment == "staging"


@pytest.mark.parametrize("tags", ["prod env:staging", "env:staging, prod", ["prod", "env:staging"]])
def test_tags_in_one_text_are_found_by_their_prefix(tags):
    assert change({"tags": tags}, environment={"path": "tags", "prefix": "env:"}).environment == "staging"


def test_a_misspelled_path_is_named_with_the_nearest():
    """Whether the field is needed, or may be absent."""
    with pytest.raises(PayloadError, match=r"^ID: expected text, got nothing; did you mean id$"):
        change({}, incident="ID")
    with pytest.raises(PayloadError, match=r"; did you mean id\[0\]$"):
        change({}, incident="Id[0]")
    pack = provider.compile(
        "pager",
        {**FIELDS, "title": "txt", "key": "${id} ${sate}", "skip_if": [{"Text": "x", "because": "a test"}]},
        None,
    )
    request = Request.make(headers={}, body=json.dumps(BODY).encode(), received_at=AT)
    assert pack.unfound([request]) == {
        ("key",): "sate: found nothing; did you mean state",
        ("title",): "txt: found nothing; did you mean text",
        ("skip_if", 0, "Text"): "Text: found nothing; did you mean text",
    }


def test_a_proof_alone_reads_nothing():
    """It is enough to capture what a tool sends."""
    pack = provider.compile("pager", {"proof": {"token": {"header": "X-Token"}}}, None)
    (message,) = pack.translate(Request.make(headers={}, body=b"{}"), {})
    assert isinstance(message, Ignored)
    assert message.code == "unknown_type"
    pack.verify(Request.make(headers={"x-token": "s"}, body=b"{}"), [Secret("s")], ProofSettings())
