"""The timeline of an incident as lines in the order of time, from the relay's `operations.reports`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lines(timeline: dict[str, Any], held_up_by: str = "") -> Iterator[str]:
    """Show each delivery with its decision, each event with its attempts, then the state of each.

    *held_up_by* is what holds up every event. A waiting event waits for that, and not for its time.
    """
    incident = timeline["incident"]
    yield "the delivery names no incident" if incident is None else f"incident {incident}"
    events = {event["id"]: event for event in timeline["events"]}
    entries = [(d["receivedAt"], 0, list(_delivery(d, events))) for d in timeline["deliveries"]]
    entries += [
        (attempt["at"], 1, [_attempt(event, attempt)])
        for event in timeline["events"]
        for attempt in event["attempts"]
    ]
    shown = {id_ for delivery in timeline["deliveries"] for id_ in delivery["events"]}
    entries += [
        (event["storedAt"], 0, [f"from delivery {event['delivery']} about another incident:", _event(event)])
        for event in timeline["events"]
        if event["id"] not in shown
    ]
    for at, _, texts in sorted(entries, key=lambda entry: entry[:2]):
        yield f"{at}  {texts[0]}"
        yield from (f"{'':<{len(at)}}  {text}" for text in texts[1:])
    for occurrence in timeline["occurrences"]:
        yield _occurrence(occurrence)
    for event in timeline["events"]:
        if event["state"] != "delivered":
            due = (held_up_by or f"due at {event['dueAt']}") if event["state"] == "waiting" else ""
            more = event["reason"] or due
            yield f"{event['id']}: {event['state']}{f', {more}' if more else ''}"


def _delivery(delivery: dict[str, Any], events: dict[str, Any]) -> Iterator[str]:
    proof = f", proven by {delivery['proof']}" if delivery["proof"] else ""
    word = delivery["word"] or "a body"
    yield f"{delivery['source']} sent {word} (delivery {delivery['delivery']}{proof}): {delivery['outcome']}"
    if delivery["reason"]:
        yield f"  because {delivery['reason']}"
    for id_ in delivery["events"]:
        if delivery["outcome"] == "repeated" or id_ not in events:
            yield f"  event {id_}"
        else:
            yield _event(events[id_])


def _event(event: dict[str, Any]) -> str:
    body = event["event"]
    where = " ".join(str(body[name]) for name in ("repo", "environment", "service") if name in body)
    return (
        f"  {body['kind']} at {body.get('time', 'the moment of the call')} for {where} (event {event['id']})"
    )


def _attempt(event: dict[str, Any], attempt: dict[str, Any]) -> str:
    status = f" {attempt['status']}" if attempt["status"] else ""
    reason = f": {attempt['reason']}" if attempt["reason"] else ""
    return f"sent {event['event']['kind']} (event {event['id']}):{status} {attempt['verdict']}{reason}"


def _occurrence(occurrence: dict[str, Any]) -> str:
    where = " ".join(occurrence[name] for name in ("repo", "environment", "service") if occurrence[name])
    times = f"from {occurrence['startedAt'] or 'an unknown start'}"
    times += f" to {occurrence['endedAt']}" if occurrence["endedAt"] else ""
    merged = f", merged into {occurrence['mergedInto']}" if occurrence["mergedInto"] else ""
    name = occurrence["occurrence"]
    return f"occurrence {name} {where or 'without a target'}: {occurrence['state']} {times}{merged}"
