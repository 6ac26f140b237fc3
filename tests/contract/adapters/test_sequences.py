"""Deliveries in a row, through routing and the decisions, to the events that are sent."""

import json

from gitdailies_core.contract import checks
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import Route, Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change
from gitdailies_core.sources.request import Request

ROUTES = Routes.make({"*": [Route("larkspur/{service}")]})


def events_of(vendor, *steps, **options):
    """Send examples, each by its name or as (name, changed fields); return what goes out, in order."""
    adapter, records = registry.adapter(vendor), MemoryRecords()
    examples = {example.name: example for example in checks.examples(adapter)}
    sent = []
    for step in steps:
        name, changed = (step, {}) if isinstance(step, str) else step
        request = examples[name].request
        if changed:
            body = {**json.loads(request.body), **changed}
            request = Request.make(headers={}, body=json.dumps(body).encode())
        for message in adapter.translate(request, {**checks.defaults(adapter), **options}):
            if isinstance(message, Change):
                targets = ROUTES.route(message).targets
                decision = decide(
                    source=vendor, change=message, targets=targets, refusal=None, records=records
                )
                records.apply(decision)
                sent.extend(decision.events)
    return [
        (
            "starts" if event.kind == INCIDENT_STARTED else "ends",
            event.get("repo").removeprefix("larkspur/"),
            event.get("time").removeprefix("2026-0"),
        )
        for event in sent
    ]


START, END = ("starts", "checkout-api", "3-04T09:12:41Z"), ("ends", "checkout-api", "3-04T10:02:18.455Z")


def test_pagerduty_from_trigger_to_resolve_gives_two_events():
    """Acknowledging, a new priority, a note and a move to another service send nothing of their own."""
    assert events_of(
        "pagerduty",
        "incident.triggered",
        "incident.triggered",
        "incident.acknowledged",
        "incident.priority_updated",
        "incident.service_updated",
        "incident.status_update_published",
        "incident.annotated",
        "incident.resolved",
        "incident.resolved",
    ) == [START, END]


def test_pagerduty_reopened_is_a_second_occurrence():
    """A reopened incident starts again at reopened_at, and its own end ends it."""
    again = ("starts", "checkout-api", "3-04T11:30:22Z")
    over = ("ends", "checkout-api", "3-04T11:58:47.114Z")

    events = events_of(
        "pagerduty",
        "incident.triggered",
        "incident.resolved",
        "incident.reopened",
        "incident.reopened",
        "incident.resolved",
        "incident.resolved.after-reopening",
    )
    first_start_only = events_of(
        "pagerduty",
        "incident.triggered",
        "incident.resolved",
        "incident.reopened",
        "incident.resolved.after-reopening.first-start-only",
    )

    assert events == first_start_only == [START, END, again, over]


def test_pagerduty_reopened_without_its_time_starts_at_its_event():
    """Without reopened_at the second occurrence starts at occurred_at, never at created_at."""
    assert events_of(
        "pagerduty", "incident.triggered", "incident.resolved", "incident.reopened.without-reopened-at"
    ) == [START, END, ("starts", "checkout-api", "3-04T11:30:22.871Z")]


def test_pagerduty_end_before_start_gives_both_in_order():
    """An end whose start was not seen sends both, and the late start adds nothing."""
    assert events_of("pagerduty", "incident.resolved", "incident.triggered") == [START, END]


def test_pagerduty_without_created_at_pairs_by_order():
    """Bodies of 2021, which have no time of the start, still give one start and its end."""
    assert events_of(
        "pagerduty",
        "incident.triggered.without-created-at",
        "incident.triggered.without-created-at",
        "incident.resolved.without-created-at",
    ) == [
        ("starts", "checkout-api", "2021-08-18T09:12:41.318Z"),
        ("ends", "checkout-api", "2021-08-18T09:40:02.090Z"),
    ]


def test_pagerduty_v2_body_of_several_messages_counts_each():
    """A start and an end in one V2 body are two events; the note and the unknown word between are none."""
    assert events_of("pagerduty", "v2.several-messages", "v2.incident.resolve") == [
        ("starts", "ledger-worker", "2-11T05:31:09Z"),
        ("ends", "ledger-worker", "2-11T06:22:02Z"),
    ]


CYCLE = [("starts", "checkout-api", "3-04T09:17:00Z"), ("ends", "checkout-api", "3-04T10:05:00Z")]


def test_datadog_cycle_counts_once():
    """Re-triggered and renotify repeat an open cycle; warnings and missing data are no part of it."""
    assert (
        events_of(
            "datadog",
            "monitor-warn",
            "monitor-triggered",
            "monitor-re-triggered",
            "monitor-renotify",
            "monitor-recovered",
            "monitor-recovered",
            "monitor-no-data",
            "monitor-no-data-recovered",
        )
        == CYCLE
    )


