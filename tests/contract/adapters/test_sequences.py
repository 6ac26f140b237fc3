"""Deliveries in a row, through routing and the decisions, to the events that are sent."""

import json
from pathlib import Path

import pytest
import yaml
from gitdailies_core.contract import checks
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.routing import Route, Routes
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_core.sources.request import Request

from tests.support.core.lives import Relay

ROUTES = Routes.make({"*": [Route("larkspur/{service}")]})
SEQUENCES = yaml.safe_load((Path(__file__).parent / "data/sequences.yaml").read_text("utf-8"))


def events_of(vendor, *steps, **options):
    """Send examples, each by its name or as {name: changed fields}; return what goes out, in order."""
    adapter, relay = registry.adapter(vendor), Relay(source=vendor)
    examples = {example.name: example for example in checks.examples(adapter)}
    for step in steps:
        ((name, changed),) = ({step: {}} if isinstance(step, str) else step).items()
        request = examples[name].request
        if changed:
            body = {**json.loads(request.body), **changed}
            request = Request.make(headers={}, body=json.dumps(body).encode())
        for message in adapter.translate(request, {**checks.defaults(adapter), **options}):
            if isinstance(message, Change):
                relay.take(message, to=ROUTES.route(message).targets)
    return [
        f"{'starts' if event.kind == INCIDENT_STARTED else 'ends'}"
        f" {event.get('repo').removeprefix('larkspur/')} {event.get('time').removeprefix('2026-0')}"
        for event in relay.sent
    ]


@pytest.mark.parametrize(
    ("vendor", "steps", "events"),
    [
        pytest.param(vendor, row["deliveries"], row["events"], id=row["claim"])
        for vendor, rows in SEQUENCES.items()
        for row in rows
    ],
)
def test_deliveries_in_a_row_give_these_events(vendor, steps, events):
    """Each start and each end goes out once, at its own time."""
    assert events_of(vendor, *steps) == events


def api(kind, time):
    return f"{kind} checkout-api 3-04T{time}Z"


def test_options_of_datadog_say_what_starts_and_what_ends():
    """With warn: true a warning's cycle counts. With incident_ends_at: resolved, stable goes on."""
    warned = events_of("datadog", "monitor-warn", "monitor-warn-recovered", warn=True)
    ended = events_of(
        "datadog", "incident-active", "incident-stable", "incident-resolved", incident_ends_at="resolved"
    )

    assert warned == [api("starts", "08:30:00"), api("ends", "10:05:00")]
    assert ended == [api("starts", "09:19:00"), api("ends", "12:00:00")]


def reopened(name: str, minute: int, word: str) -> dict[str, dict[str, object]]:
    """An example of Squadcast's v2 at another moment, without a timeline."""
    body = json.loads(EXAMPLES[name])
    body["event"].update(id=f"reopened-{minute}", type=f"incident.{word}", timestamp=at(minute))
    body["data"]["resource_data"].update(timeline=None, status=word)
    return {name: body}


def at(minute: int) -> str:
    return f"2026-03-04T{10 + minute // 60:02}:{minute % 60:02}:00Z"


EXAMPLES = {example.name: example.request.body for example in checks.examples(registry.adapter("squadcast"))}
STARTED = "v2.incident.triggered"
TWICE = [
    api("starts", "09:13:24.301"),
    api("ends", "10:01:00"),
    api("starts", "10:06:00"),
    api("ends", "10:07:00"),
]
ONE_END = [{"action": "triggered", "time": at(-60)}, {"action": "resolved", "time": at(1)}]
ANOTHER_START = [*ONE_END, {"action": "reopened", "time": at(6)}]
ANOTHER_END = [*ANOTHER_START, {"action": "resolved", "time": at(7)}]
STARTED_AGAIN, BY_HAND = (reopened(STARTED, 6, "triggered") for _ in range(2))
BY_HAND[STARTED]["data"]["resource_data"]["status"] = "resolved"  # type: ignore[index]
ENDED = reopened("v2.incident.resolved", 1, "resolved")
ENDED_AGAIN = reopened("v2.incident.resolved", 7, "resolved")


@pytest.mark.parametrize(
    ("steps", "events"),
    [
        pytest.param(
            [STARTED, ENDED, STARTED_AGAIN, ENDED_AGAIN],
            TWICE,
            id="a trigger after an end starts it again, though its created_at is the first one",
        ),
        pytest.param(
            [STARTED, ENDED, BY_HAND],
            TWICE[:2],
            id="a webhook that a person sends for a resolved incident starts nothing",
        ),
        pytest.param(
            [
                "v1.incident_triggered",
                {"v1.incident_resolved": {"timeline": ONE_END}},
                {"v1.incident_triggered": {"timeline": ANOTHER_START}},
                STARTED_AGAIN,
                {"v1.incident_resolved": {"timeline": ANOTHER_END}},
                ENDED_AGAIN,
            ],
            TWICE,
            id="a v1 incident whose timeline has a start after an end begins again then",
        ),
        pytest.param(
            [{"v1.incident_resolved": {"timeline": ANOTHER_END}}],
            TWICE[2:],
            id="a lost start is sent with its end",
        ),
    ],
)
def test_deliveries_of_squadcast_after_an_end(steps, events):
    """As the sequences of the table, where moments and timelines are those of a second occurrence."""
    assert events_of("squadcast", *steps) == events
