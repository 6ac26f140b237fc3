"""The state of a relay in numbers, and what is paused: for the command, the pages and the gauges."""

from collections.abc import Iterable
from datetime import datetime

from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_connection.relay import answers
from gitdailies_core.reasons import RENAMED
from gitdailies_core.values.renames import NO_RENAMES, Renames
from gitdailies_server.storage.database import Session, Size
from gitdailies_server.storage.timestamps import from_us, now_us
from msgspec.structs import replace

from gitdailies_relay.accepting.field_drift import OF_A_START, is_missing
from gitdailies_relay.accepting.source_days import SourceDay
from gitdailies_relay.operations.attention import alerts, health_of
from gitdailies_relay.store.source_fields import seen as fields_seen
from gitdailies_relay.store.store import DESTINATION

# How many messages had each outcome. A replay counts apart, however often it is repeated.
_OUTCOMES = (
    "SELECT source, outcome, is_replay, CAST(sum(messages) AS BIGINT) FROM outcome_counts"
    " GROUP BY source, outcome, is_replay ORDER BY 1, 2"
)
# When the first delivery of a source came that caused an event.
_FIRST_STORED = "SELECT min(received_at) FROM deliveries WHERE source = ? AND outcome = 'stored'"
# How many quarantined deliveries wait for a replay.
_QUARANTINED = "SELECT code, count(*) FROM quarantine WHERE replayed_at IS NULL GROUP BY code ORDER BY 1"
# What deliveries say about new names of repositories that gitdailies.yml does not know.
_RENAMED = "SELECT DISTINCT reason FROM quarantine WHERE replayed_at IS NULL AND code = ? ORDER BY 1 LIMIT 20"
# One row: how many events are in the outbox, how many of them are dead letters, how many are held, and how
# many of those are deploys that wait for their pushes; when the oldest waiting event was stored; how many
# occurrences are open, and when the oldest one started (µs). An index answers each.
_COUNTS = (
    "SELECT (SELECT count(*) FROM outbox),"
    " (SELECT count(*) FROM outbox WHERE dead_letter IS NOT NULL),"
    " (SELECT count(*) FROM outbox WHERE held_until IS NOT NULL),"
    " (SELECT count(*) FROM waiting_deploys),"
    " (SELECT stored_at FROM events WHERE seq ="
    " (SELECT min(seq) FROM outbox WHERE dead_letter IS NULL AND held_until IS NULL)),"
    " (SELECT count(*) FROM occurrences WHERE state IN ('open', 'merged')),"
    " (SELECT min(started_at) FROM occurrences WHERE state IN ('open', 'merged'))"
)
# How many of the waiting events were tried, and how many of those were refused.
_TRIED = (
    "SELECT count(*), count(*) FILTER (WHERE refusals > 0) FROM outbox"
    " WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0"
)
_PAUSED = "SELECT name, paused, reason, since FROM destinations WHERE paused != '' ORDER BY name"
# What the receiver was by its last sure answer.
_RECEIVER = "SELECT kind, since FROM receivers WHERE destination = ? AND kind != ''"
# The last attempt of any event.
_LAST_ATTEMPT = (
    "SELECT at, status, verdict, reason, answer FROM attempts WHERE seq = (SELECT max(seq) FROM attempts)"
)
# A row for each day of the sources, in order. Each has buckets.
_DAYS = (
    "SELECT source, day, CAST(sum(deliveries) AS BIGINT), min(first_at), max(last_at), max(longest_gap)"
    " FROM source_days GROUP BY source, day ORDER BY source, day"
)


def store_location(setting: StoreSetting) -> str:
    """Name a store the same way wherever its configuration was read."""
    return str(setting) if setting.path is None else f"{setting.kind}:{setting.path.resolve()}"


def status(
    session: Session,
    sources: Iterable[str],
    size: Size,
    server: answers.ServerState | None,
    renames: Renames = NO_RENAMES,
) -> answers.RelayStatus:
    """Return the state of a relay with these *sources* and *renames*, and what needs a person.

    *size* is that of its database, and *server* what its process says about itself, None if none runs. Narrow
    tables and indexes answer it, since the gauges show it, too.
    """
    every, dead_letters, held, *more = session.execute(_COUNTS).fetchone()
    waiting_for_push, oldest, open_count, oldest_open = more
    retrying, refused = session.execute(_TRIED).fetchone()
    last = session.execute(_LAST_ATTEMPT).fetchone()
    receiver = session.execute(_RECEIVER, (DESTINATION,)).fetchone()
    deliveries: dict[str, dict[str, int]] = {}
    replays: dict[str, dict[str, int]] = {}
    for source, outcome, is_replay, count in session.execute(_OUTCOMES):
        (replays if is_replay else deliveries).setdefault(source, {})[outcome] = count
    now = now_us()
    found = answers.RelayStatus(
        paused=paused(session),
        waiting=every - dead_letters - held,
        held=held,
        waiting_for_push=waiting_for_push,
        retrying=retrying,
        refused=refused,
        dead_letters=dead_letters,
        oldest_waiting_since=from_us(oldest),
        open_incidents=open_count,
        oldest_open_incident_since=from_us(oldest_open),
        last_attempt=answers.SendingAttempt(from_us(last[0]), *last[1:]) if last else None,
        receiver=answers.KnownKind(receiver[0], from_us(receiver[1])) if receiver else None,
        quarantined=dict(session.execute(_QUARANTINED).fetchall()),
        sources=read_health(session, sources, now),
        deliveries=deliveries,
        replays=replays,
        bytes=size.bytes,
        free_bytes=size.free_bytes,
        server=server,
        renamed=new_names(session, renames),
    )
    return replace(found, alerts=tuple(alerts(found, from_us(now))))


def new_names(session: Session, renames: Renames) -> tuple[str, ...]:
    """Return what deliveries say about new names of repositories that *renames* lack, and the line."""
    told = [reason for (reason,) in session.execute(_RENAMED, (RENAMED,)).fetchall()]
    names = [(text, *text.partition(" now;")[0].split(" is called ")) for text in told]
    return tuple(text for text, former, name in names if renames.key(former) != renames.key(name))


def read_health(session: Session, sources: Iterable[str], now: int) -> dict[str, answers.SourceHealth]:
    """Return the health of *sources* at *now* (µs), in their order."""
    days, fields = read_days(session), fields_seen(session)
    gone = ((source, field) for (source, field, _), seen in fields.items() if is_missing(seen))
    missing = dict.fromkeys((source, field.removesuffix(OF_A_START)) for source, field in gone)
    return {
        source: health_of(days.get(source, ()), now, [field for of, field in missing if of == source])
        for source in sources
    }


def read_days(session: Session) -> dict[str, list[SourceDay]]:
    """Return the days of each source, in order."""
    days: dict[str, list[SourceDay]] = {}
    for row in session.execute(_DAYS):
        days.setdefault(row[0], []).append(SourceDay(*row))
    return days


def first_delivery(session: Session, source: str) -> datetime | None:
    """Return when the oldest known delivery of *source* came that caused an event, or None."""
    (oldest,) = session.execute(_FIRST_STORED, (source,)).fetchone()
    return None if oldest is None else from_us(oldest)


def paused(session: Session) -> tuple[answers.PausedDelivery, ...]:
    """Return the pauses."""
    return tuple(
        answers.PausedDelivery(name, name.partition("/")[2] or None, by, reason, from_us(since))
        for name, by, reason, since in session.execute(_PAUSED).fetchall()
    )
