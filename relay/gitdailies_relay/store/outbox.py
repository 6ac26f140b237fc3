"""The outbox: which events may be sent now, and what follows from an attempt. SQL, no decisions.

The events of a partition (one incident) are sent in order. Only the next one, the first that is neither
delivered nor held, may be sent. When it is delivered or becomes a dead letter, its successor is next.
Servers that share a database lease an event before they send it. If a server ends, its leases run
out, and another server sends the events.

A held start has a time in `held_until`. Until a transaction of the relay clears that, nothing sends it. So a
start is either still held and may be discarded, or it may be on its way already. Other events of its incident
pass it: an end either lets its own start go or discards it.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from gitdailies_server.storage.database import Session

from gitdailies_relay.accepting.store_port import HeldRow

# An event whose row is there, and whose source is not paused by itself. Destinations are looked up by key:
# a pass over them, which PostgreSQL has to avoid, would make it read all events that wait, each time.
_IS_SENDABLE = (
    "EXISTS (SELECT 1 FROM events e WHERE e.seq = outbox.seq AND NOT EXISTS (SELECT 1 FROM destinations d"
    " WHERE d.name = e.destination || '/' || e.source AND d.paused <> ''))"
)
# The events that may be sent, in an order. `{which}` chooses tried or untried ones.
# Bodies are read as bytes, so that one with a damaged byte is not sent. Text in place of a number, which only
# damage writes, is read as a number.
# The inner query follows the index of due events. Otherwise PostgreSQL would read and sort all that wait.
_READY = (
    "SELECT o.seq, e.id, e.stored_at, {body}, CAST(o.attempts AS INTEGER), o.first_attempt_at, o.partition,"
    " o.refusals, o.refused_at, e.delivery FROM ("
    "SELECT * FROM outbox WHERE is_next = 1 AND dead_letter IS NULL AND due_at <= ?{which}"
    " AND held_until IS NULL"
    " AND (leased_until IS NULL OR leased_until < ?)"
    f" AND {_IS_SENDABLE} ORDER BY due_at{{order}} LIMIT ?) AS o"
    " JOIN events e ON e.seq = o.seq ORDER BY o.due_at{order}, o.seq{order}"
)
_WHICH = {None: "", True: " AND attempts > 0", False: " AND attempts = 0"}
# The time of the database (PostgreSQL only), µs. `now()` would be that of a transaction's start.
CLOCK = "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"
_READ_CLOCK = f"SELECT {CLOCK}"
# Lease events. Those that another server is leasing at this moment are skipped, so that no one waits.
_LEASE = (
    f"UPDATE outbox SET leased_until = {CLOCK} + ? WHERE seq IN (SELECT seq FROM outbox WHERE seq = ANY(?)"
    f" AND is_next = 1 AND dead_letter IS NULL AND (leased_until IS NULL OR leased_until < {CLOCK})"
    " FOR UPDATE SKIP LOCKED) RETURNING seq"
)
# End a lease.
_RELEASE = "UPDATE outbox SET leased_until = NULL WHERE seq = ?"
# Note an attempt.
_ADD_ATTEMPT = "INSERT INTO attempts (event_seq, at, status, verdict, reason, answer) VALUES (?,?,?,?,?,?)"
# Forget all but the last attempts of an event. A week of them would be two thousand.
MOST_ATTEMPTS = 50
_FORGET_ATTEMPTS = (
    "DELETE FROM attempts WHERE event_seq = ? AND seq < (SELECT min(seq) FROM"
    f" (SELECT seq FROM attempts WHERE event_seq = ? ORDER BY seq DESC LIMIT {MOST_ATTEMPTS}) AS last)"
)
# Remove a delivered event.
_REMOVE = "DELETE FROM outbox WHERE seq = ?"
# Make an event a dead letter, with the reason.
_DEAD_LETTER = (
    "UPDATE outbox SET dead_letter = ?, is_next = 0, attempts = attempts + 1, leased_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
# Send an event again later.
_RETRY = (
    "UPDATE outbox SET due_at = ?, attempts = attempts + 1, leased_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
# Send a refused event again later, and count the refusal.
_REFUSED = (
    "UPDATE outbox SET due_at = ?, attempts = attempts + 1, leased_until = NULL, refusals = refusals + 1,"
    " refused_at = coalesce(refused_at, ?), first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
# Let an event wait for the end of a pause, behind those that have waited as long. No attempt is counted.
_PAUSED = "UPDATE outbox SET due_at = ?, leased_until = NULL WHERE seq = ?"
_PARTITION_OF = "(SELECT destination || '/' || source || '/' || incident FROM events WHERE seq = ?)"
# Make the first event of the partition the next one. One that is held holds up no other.
_PROMOTE = (
    "UPDATE outbox SET is_next = 1 WHERE seq ="
    f" (SELECT min(seq) FROM outbox WHERE partition = {_PARTITION_OF} AND dead_letter IS NULL"
    " AND held_until IS NULL)"
)
# Make no event of the partition the next one.
# `is_next + 0` keeps SQLite from looking it up among the next events of all partitions.
_DEMOTE = (
    f"UPDATE outbox SET is_next = 0 WHERE partition = {_PARTITION_OF}"
    " AND dead_letter IS NULL AND is_next + 0 = 1"
)
# Make everything that waits for its time due, except held starts. 0 is in the past on every clock.
_MAKE_DUE = (
    "UPDATE outbox SET due_at = 0 WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0",
    "UPDATE outbox SET due_at = 0 WHERE dead_letter IS NULL AND due_at > ? AND held_until IS NULL",
)
# The events that failed, each with its partition and what it waits for.
_TRIED = (
    "SELECT due_at, attempts, seq, partition FROM outbox"
    " WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0 AND refusals = 0"
)
# Reset the attempts of failed events. Their age stays.
_FORGIVE = (
    "UPDATE outbox SET due_at = 0, attempts = 0"
    " WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0 AND refusals = 0"
)
_RESTORE = "UPDATE outbox SET due_at = ?, attempts = ? WHERE seq = ?"
# Make a dead letter an ordinary event again, as if it had never been tried.
_REQUEUE = (
    "UPDATE outbox SET dead_letter = NULL, attempts = 0, first_attempt_at = NULL, refusals = 0,"
    " refused_at = NULL, due_at = ? WHERE seq = ? AND dead_letter IS NOT NULL"
)
# Put an event that was delivered back into the outbox. Its own number is its place in the partition.
_SEND_AGAIN = (
    "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)"
    " SELECT seq, destination, destination || '/' || source || '/' || incident, 0, ?, 0 FROM events"
    " WHERE seq = ? ON CONFLICT DO NOTHING"
)
# Write an event, which waits in the outbox, under a new number.
_EVENT = "SELECT id, destination, source, incident, delivery, stored_at, body FROM events WHERE seq = ?"
_DELETE_EVENT = "DELETE FROM events WHERE seq = ?"
_ADD_EVENT = (
    "INSERT INTO events (id, destination, source, incident, delivery, stored_at, body) VALUES (?,?,?,?,?,?,?)"
)
_SEQ_OF = "SELECT seq FROM events WHERE incident = ? AND id = ? AND destination = ?"
# A deploy does not wait for its push any longer.
FORGET_WAITING = "DELETE FROM waiting_deploys WHERE event_seq = ?"
# Discard an event, with the reason.
_DISCARD = "UPDATE events SET discarded = ? WHERE seq = ?"

# The held starts of an incident. `{lock}` keeps them from being sent, or discarded, by another server.
_HELD_STARTS = (
    "SELECT e.id FROM events e JOIN outbox o ON o.seq = e.seq"
    " WHERE e.incident = ? AND e.destination = ? AND o.held_until IS NOT NULL{lock}"
)
_FOR_UPDATE = " FOR UPDATE OF o"
_HOLD = "UPDATE outbox SET held_until = {until}, due_at = {until}, is_next = 0 WHERE attempts = 0 AND seq = ?"
_SEQ_OF_HELD = (
    "SELECT o.seq FROM events e JOIN outbox o ON o.seq = e.seq"
    " WHERE e.incident = ? AND e.id = ? AND e.destination = ? AND o.held_until IS NOT NULL"
)
_END_HOLD = "UPDATE outbox SET held_until = NULL, due_at = ? WHERE seq = ?"
# The starts for which the time is over. A deploy that waits for its push goes in another way.
_DUE_HOLDS = (
    "SELECT seq FROM outbox WHERE held_until IS NOT NULL AND held_until <= ?"
    " AND seq NOT IN (SELECT event_seq FROM waiting_deploys)"
)

# What an attempt came to, as the store and JSON have it.
VERDICTS = DELIVERED, RETRY, REFUSED, PAUSED, DEAD_LETTER = (
    "delivered",
    "retry",
    "refused",
    "paused",
    "dead_letter",
)


@dataclass(frozen=True)
class ReadyEvent:
    """An event that may be sent now. Times are microseconds since 1970."""

    seq: int
    id: str
    stored_at: int
    body: bytes
    attempts: int  # those before this one
    first_attempt_at: int | None
    partition: str = ""  # events of one are sent in order
    refusals: int = 0
    refused_at: int | None = None  # the first refusal
    delivery: str = ""  # the id of the delivery that it came with


@dataclass(frozen=True)
class Attempt:
    """The result of one attempt at `at` (µs); `verdict` is one of VERDICTS.

    `due_at` is when to send the event again, after RETRY and REFUSED. `answer` is the beginning of
    the receiver's answer.
    """

    seq: int
    at: int
    status: int | None
    verdict: str
    reason: str = ""
    due_at: int = 0
    answer: str = ""


def ready(
    session: Session,
    as_bytes: str,
    until: int,
    now: int,
    most: int,
    *,
    tried: bool | None = None,
    newest: bool = False,
) -> list[ReadyEvent]:
    """Return at most *most* events that are due by *until* and not leased, longest waiting first.

    *tried* chooses those with an attempt, or those without; *newest* turns the order around.
    *as_bytes* is how the database reads a text as bytes.
    """
    statement = _READY.format(
        body=as_bytes.format("e.body"), which=_WHICH[tried], order=" DESC" if newest else ""
    )
    return [ReadyEvent(*row) for row in session.execute(statement, (until, now, most))]


def read_clock(session: Session) -> int:
    """Return the database's time in µs (PostgreSQL only)."""
    (now,) = session.execute(_READ_CLOCK).fetchone()
    return int(now)


