"""What a relay needs a person for now: alerts out of its status, for the command and for pages. Pure.

The limits are those of deployment/alerts.yml. An alert about deliveries has the filters of the list that
select them.

| code              | when                                                              |
| ----------------- | ----------------------------------------------------------------- |
| store_failing     | the store cannot be written                                       |
| reload_failed     | gitdailies.yml has errors, and the previous one is used           |
| paused            | all events wait, or those of a source                             |
| receiver_failing  | the circuit breaker is open                                       |
| refused           | the next event of an incident or a place was refused, and waits   |
| late              | the oldest event waits for half an hour, and nothing is paused    |
| dead_letters      | the receiver refused events, or they were given up                |
| quarantined       | deliveries could not be read, or no line names their service      |
| source_silent     | a source is silent for longer than usual                          |
| incident_open     | an incident is open for two weeks                                 |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from gitdailies_core.reasons import UNMAPPED as UNMAPPED_CODE
from gitdailies_core.values.times import parse

# The words of api/outcomes.py, which imports this folder. A test compares them.
DEAD_LETTER, QUARANTINED, UNMAPPED, WAITING = "dead_letter", "quarantined", "unmapped", "waiting"
LATE_SECONDS = 1800
OPEN_SECONDS = 14 * 86400


class Alert(NamedTuple):
    """A reason to look at the relay: a code, a sentence, and the deliveries that it is about.

    `outcome` and `source` are filters of the list of deliveries, None where they do not narrow it down. An
    alert with neither is not about deliveries.
    """

    code: str
    text: str
    outcome: str | None = None
    source: str | None = None


def with_alerts(status: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Return a status with what the server says of itself (None without one), and with its alerts."""
    found = [alert._asdict() for alert in _alerts(status, server or {}, now)]
    return {**status, "server": server, "alerts": found}


def _alerts(status: Mapping[str, Any], server: Mapping[str, Any], now: datetime) -> Iterator[Alert]:
    if fault := server.get("storeFault"):
        yield Alert("store_failing", f"The store cannot be written: {fault}.")
    if server.get("reloadFailed"):
        yield Alert("reload_failed", "gitdailies.yml has errors. The previous one is used.")
    for pause in status["paused"]:
        what = f"Delivery from {pause['source']}" if pause["source"] else "Delivery"
        yield Alert("paused", f"{what} is paused: {pause['reason']}.", WAITING, pause["source"])
    is_paused = any(pause["source"] is None for pause in status["paused"])
    if server.get("circuit") == "open" and not is_paused:
        reason = server.get("circuitReason")
        yield Alert("receiver_failing", f"The receiver fails{f': {reason}' if reason else ''}.", WAITING)
    if count := status["refused"]:
        were = _counted(count, "event was", "events were")
        yield Alert("refused", f"{were} refused so far and will be retried.", WAITING)
    if not status["paused"] and _age(status["oldestWaitingSince"], now) > LATE_SECONDS:
        yield Alert("late", "An event has waited for more than half an hour.", WAITING)
    if count := status["deadLetters"]:
        wait = _counted(count, "dead letter waits", "dead letters wait")
        yield Alert("dead_letters", f"{wait} for a decision.", DEAD_LETTER)
    for code, count in status["quarantined"].items():
        waits = _counted(count, "delivery waits", "deliveries wait")
        outcome = UNMAPPED if code == UNMAPPED_CODE else QUARANTINED
        why = outcome if code == outcome else f"{outcome}, {code.replace('_', ' ')}"
        yield Alert("quarantined", f"{waits} for a decision: {why}.", outcome)
    for name, source in status["sources"].items():
        if source["silent"]:
            yield Alert("source_silent", f"{name} is silent for longer than usual.", source=name)
    if _age(status["oldestOpenIncidentSince"], now) > OPEN_SECONDS:
        yield Alert("incident_open", "An incident has been open for more than two weeks.")


def _age(since: str | None, now: datetime) -> float:
    return 0.0 if since is None else (now - parse(since, "since")).total_seconds()


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
