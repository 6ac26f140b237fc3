"""The timeline of an incident, and one delivery, as lines; from the relay's `operations`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitdailies_core.reasons import UNMAPPED

# The proof of what a person did: `gitdailies_relay.accepting.interpret.BY_HAND`.
_BY_HAND = "by hand"
_DEAD_LETTER = "dead_letter"
_REQUEUE = "put right what the reason names, then `gitdailies relay requeue`"
_MAP = (
    "add its line under services, as `gitdailies relay unmapped` prints it, and reload; "
    "then `gitdailies relay replay --unmapped`"
)


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
            more = event["reason"] or _hold(event) or due
            yield f"{event['id']}: {event['state']}{f', {more}' if more else ''}"
            if event["state"] == _DEAD_LETTER:
                yield f"  what to do: {_REQUEUE}"


def _hold(event: dict[str, Any]) -> str:
    """Say what a held event waits for; "" for any other."""
    if event["state"] != "held":
        return ""
    if event["heldFor"] == "push":
        return f"waits for its push until {event['dueAt']}"
    return f"sent at {event['dueAt']} if the incident is still open"


def _delivery(delivery: dict[str, Any], events: dict[str, Any]) -> Iterator[str]:
    proof = f", proven by {delivery['proof']}" if delivery["proof"] else ""
    word = delivery["word"] or "a body"
    if delivery["proof"] == _BY_HAND:
        said, proof = word, ""
    else:
        said = f"{delivery['source']} sent {word}"
    yield f"{said} (delivery {delivery['delivery']}{proof}): {delivery['outcome']}"
    if delivery["reason"]:
        yield f"  because {delivery['reason'].removeprefix(delivery['outcome'] + ': ')}"
    if delivery["outcome"] == UNMAPPED:
        yield f"  what to do: {_MAP}"
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


def delivery_lines(found: dict[str, Any]) -> Iterator[str]:
    """Show a delivery: the decision, the body, the events with each attempt and answer, what people did."""
    yield f"delivery {found['delivery']}"
    for message in found["messages"]:
        about = {"events": []} | message
        for text in _delivery(about, {}):
            yield f"{message['receivedAt']}  {text}" if not text.startswith(" ") else text
    stored = found["stored"]
    if stored is None:
        yield "its body is not stored: it was counted, or its time is over"
    else:
        yield f"{stored['state']}, {stored['code']}: {stored['reason']}"
        yield from (f"  {name}: {value}" for name, value in sorted(stored["headers"].items()))
        yield ""
        yield from stored.get("body", "").splitlines()
        if "bodyBase64" in stored:
            yield f"not UTF-8, in base64: {stored['bodyBase64']}"
        yield ""
    for event in found["events"]:
        why = event["reason"] or _hold(event)
        reason = f", {why}" if why else ""
        yield f"{_event(event).strip()}: {event['state']}{reason}"
        for attempt in event["attempts"]:
            yield f"  {attempt['at']}  {_attempt(event, attempt)}"
            if attempt["answer"]:
                yield f"    answer: {attempt['answer']}"
    for action in found["actions"]:
        reason = f": {action['reason']}" if action["reason"] else ""
        yield f"{action['at']}  {action['action']} by {action['person']}, {action['subject']}{reason}"
