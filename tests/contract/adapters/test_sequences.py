"""Deliveries in a row, through routing and the decisions, to the events that are sent."""

import json

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.routing import Route, Routes
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_core.sources.request import Request

from tests.support.core.lives import Relay

ROUTES = Routes.make({"*": [Route("larkspur/{service}")]})


def events_of(vendor, *steps, **options):
    """Send examples, each by its name or as (name, changed fields); return what goes out, in order."""
    adapter, relay = registry.adapter(vendor), Relay(source=vendor)
    examples = {example.name: example for example in checks.examples(adapter)}
    for step in steps:
        name, changed = (step, {}) if isinstance(step, str) else step
        request = examples[name].request
        if changed:
            body = {**json.loads(request.body), **changed}
            request = Request.make(headers={}, body=json.dumps(body).encode())
        for message in adapter.translate(request, {**checks.defaults(adapter), **options}):
            if isinstance(message, Change):
                relay.take(message, to=ROUTES.route(message).targets)
    return [
        (
            "starts" if event.kind == INCIDENT_STARTED else "ends",
            event.get("repo").removeprefix("larkspur/"),
            event.get("time").removeprefix("2026-0"),
        )
        for event in relay.sent
    ]


def api(kind, time):
    return (kind, "checkout-api", f"3-04T{time}Z")


START, END = api("starts", "09:12:41"), api("ends", "10:02:18.455")
AGAIN, OVER = api("starts", "11:30:22"), api("ends", "11:58:47.114")
CYCLE = [api("starts", "09:17:00"), api("ends", "10:05:00")]
ACTIVE, STABLE, RESOLVED = api("starts", "09:19:00"), api("ends", "10:00:00"), api("ends", "12:00:00")
SQUADCAST_START, SQUADCAST_END = api("starts", "09:13:24.301"), api("ends", "10:03:09.477120")
# What is claimed, by vendor: the deliveries in a row, and what goes out.
ROWS = {
    "pagerduty": {
        "acknowledging, a new priority and a move to another service send nothing": (
            "triggered acknowledged priority_updated service_updated status_update_published resolved",
            [START, END],
        ),
        "nor does a note, nor what comes twice": (
            "triggered triggered annotated resolved resolved",
            [START, END],
        ),
        "a reopened incident starts again at reopened_at, and its own end ends it": (
            "triggered resolved reopened reopened resolved resolved.after-reopening",
            [START, END, AGAIN, OVER],
        ),
        "its own end may tell the first start alone": (
            "triggered resolved reopened resolved.after-reopening.first-start-only",
            [START, END, AGAIN, OVER],
        ),
        "without reopened_at it starts again at occurred_at, never at created_at": (
            "triggered resolved reopened.without-reopened-at",
            [START, END, api("starts", "11:30:22.871")],
        ),
        "an end without a start sends both, and the late start nothing": ("resolved triggered", [START, END]),
        "bodies of 2021, which have no time of the start, give one start and its end": (
            "triggered.without-created-at triggered.without-created-at resolved.without-created-at",
            [
                ("starts", "checkout-api", "2021-08-18T09:12:41.318Z"),
                ("ends", "checkout-api", "2021-08-18T09:40:02.090Z"),
            ],
        ),
        "each message of a V2 body counts; the note and the unknown word between are none": (
            "v2.several-messages v2.incident.resolve",
            [("starts", "ledger-worker", "2-11T05:31:09Z"), ("ends", "ledger-worker", "2-11T06:22:02Z")],
        ),
    },
    "datadog": {
        "repeats of an alert are its cycle": (
            "monitor-triggered monitor-re-triggered monitor-renotify monitor-recovered monitor-recovered",
            CYCLE,
        ),
        "warnings and missing data are no part of it": (
            "monitor-warn monitor-triggered monitor-recovered monitor-no-data monitor-no-data-recovered",
            CYCLE,
        ),
        "a recovery that comes first sends nothing": ("monitor-recovered", []),
        "the late alert of a cycle sends both": ("monitor-recovered monitor-triggered", CYCLE),
        "where the first alert never arrived, its repeat starts the cycle at its own time": (
            "monitor-re-triggered monitor-recovered",
            [api("starts", "09:35:00"), CYCLE[1]],
        ),
        "the default payload's alert and recovery join, though nothing in them is a key": (
            "default.monitor-triggered default-re-triggered default.monitor-recovered",
            CYCLE,
        ),
        "stable ends an incident; resolved and completed after it are second ends": (
            "incident-active incident-active incident-stable incident-resolved incident-completed",
            [ACTIVE, STABLE],
        ),
        "without stable, resolved is the end": ("incident-active incident-resolved", [ACTIVE, RESOLVED]),
    },
    "squadcast": {
        "acknowledging and reassigning send nothing, though their status says triggered": (
            "v2.incident.triggered v2.incident.acknowledged v2.incident.reassigned v2.incident.resolved",
            [SQUADCAST_START, SQUADCAST_END],
        ),
        "nor do tags and notes": (
            "v2.incident.triggered v2.incident.tags_updated v2.incident.incident_notes_created",
            [SQUADCAST_START],
        ),
        "nor does a second end": (
            "v2.incident.triggered v2.incident.resolved v2.incident.resolved.compact",
            [SQUADCAST_START, SQUADCAST_END],
        ),
        "a v1 incident ends at the last resolved entry of its timeline": (
            "v1.incident_triggered v1.incident_acknowledged v1.incident_resolved",
            [SQUADCAST_START, api("ends", "10:03:09.412")],
        ),
        "a webhook of each version for one incident gives one start and one end": (
            "v1.incident_triggered v2.incident.triggered v2.incident.resolved v1.incident_resolved",
            [SQUADCAST_START, SQUADCAST_END],
        ),
        "an end without a start gives both, since v2 has created_at": (
            "v2.incident.resolved v2.incident.triggered",
            [SQUADCAST_START, SQUADCAST_END],
        ),
    },
}