def lease(session: Session, seqs: Sequence[int], microseconds: int) -> frozenset[int]:
    """Lease events by the database's clock; return those that no other server has (PostgreSQL only)."""
    return frozenset(seq for (seq,) in session.execute(_LEASE, (microseconds, list(seqs))))


def release(session: Session, seqs: Sequence[int]) -> None:
    """End the leases of events."""
    session.executemany(_RELEASE, [(seq,) for seq in seqs])


def record(session: Session, attempts: Sequence[Attempt]) -> None:
    """Write attempts, and what follows for their events: removal, a retry, a dead letter, or nothing."""
    session.executemany(
        _ADD_ATTEMPT, [(a.seq, a.at, a.status, a.verdict, a.reason, a.answer) for a in attempts]
    )
    by_verdict: dict[str, list[Attempt]] = {verdict: [] for verdict in VERDICTS}
    for attempt in attempts:
        by_verdict[attempt.verdict].append(attempt)
    steps = (
        (_REMOVE, [(a.seq,) for a in by_verdict[DELIVERED]]),
        (_DEAD_LETTER, [(a.reason, a.at, a.seq) for a in by_verdict[DEAD_LETTER]]),
        (_RETRY, [(a.due_at, a.at, a.seq) for a in by_verdict[RETRY]]),
        (_REFUSED, [(a.due_at, a.at, a.at, a.seq) for a in by_verdict[REFUSED]]),
        (_PAUSED, [(a.at, a.seq) for a in by_verdict[PAUSED]]),
        (_PROMOTE, [(a.seq,) for verdict in (DELIVERED, DEAD_LETTER) for a in by_verdict[verdict]]),
        (_FORGET_ATTEMPTS, [(a.seq, a.seq) for v in (RETRY, REFUSED, PAUSED) for a in by_verdict[v]]),
    )
    for statement, rows in steps:
        session.executemany(statement, rows)