def test_datadog_next_cycle_of_a_monitor_is_another_incident():
    """The same monitor alerting again under a new cycle key starts and ends again."""
    later = {"cycle_key": "1147720091135600000", "date_ms": "1772700000000", "event_id": "1"}
    over = {**later, "date_ms": "1772700600000", "event_id": "2"}

    assert events_of(
        "datadog",
        "monitor-triggered",
        "monitor-recovered",
        ("monitor-triggered", later),
        ("monitor-recovered", over),
    ) == [
        *CYCLE,
        ("starts", "checkout-api", "3-05T08:40:00Z"),
        ("ends", "checkout-api", "3-05T08:50:00Z"),
    ]


def test_datadog_late_start_of_a_cycle_is_not_left_open():
    """A recovery that comes first sends nothing, and the late alert of its cycle sends both."""
    assert events_of("datadog", "monitor-recovered") == []
    assert events_of("datadog", "monitor-recovered", "monitor-triggered") == CYCLE


def test_datadog_re_triggered_alone_starts_its_cycle():
    """Where the first alert never arrived, its repeat starts the cycle at its own time."""
    assert events_of("datadog", "monitor-re-triggered", "monitor-recovered") == [
        ("starts", "checkout-api", "3-04T09:35:00Z"),
        CYCLE[1],
    ]


def test_datadog_warnings_count_where_switched_on():
    """With warn: true a warning's cycle starts and its recovery ends it."""
    assert events_of("datadog", "monitor-warn", "monitor-warn-recovered", warn=True) == [
        ("starts", "checkout-api", "3-04T08:30:00Z"),
        CYCLE[1],
    ]


def test_datadog_default_payload_pairs_by_monitor_and_scope():
    """The default payload's alert and recovery join, though nothing in them is a key."""
    assert (
        events_of("datadog", "default.monitor-triggered", "default-re-triggered", "default.monitor-recovered")
        == CYCLE
    )


ACTIVE = ("starts", "checkout-api", "3-04T09:19:00Z")


def test_datadog_incident_ends_when_it_is_stable():
    """Stable ends an incident; resolved and completed after it are second ends."""
    assert events_of(
        "datadog",
        "incident-active",
        "incident-active",
        "incident-stable",
        "incident-resolved",
        "incident-completed",
    ) == [ACTIVE, ("ends", "checkout-api", "3-04T10:00:00Z")]


def test_datadog_incident_ends_later_where_asked():
    """With incident_ends_at: resolved, stable goes on and resolved ends."""
    assert events_of(
        "datadog", "incident-active", "incident-stable", "incident-resolved", incident_ends_at="resolved"
    ) == [ACTIVE, ("ends", "checkout-api", "3-04T12:00:00Z")]


def test_datadog_incident_may_skip_stable():
    """Without stable, resolved is the end."""
    assert events_of("datadog", "incident-active", "incident-resolved") == [
        ACTIVE,
        ("ends", "checkout-api", "3-04T12:00:00Z"),
    ]


def test_datadog_incident_active_again_is_a_second_occurrence():
    """An incident that goes from stable back to active starts again, at the time of that notification."""
    again = {"date_ms": "1772620200000", "event_id": "3"}

    assert events_of(
        "datadog", "incident-active", "incident-stable", ("incident-active", again), "incident-resolved"
    ) == [
        ACTIVE,
        ("ends", "checkout-api", "3-04T10:00:00Z"),
        ("starts", "checkout-api", "3-04T10:30:00Z"),
        ("ends", "checkout-api", "3-04T12:00:00Z"),
    ]


def test_datadog_one_webhook_a_service_ends_its_own_alone():
    """With a fixed service in each template, each service's end ends that service's incident."""
    ledger = {"service": "ledger-worker"}

    assert events_of(
        "datadog",
        "incident-active",
        ("incident-active", ledger),
        "incident-stable",
        ("incident-stable", ledger),
    ) == [
        ACTIVE,
        ("starts", "ledger-worker", "3-04T09:19:00Z"),
        ("ends", "checkout-api", "3-04T10:00:00Z"),
        ("ends", "ledger-worker", "3-04T10:00:00Z"),
    ]


def test_datadog_incident_with_fields_ends_for_all_services():
    """An end by the template with fields ends the incident for every service that started."""
    stable = {"status": "stable", "date_ms": "1772618400000", "event_id": "4", "fields": {"services": []}}

    assert events_of("datadog", "incident-with-fields", ("incident-with-fields", stable)) == [
        ("starts", "checkout-api", "3-04T09:20:00Z"),
        ("starts", "ledger-worker", "3-04T09:20:00Z"),
        ("ends", "checkout-api", "3-04T10:00:00Z"),
        ("ends", "ledger-worker", "3-04T10:00:00Z"),
    ]