@pytest.mark.parametrize(
    ("vendor", "steps", "events"),
    [pytest.param(vendor, *row, id=name) for vendor, rows in ROWS.items() for name, row in rows.items()],
)
def test_deliveries_in_a_row_give_these_events(vendor, steps, events):
    """Each start and each end goes out once, at its own time."""
    prefix = "incident." if vendor == "pagerduty" else ""
    names = [step if step.startswith("v2.") else f"{prefix}{step}" for step in steps.split()]
    assert events_of(vendor, *names) == events


def test_options_of_datadog_say_what_starts_and_what_ends():
    """With warn: true a warning's cycle counts. With incident_ends_at: resolved, stable goes on."""
    warned = events_of("datadog", "monitor-warn", "monitor-warn-recovered", warn=True)
    ended = events_of(
        "datadog", "incident-active", "incident-stable", "incident-resolved", incident_ends_at="resolved"
    )

    assert warned == [api("starts", "08:30:00"), CYCLE[1]]
    assert ended == [ACTIVE, RESOLVED]


def reopened(name: str, minute: int, word: str, *, timeline: object = None) -> tuple[str, dict[str, object]]:
    """An example of Squadcast's v2 with another moment and another timeline."""
    body = json.loads(EXAMPLES[name])
    body["event"].update(id=f"reopened-{minute}", type=f"incident.{word}", timestamp=at(minute))
    body["data"]["resource_data"].update(timeline=timeline, status=word)
    return name, body


def at(minute: int) -> str:
    return f"2026-03-04T{10 + minute // 60:02}:{minute % 60:02}:00Z"