def make_due(session: Session, now: int) -> None:
    """Make every event due that waits for its time."""
    first, others = _MAKE_DUE
    session.execute(first)
    session.execute(others, (now,))


def forgive(session: Session, partitions: Container[str]) -> None:
    """Reset the attempts of failed events, except in *partitions*: the receiver was at fault.

    Events that were refused keep their refusals and go on waiting.
    """
    own = [row[:3] for row in session.execute(_TRIED).fetchall() if row[3] in partitions]
    # One statement for all, since most may be of an outage of days.
    session.execute(_FORGIVE)
    session.executemany(_RESTORE, own)


def choose_next(session: Session, seq: int) -> None:
    """Make the first event of an event's partition that is not held the next one."""
    session.execute(_DEMOTE, (seq,))
    session.execute(_PROMOTE, (seq,))


def put_last(session: Session, seq: int) -> None:
    """Hold an event no longer, and put it behind all others of its partition, under a new number."""
    event = session.execute(_EVENT, (seq,)).fetchone()
    session.execute(_REMOVE, (seq,))
    session.execute(_DELETE_EVENT, (seq,))
    session.execute(_ADD_EVENT, event)
    id_, destination, _, incident, *_ = event
    (new,) = session.execute(_SEQ_OF, (incident, id_, destination)).fetchone()
    send_again(session, new, 0)