SQUADCAST_START = ("starts", "checkout-api", "3-04T09:13:24.301Z")


def test_squadcast_v2_from_trigger_to_resolve_gives_two_events():
    """Acknowledging, reassigning, tags and notes send nothing, though their status says triggered."""
    assert events_of(
        "squadcast",
        "v2.incident.triggered",
        "v2.incident.acknowledged",
        "v2.incident.tags_updated",
        "v2.incident.incident_notes_created",
        "v2.incident.reassigned",
        "v2.incident.resolved",
        "v2.incident.resolved.compact",
    ) == [SQUADCAST_START, ("ends", "checkout-api", "3-04T10:03:09.477120Z")]


def test_squadcast_v1_ends_at_its_timeline():
    """A v1 incident ends at the last resolved entry of its timeline."""
    assert events_of(
        "squadcast", "v1.incident_triggered", "v1.incident_acknowledged", "v1.incident_resolved"
    ) == [SQUADCAST_START, ("ends", "checkout-api", "3-04T10:03:09.412Z")]


def test_squadcast_both_versions_at_once_count_once():
    """A webhook of each version for one incident gives one start and one end."""
    assert events_of(
        "squadcast",
        "v1.incident_triggered",
        "v2.incident.triggered",
        "v2.incident.resolved",
        "v1.incident_resolved",
    ) == [SQUADCAST_START, ("ends", "checkout-api", "3-04T10:03:09.477120Z")]


def test_squadcast_end_before_start_gives_both_in_order():
    """An end whose start was not seen gives both events, since v2 has created_at."""
    assert events_of("squadcast", "v2.incident.resolved", "v2.incident.triggered") == [
        SQUADCAST_START,
        ("ends", "checkout-api", "3-04T10:03:09.477120Z"),
    ]


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
    ("ends", "checkout-api", "3-04T10:01:00Z"),
    ("starts", "checkout-api", "3-04T10:06:00Z"),
    ("ends", "checkout-api", "3-04T10:07:00Z"),
]


def test_squadcast_v2_trigger_after_an_end_is_a_second_occurrence():
    """A trigger of an incident that was resolved starts it again, though its created_at is the first one."""
    assert (
        events_of(
            "squadcast",
            "v2.incident.triggered",
            reopened("v2.incident.resolved", 1, "resolved"),
            reopened("v2.incident.triggered", 6, "triggered"),
            reopened("v2.incident.resolved", 7, "resolved"),
        )
        == SQUADCAST_AGAIN
    )


def test_squadcast_v2_sent_by_hand_after_an_end_is_no_reopening():
    """A webhook that a person sends for a resolved incident starts nothing."""
    _, body = reopened("v2.incident.triggered", 6, "triggered")
    body["data"]["resource_data"]["status"] = "resolved"  # type: ignore[index]
    assert (
        events_of(
            "squadcast",
            "v2.incident.triggered",
            reopened("v2.incident.resolved", 1, "resolved"),
            ("v2.incident.triggered", body),
        )
        == SQUADCAST_AGAIN[:2]
    )


def test_squadcast_v1_reopening_is_in_the_timeline():
    """A v1 incident whose timeline has a start after an end begins again then."""
    first = [{"action": "triggered", "time": at(-60)}, {"action": "resolved", "time": at(1)}]
    again = [*first, {"action": "reopened", "time": at(6)}]
    over = [*again, {"action": "resolved", "time": at(7)}]
    assert (
        events_of(
            "squadcast",
            "v1.incident_triggered",
            ("v1.incident_resolved", {"timeline": first}),
            ("v1.incident_triggered", {"timeline": again}),
            reopened("v2.incident.triggered", 6, "triggered"),
            ("v1.incident_resolved", {"timeline": over}),
            reopened("v2.incident.resolved", 7, "resolved"),
        )
        == SQUADCAST_AGAIN
    )
    assert events_of("squadcast", ("v1.incident_resolved", {"timeline": over})) == SQUADCAST_AGAIN[2:], (
        "a lost start is sent with its end"
    )


def test_datadog_incident_that_moves_to_another_webhook_ends_everywhere():
    """With a webhook for each service, the end of the incident ends it at the service that it left, too."""
    ledger = {"service": "ledger-worker"}
    events = events_of(
        "datadog", "incident-active", ("incident-active", ledger), ("incident-resolved", ledger)
    )

    assert [event[:2] for event in events] == [
        ("starts", "checkout-api"),
        ("starts", "ledger-worker"),
        ("ends", "checkout-api"),
        ("ends", "ledger-worker"),
    ]
