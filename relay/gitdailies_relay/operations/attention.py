"""What needs a person now: alerts from a relay's status, for the command and for pages. Pure.

A vendor that gets wrong answers switches a subscription off without a word. All that is left
to see is silence. What is usual is the longest silence of the four weeks before the last delivery.

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
| field_missing     | a field that decides what counts came always, and comes no more   |
| incident_open     | an incident is open for two weeks                                 |
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime

from gitdailies_connection.relay.answers import RelayAlert, RelayStatus, SourceHealth
from gitdailies_core.reasons import RENAMED
from gitdailies_core.reasons import UNMAPPED as UNMAPPED_CODE
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.accepting.source_days import DAY_US, SourceDay
from gitdailies_relay.operations.outcomes import DEAD_LETTER, QUARANTINED, UNMAPPED, WAITING, counted

LATE_SECONDS = 1800
OPEN_SECONDS = 14 * 86400
# Each holds a weekend, so that a quiet one is usual. Before there are as many deliveries, nothing is.
USUAL_DAYS = 28
LEAST_DAYS = 7
LEAST_DELIVERIES = 10
# A silence is long at this multiple of the usual one, and at least an hour.
TIMES_USUAL = 2
LEAST_SILENCE_US = 3_600_000_000


def health_of(days: Sequence[SourceDay], now: int, missing: Sequence[str] = ()) -> SourceHealth:
    """Return the health of a source at *now* (µs) from its *days*, in order, and its *missing* fields."""
    if not days:
        return SourceHealth()
    last = days[-1].last_at
    recent = [day for day in days if day.day > days[-1].day - USUAL_DAYS]
    between = (later.first_at - earlier.last_at for earlier, later in itertools.pairwise(recent))
    usual = max(*(day.longest_gap for day in recent), *between, 0)
    deliveries = sum(day.deliveries for day in recent)
    if deliveries < LEAST_DELIVERIES or last - recent[0].first_at < LEAST_DAYS * DAY_US:
        return SourceHealth(from_us(last), missing=tuple(missing))
    silent = now - last > max(TIMES_USUAL * usual, LEAST_SILENCE_US)
    return SourceHealth(from_us(last), usual // 1_000_000, silent, tuple(missing))


def alerts(status: RelayStatus, now: datetime) -> Iterator[RelayAlert]:
    """Yield the alerts of a relay's status *now*."""
    server = status.server
    if server is not None and server.store_fault:
        yield RelayAlert("store_failing", f"The store cannot be written: {server.store_fault}.")
    if server is not None and server.reload_failed:
        yield RelayAlert("reload_failed", "gitdailies.yml has errors. The previous one is used.")
    for pause in status.paused:
        what = f"Delivery from {pause.source}" if pause.source else "Delivery"
        yield RelayAlert("paused", f"{what} is paused: {pause.reason}.", WAITING, pause.source)
    is_paused = any(pause.source is None for pause in status.paused)
    if server is not None and server.circuit == "open" and not is_paused:
        reason = f": {server.circuit_reason}" if server.circuit_reason else ""
        yield RelayAlert("receiver_failing", f"The receiver fails{reason}.", WAITING)
    if status.refused:
        were = counted(status.refused, "event was", "events were")
        yield RelayAlert("refused", f"{were} refused so far and will be retried.", WAITING)
    if not status.paused and _age(status.oldest_waiting_since, now) > LATE_SECONDS:
        yield RelayAlert("late", "An event has waited for more than half an hour.", WAITING)
    if status.dead_letters:
        wait = counted(status.dead_letters, "dead letter waits", "dead letters wait")
        yield RelayAlert("dead_letters", f"{wait} for a decision.", DEAD_LETTER)
    yield from _quarantined(status)
    for name, source in status.sources.items():
        if source.silent:
            yield RelayAlert("source_silent", f"{name} is silent for longer than usual.", source=name)
        if source.missing:
            gone = " and no ".join(source.missing)
            yield RelayAlert("field_missing", f"{name} sends no {gone} any more.", source=name)
    if _age(status.oldest_open_incident_since, now) > OPEN_SECONDS:
        yield RelayAlert("incident_open", "An incident has been open for more than two weeks.")


def _quarantined(status: RelayStatus) -> Iterator[RelayAlert]:
    """Yield what waits in quarantine: each new name of a repository, then how many of each other code."""
    for reason in status.renamed:
        yield RelayAlert("quarantined", f"{reason}.", QUARANTINED)
    for code, count in status.quarantined.items():
        if code == RENAMED:
            continue
        waits = counted(count, "delivery waits", "deliveries wait")
        outcome = UNMAPPED if code == UNMAPPED_CODE else QUARANTINED
        why = outcome if code == outcome else f"{outcome}, {code.replace('_', ' ')}"
        yield RelayAlert("quarantined", f"{waits} for a decision: {why}.", outcome)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
