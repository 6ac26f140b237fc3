"""The samples of incident senders, through their packs: what each says, and what goes out."""

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.routing import Route, Routes
from gitdailies_core.reasons import UNKNOWN_TYPE
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.stored_body import without_people

from tests.contract.packs.test_deploy_samples import request as sample
from tests.support.core.lives import Relay

HERE = Path(__file__).parent
SAMPLES = json.loads((HERE / "incident_samples.json").read_text("utf-8"))
# Deliveries in a row, and the events that go out: kind or resolution, repository, day and time of March 2026.
LIVES = json.loads((HERE / "incident_lives.json").read_text("utf-8"))
# A receipt within five minutes of every timestamp that is signed.
AT = datetime(2026, 3, 4, 9, 12, 42, tzinfo=UTC)
PACKS = files("gitdailies_sources").joinpath("packs")
NAMES = sorted(
    pack.name for pack in PACKS.iterdir() if pack.joinpath("examples").is_dir() and pack.name in SAMPLES
)
ROUTES = Routes.make(
    {"checkout-api 5xx": [Route("larkspur/checkout-api")], "*": [Route("larkspur/{service}")]}
)


# Deliveries of theirs have no time, so a second one seems to come later.
AT_RECEIPT = ("honeycomb", "ilert", "zabbix", "zenduty")


def request(name, stem, *, at=AT):
    """Build the delivery of a sample, with its headers."""
    return sample(name, stem, received_at=at)


def said(message):
    """Return what a message says, in the words of the samples' table."""
    if not isinstance(message, Change):
        return {"state": "ignored", **({"incident": message.incident} if message.incident else {})}
    shown = checks.shown(message)
    names = [service.name for service in message.services]
    return {**shown, "service": names[0] if len(names) == 1 else names}


def test_every_sender_of_the_table_has_a_pack():
    """Two senders have no pack: they are mappings that a user writes."""
    assert sorted(set(SAMPLES) - set(NAMES)) == ["home-made"]


@pytest.mark.parametrize(("name", "stem"), [(name, stem) for name in NAMES for stem in SAMPLES[name]])
def test_a_sample_says_what_the_table_says(name, stem):
    """State, incident, time, title, service and start are those of the samples' description."""
    rows = SAMPLES[name][stem]

    messages = registry.adapter(name).translate(request(name, stem), {})

    assert len(messages) == len(rows)
    for message, row in zip(messages, rows, strict=False):
        found, wanted = said(message), dict(row)
        if wanted.get("at") == "received":
            assert found["at_receipt"]
            wanted["at"] = "2026-03-04T09:12:42Z"
        assert {field: found.get(field) for field in wanted} == wanted


def events_of(name, *stems):
    """Send deliveries in a row; return what goes out: kind, repository, time."""
    adapter, relay = registry.adapter(name), Relay(source=name)
    for minutes, stem in enumerate(stems):
        for message in adapter.translate(request(name, stem, at=AT + timedelta(minutes=minutes)), {}):
            if isinstance(message, Change):
                relay.take(message, to=ROUTES.route(message).targets)
    return [
        (
            "starts" if event.kind == INCIDENT_STARTED else event.get("resolution") or "ends",
            event.get("repo").removeprefix("larkspur/"),
            event.get("time").removeprefix("2026-03-0"),
        )
        for event in relay.sent
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_in_order_give_each_start_and_end_once(name):
    """Each incident of the table starts once and ends once, also where a delivery is sent twice."""
    stems = list(SAMPLES[name])
    once = events_of(name, *stems)
    twice = events_of(name, *(stem for stem in stems for _ in range(2)))
    rows = [row for stem in stems for row in SAMPLES[name][stem]]
    started = {row["incident"] for row in rows if row["state"] == "started"}
    ended = {row["incident"] for row in rows if row["state"] == "resolved"}
    services = {row["incident"]: row["service"] for row in rows if row["state"] in ("started", "resolved")}

    def places(incidents):
        return sum(1 if isinstance(services[i], str) else len(services[i]) for i in incidents)

    assert sum(kind == "starts" for kind, *_ in once) == places(started | ended)
    assert sum(kind == "ends" for kind, *_ in once) == places(ended)
    assert twice == once or name in AT_RECEIPT


@pytest.mark.parametrize("life", LIVES, ids=[f"{life['pack']}-{life['deliveries'][-1]}" for life in LIVES])
def test_a_life_of_an_incident(life):
    """What is reopened starts again at its own time; what was none ends without a recovery."""
    assert events_of(life["pack"], *life["deliveries"]) == [tuple(event) for event in life["events"]]


# The types of events of the OpenAPI documents of incident.io and Rootly, as their Python clients list them,
# and those of ilert, as its Terraform provider documents them.
TYPES = json.loads((HERE / "incident_types.json").read_text("utf-8"))


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in TYPES for kind in TYPES[name]])
def test_each_type_that_the_vendor_lists_is_known(name, kind):
    """None is quarantined as an unknown word, which would be an alert for each."""
    said = {"id": "1", "status": "in_triage", "created_at": "2026-03-04T09:12:41Z"}
    body = {**said, "eventType": kind, "event_type": kind, kind: said, "data": said}
    body["event"] = {"id": "1", "type": kind, "issued_at": "2026-03-04T09:12:41Z"}
    given = Request.make(headers={}, body=json.dumps(body).encode(), received_at=AT)

    (message,) = registry.adapter(name).translate(given, {})

    assert getattr(message, "code", "") != UNKNOWN_TYPE


@pytest.mark.parametrize("name", NAMES)
def test_fields_of_people_change_nothing(name):
    """A body that is stored without them is translated to the same messages."""
    adapter = registry.adapter(name)
    for stem in SAMPLES[name]:
        given = request(name, stem)
        body = without_people(given.body, given.header("content-type"))
        stored = Request.make(headers=given.headers, body=body, received_at=AT)
        assert adapter.translate(stored, {}) == adapter.translate(given, {})