def requeue(session: Session, seq: int, now: int) -> None:
    """Put a dead letter back into its place in its partition."""
    if session.execute(_REQUEUE, (now, seq)).rowcount:
        choose_next(session, seq)


def send_again(session: Session, seq: int, now: int) -> None:
    """Put a delivered event back into its place in the order of its partition, under its old id."""
    if session.execute(_SEND_AGAIN, (now, seq)).rowcount:
        choose_next(session, seq)


def discard(session: Session, seq: int, reason: str) -> None:
    """Take an event out of the outbox for good. What waits behind it in its partition is next."""
    session.execute(_DISCARD, (reason, seq))
    session.execute(_REMOVE, (seq,))
    session.execute(FORGET_WAITING, (seq,))
    choose_next(session, seq)


def held_starts(session: Session, incident: str, destination: str, *, is_local: bool) -> Sequence[str]:
    """Return the ids of the held starts of an incident. They stay held until the transaction ends."""
    statement = _HELD_STARTS.format(lock="" if is_local else _FOR_UPDATE)
    return [id_ for (id_,) in session.execute(statement, (incident, destination)).fetchall()]


def write_holds(
    session: Session,
    *,
    held: Sequence[HeldRow],
    discarded: Sequence[tuple[str, str, str, str]],
    released: Sequence[tuple[str, str, str, int]],
    is_local: bool,
) -> None:
    """Hold, discard and release starts, each given by incident, id and destination, in this order.

    A held one has the time from which it is held and how long (µs), a discarded one the reason, a
    released one the time now. Servers that share a database hold by the database's clock.
    """
    for incident, id_, destination, since, length in held:
        if is_local:
            until, times = "?", (since + length, since + length)
        else:
            until, times = f"{CLOCK} + ?", (length, length)
        for (seq,) in session.execute(_SEQ_OF, (incident, id_, destination)).fetchall():
            session.execute(_HOLD.format(until=until), (*times, seq))
            choose_next(session, seq)
    for *event, reason in discarded:
        for (seq,) in session.execute(_SEQ_OF_HELD, event).fetchall():
            discard(session, seq, reason)
    for *event, now in released:
        for (seq,) in session.execute(_SEQ_OF_HELD, event).fetchall():
            _end_hold(session, seq, now)


def end_due_holds(session: Session, now: int) -> None:
    """End every hold that is over at *now* (µs). Such a start is sent like any other event."""
    for (seq,) in session.execute(_DUE_HOLDS, (now,)).fetchall():
        _end_hold(session, seq, now)


def _end_hold(session: Session, seq: int, now: int) -> None:
    session.execute(_END_HOLD, (now, seq))
    choose_next(session, seq)