EXAMPLES = {example.name: example.request.body for example in checks.examples(registry.adapter("squadcast"))}
SQUADCAST_AGAIN = [
    SQUADCAST_START,
    api("ends", "10:01:00"),
    api("starts", "10:06:00"),
    api("ends", "10:07:00"),
]
NEXT_CYCLE = {"cycle_key": "1147720091135600000", "date_ms": "1772700000000", "event_id": "1"}
NEXT_OVER = {**NEXT_CYCLE, "date_ms": "1772700600000", "event_id": "2"}
ACTIVE_AGAIN = {"date_ms": "1772620200000", "event_id": "3"}
STABLE_FIELDS = {"status": "stable", "date_ms": "1772618400000", "event_id": "4", "fields": {"services": []}}
LEDGER = {"service": "ledger-worker"}
ONE_END = [{"action": "triggered", "time": at(-60)}, {"action": "resolved", "time": at(1)}]
ANOTHER_START = [*ONE_END, {"action": "reopened", "time": at(6)}]
ANOTHER_END = [*ANOTHER_START, {"action": "resolved", "time": at(7)}]
BY_HAND = reopened("v2.incident.triggered", 6, "triggered")[1]
BY_HAND["data"]["resource_data"]["status"] = "resolved"  # type: ignore[index]
ENDED = reopened("v2.incident.resolved", 1, "resolved")
ENDED_AGAIN = reopened("v2.incident.resolved", 7, "resolved")


def ledger(kind, time):
    return (kind, "ledger-worker", f"3-04T{time}Z")


# As the table above, where fields of a delivery are others than those of the example.
CHANGED = {
    "datadog": {
        "a monitor that alerts again under a new cycle key starts and ends again": (
            [
                "monitor-triggered",
                "monitor-recovered",
                ("monitor-triggered", NEXT_CYCLE),
                ("monitor-recovered", NEXT_OVER),
            ],
            [
                *CYCLE,
                ("starts", "checkout-api", "3-05T08:40:00Z"),
                ("ends", "checkout-api", "3-05T08:50:00Z"),
            ],
        ),
        "an incident that goes from stable to active starts again at that notification's time": (
            ["incident-active", "incident-stable", ("incident-active", ACTIVE_AGAIN), "incident-resolved"],
            [ACTIVE, STABLE, api("starts", "10:30:00"), RESOLVED],
        ),
        "with a fixed service in each template, a service's end ends its own incident alone": (
            ["incident-active", ("incident-active", LEDGER), "incident-stable", ("incident-stable", LEDGER)],
            [ACTIVE, ledger("starts", "09:19:00"), STABLE, ledger("ends", "10:00:00")],
        ),
        "an end by the template with fields ends the incident of every service that started": (
            ["incident-with-fields", ("incident-with-fields", STABLE_FIELDS)],
            [api("starts", "09:20:00"), ledger("starts", "09:20:00"), STABLE, ledger("ends", "10:00:00")],
        ),
        "with a webhook for each service, an end ends it at the service that it left, too": (
            ["incident-active", ("incident-active", LEDGER), ("incident-resolved", LEDGER)],
            [ACTIVE, ledger("starts", "09:19:00"), RESOLVED, ledger("ends", "12:00:00")],
        ),
    },
    "squadcast": {
        "a trigger after an end starts it again, though its created_at is the first one": (
            [
                "v2.incident.triggered",
                ENDED,
                reopened("v2.incident.triggered", 6, "triggered"),
                ENDED_AGAIN,
            ],
            SQUADCAST_AGAIN,
        ),
        "a webhook that a person sends for a resolved incident starts nothing": (
            ["v2.incident.triggered", ENDED, ("v2.incident.triggered", BY_HAND)],
            SQUADCAST_AGAIN[:2],
        ),
        "a v1 incident whose timeline has a start after an end begins again then": (
            [
                "v1.incident_triggered",
                ("v1.incident_resolved", {"timeline": ONE_END}),
                ("v1.incident_triggered", {"timeline": ANOTHER_START}),
                reopened("v2.incident.triggered", 6, "triggered"),
                ("v1.incident_resolved", {"timeline": ANOTHER_END}),
                ENDED_AGAIN,
            ],
            SQUADCAST_AGAIN,
        ),
        "a lost start is sent with its end": (
            [("v1.incident_resolved", {"timeline": ANOTHER_END})],
            SQUADCAST_AGAIN[2:],
        ),
    },
}


@pytest.mark.parametrize(
    ("vendor", "steps", "events"),
    [pytest.param(vendor, *row, id=name) for vendor, rows in CHANGED.items() for name, row in rows.items()],
)
def test_changed_deliveries_in_a_row_give_these_events(vendor, steps, events):
    assert events_of(vendor, *steps) == events
