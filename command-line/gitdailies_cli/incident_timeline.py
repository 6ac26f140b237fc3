"""The story of an incident as lines in the order of time, from what the relay's `operations.reports`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitdailies_cli.relay_status import WORDS


def lines(told: dict[str, Any], held: str = "") -> Iterator[str]:
    """Tell each delivery with its decision, each event with its attempts, then how it stands.

    *held* is what keeps every event from going out, for which one waits rather than for its time.
    """
    yield "no incident was read" if told["incident"] is None else f"incident {told['incident']}"
    written = {event["id"]: event for event in told["events"]}
    moments = [(d["receivedAt"], 0, list(_delivery(d, written))) for d in told["deliveries"]]
    moments += [
        (attempt["at"], 1, [_attempt(event, attempt)])
        for event in told["events"]
        for attempt in event["attempts"]
    ]
    shown = {id_ for delivery in told["deliveries"] for id_ in delivery["events"]}
    moments += [
        (event["storedAt"], 0, [f"by delivery {event['delivery']}, of another incident:", _event(event)])
        for event in told["events"]
        if event["id"] not in shown
    ]
    for at, _, story in sorted(moments, key=lambda moment: moment[:2]):
        yield f"{at}  {story[0]}"
        yield from (f"{'':<{len(at)}}  {line}" for line in story[1:])
    for period in told["periods"]:
        yield _period(period)
    for event in told["events"]:
        if event["state"] != "delivered":
            due = (held or f"due at {event['dueAt']}") if event["state"] == "waiting" else ""
            more = event["reason"] or due
            state = WORDS.get(event["state"], event["state"])
            yield f"{event['id']}: {state}{f', {more}' if more else ''}"


def _delivery(delivery: dict[str, Any], written: dict[str, Any]) -> Iterator[str]:
    proof = f", proven by {delivery['proof']}" if delivery["proof"] else ""
    what = delivery["word"] or "a body"
    yield f"{delivery['source']} said {what} (delivery {delivery['delivery']}{proof}): {delivery['outcome']}"
    if delivery["reason"]:
        yield f"  because {delivery['reason']}"
    for id_ in delivery["events"]:
        if delivery["outcome"] == "repeated" or id_ not in written:
            yield f"  event {id_}"
        else:
            yield _event(written[id_])


def _event(event: dict[str, Any]) -> str:
    body = event["event"]
    where = " ".join(str(body[name]) for name in ("repo", "environment", "service") if name in body)
    return (
        f"  {body['kind']} at {body.get('time', 'the moment of the call')} for {where} (event {event['id']})"
    )


def _attempt(event: dict[str, Any], attempt: dict[str, Any]) -> str:
    status = f" {attempt['status']}" if attempt["status"] else ""
    verdict = WORDS.get(attempt["verdict"], attempt["verdict"])
    reason = f": {attempt['reason']}" if attempt["reason"] else ""
    return f"sent {event['event']['kind']} (event {event['id']}):{status} {verdict}{reason}"


def _period(period: dict[str, Any]) -> str:
    where = " ".join(period[name] for name in ("repo", "environment", "service") if period[name])
    times = f"from {period['startedAt'] or 'an unknown start'}"
    times += f" to {period['endedAt']}" if period["endedAt"] else ""
    merged = f", merged into {period['mergedInto']}" if period["mergedInto"] else ""
    return f"period {period['period']} {where or 'without a target'}: {period['state']} {times}{merged}"
