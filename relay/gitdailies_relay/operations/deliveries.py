"""Deliveries as programs and people see them: a page of a list, all about one, and those that failed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gitdailies_connection.config.sections.services import ServiceLine, lines_of
from gitdailies_connection.relay import answers
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import FALLBACK, Routes
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.operations import reading, status
from gitdailies_relay.operations.incidents import open_incidents
from gitdailies_relay.operations.outcomes import (
    CLOSE,
    PASSED_ON,
    REPEATED,
    DeliveryFacts,
    DeliveryOutcome,
    outcome_of,
)

# How many deliveries are looked at for one page. One that searches bodies reads each of them.
MOST_LOOKED_AT = 5000
MOST_BODIES = 500
# The most deliveries that one action is about.
MOST_CHOSEN = 500
# For an action the oldest come first, and more are looked at: a repeated one begins with the oldest again.
MOST_LOOKED_AT_FOR_ACTION, MOST_BODIES_FOR_ACTION = 20_000, 5000
USUALLY_LISTED = 50
# Larger than every id, and smaller.
_AFTER_ALL, _BEFORE_ALL = "zzzzzzzz", ""
# The dead letters behind a number, in order.
_DEAD_LETTERS = (
    "SELECT o.seq, e.id, e.source, e.incident, e.stored_at, o.attempts, o.dead_letter"
    " FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter IS NOT NULL AND o.seq > ?"
    " ORDER BY o.seq LIMIT ?"
)
# The quarantined deliveries behind a number that wait for a replay.
_QUARANTINED = (
    "SELECT seq, delivery, source, received_at, code, reason FROM quarantine"
    " WHERE replayed_at IS NULL AND seq > ? ORDER BY seq LIMIT ?"
)
_HOW_MANY_FAILED = (
    "SELECT (SELECT count(*) FROM outbox WHERE dead_letter IS NOT NULL),"
    " (SELECT count(*) FROM quarantine WHERE replayed_at IS NULL)"
)


@dataclass(frozen=True)
class DeliveryChoice:
    """A choice of deliveries: those that fit every given filter. `since` is included, `until` is not.

    `q` is looked for in ids, words and reasons, with `bodies` also in stored bodies.
    """

    source: str | None = None
    outcome: str | None = None
    service: str | None = None
    repo: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    bodies: bool = False

    @property
    def first_id(self) -> str:
        """No id of a chosen delivery is smaller."""
        return _BEFORE_ALL if self.since is None else id_at(self.since)

    @property
    def end_id(self) -> str:
        """Every id of a chosen delivery is smaller."""
        return _AFTER_ALL if self.until is None else id_at(self.until)


def id_at(moment: datetime) -> str:
    """Return a text that sorts before every id that `delivery_ids` makes at *moment* or later."""
    return f"d{max(to_us(moment), 0):014x}"


def page(
    session: Session, choice: DeliveryChoice, *, limit: int = USUALLY_LISTED, after: str | None = None
) -> answers.DeliveryPage:
    """Return deliveries, those that came last first: at most *limit*, behind the `next` of the page before.

    A page may have fewer: then `looked_back_to` says how far it was looked, since a rare one is not found by
    an index.
    """
    end = min(choice.end_id, after) if after else choice.end_id
    most = MOST_BODIES if choice.q and choice.bodies else MOST_LOOKED_AT
    found: list[answers.ListedDelivery] = []
    looked_at, last = 0, None
    for known in reading.walk(session, choice.outcome, choice.first_id, end):
        if len(found) == limit or looked_at == most:
            break
        looked_at, last = looked_at + 1, known
        outcome = outcome_of(known)
        if _fits(session, choice, known, outcome):
            found.append(_listed(session, known, outcome))
    else:
        return answers.DeliveryPage(tuple(found), None, None)
    assert last is not None
    stopped = len(found) < limit
    return answers.DeliveryPage(
        tuple(found), last.delivery, last.messages[0].received_at if stopped else None
    )


def chosen_ids(session: Session, choice: DeliveryChoice) -> tuple[list[str], bool]:
    """Return the ids of the chosen deliveries, the oldest first, and whether there may be more.

    An incident's start is then acted on before its end.
    """
    ids: list[str] = []
    bodies = 0
    walk = reading.walk(session, choice.outcome, choice.first_id, choice.end_id, newest_first=False)
    for looked_at, known in enumerate(walk):
        stopped = looked_at == MOST_LOOKED_AT_FOR_ACTION or bodies == MOST_BODIES_FOR_ACTION
        if stopped or len(ids) == MOST_CHOSEN:
            return ids, True
        outcome = outcome_of(known)
        if choice.q and choice.bodies and known.stored:
            bodies += _fits(session, replace(choice, q=None), known, outcome)
        if _fits(session, choice, known, outcome):
            ids.append(known.delivery)
    return ids, False


def one(
    session: Session, id_: str, routes: Routes, file: Path, *, bodies: bool
) -> answers.ShownDelivery | None:
    """Return a delivery, by its id or that of one of its events; None if the store has neither.

    *file* is the gitdailies.yml that *routes* are of. Only with *bodies* are headers and body shown. They are
    stored only for a delivery that was quarantined, filtered or ignored, and for a time.
    """
    known = reading.facts_of(session, id_) or reading.facts_of(
        session, reading.delivery_of(session, id_) or id_
    )
    if known is None:
        return None
    outcome, first = outcome_of(known), known.messages[0]
    opened = [
        incident
        for name in known.incidents[:20]
        for incident in open_incidents(session, incident=name, source=first.source).incidents
    ]
    events = [reading.with_attempts(session, seq, event) for seq, event in known.events.items()]
    return answers.ShownDelivery(
        id=known.delivery,
        received_at=first.received_at,
        source=first.source,
        incidents=known.incidents,
        messages=known.messages,
        stored=_stored(session, known, bodies=bodies),
        events=tuple(events),
        actions=reading.actions_on(session, [known.delivery, *(event.id for event in events)]),
        outcome=outcome.word,
        sentence=outcome.sentence,
        steps=(*outcome.steps, *([CLOSE] if opened else [])),
        mapped_by=tuple(_mapped_by(known, routes, lines_of(file))),
        open_incidents=tuple(opened),
        paused=status.paused(session),
        file=file.name,
    )


def place_of(text: str, where: str) -> tuple[int, int]:
    """Read the `next` of a page that ends with two numbers; raises UsageError that begins with *where*."""
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", text)
    if found is None:
        raise UsageError(f"{where}: expected what the page before ends with, like 1000-20, got {got(text)}")
    return int(found[1]), int(found[2])


def failed(session: Session, limit: int = 1000, after: tuple[int, int] = (0, 0)) -> answers.FailedPage:
    """Return at most *limit* dead letters and as many quarantined deliveries, with their reasons.

    *after* are the last number of each list that was shown. `total` counts all of both lists.
    """
    dead_letters = session.execute(_DEAD_LETTERS, (after[0], limit + 1)).fetchall()
    quarantined = session.execute(_QUARANTINED, (after[1], limit + 1)).fetchall()
    more = len(dead_letters) > limit or len(quarantined) > limit
    dead_letters, quarantined = dead_letters[:limit], quarantined[:limit]
    last_event = dead_letters[-1][0] if dead_letters else after[0]
    last_delivery = quarantined[-1][0] if quarantined else after[1]
    return answers.FailedPage(
        tuple(
            answers.DeadLetter(id_, source, incident, from_us(stored_at), attempts, reason)
            for _, id_, source, incident, stored_at, attempts, reason in dead_letters
        ),
        tuple(
            answers.QuarantinedDelivery(delivery, source, from_us(received_at), code, reason)
            for _, delivery, source, received_at, code, reason in quarantined
        ),
        answers.FailedTotal(*session.execute(_HOW_MANY_FAILED).fetchone()),
        f"{last_event}-{last_delivery}" if more else None,
    )


def _listed(session: Session, known: DeliveryFacts, outcome: DeliveryOutcome) -> answers.ListedDelivery:
    events = [reading.with_attempts(session, seq, event) for seq, event in known.events.items()]
    statuses = [attempt.status for event in events for attempt in event.attempts[-1:]]
    return answers.ListedDelivery(
        id=known.delivery,
        received_at=known.messages[0].received_at,
        source=known.messages[0].source,
        words=tuple(dict.fromkeys(message.word for message in known.latest if message.word)),
        incidents=known.incidents,
        outcome=outcome.word,
        sentence=outcome.sentence,
        steps=outcome.steps,
        repos=_of_events(known, "repo"),
        services=_of_events(known, "service"),
        attempts=sum(len(event.attempts) for event in events),
        last_status=statuses[-1] if statuses else None,
        events=tuple(answers.EventState(event.id, event.state) for event in events)
        or tuple(answers.EventState(id_, "delivered") for id_ in _former_events(known, outcome)),
    )


def _stored(session: Session, known: DeliveryFacts, *, bodies: bool) -> answers.StoredRequest | None:
    """Return the stored request; where a replay moved it, that of its new table."""
    ignored = known.stored.get("ignored")
    was_moved = ignored is not None and ignored.state == "ignored"
    table = "ignored" if was_moved or "quarantine" not in known.stored else "quarantine"
    stored = known.stored.get(table)
    if stored is None or not bodies:
        return stored
    return reading.with_request(session, known.delivery, table, stored)


def _former_events(known: DeliveryFacts, outcome: DeliveryOutcome) -> Sequence[str]:
    """Return the ids of events that are no longer stored, or belong to the delivery that this one repeats."""
    if outcome.word not in (PASSED_ON, REPEATED):
        return ()
    return tuple(dict.fromkeys(id_ for message in known.latest for id_ in message.events))


def _of_events(known: DeliveryFacts, field: str) -> tuple[str, ...]:
    values = (event.body.get(field) for event in known.events.values())
    return tuple(dict.fromkeys(str(value) for value in values if value))


def _fits(session: Session, choice: DeliveryChoice, known: DeliveryFacts, outcome: DeliveryOutcome) -> bool:
    if choice.outcome not in (None, outcome.word):
        return False
    if choice.source not in (None, known.messages[0].source):
        return False
    if choice.repo is not None and not _is_in(choice.repo, _of_events(known, "repo")):
        return False
    reasons = [*known.reasons, *(one.reason for one in known.stored.values())]
    if choice.service is not None and not _is_about(choice.service, known, reasons):
        return False
    return choice.q is None or _holds(session, choice, known, reasons)


def _is_about(service: str, known: DeliveryFacts, reasons: Sequence[str]) -> bool:
    """Whether a delivery is about a service. An unmapped one names it in its reason alone, in quotes."""
    return _is_in(service, _of_events(known, "service")) or _is_in(repr(service)[1:-1], reasons)


def _holds(session: Session, choice: DeliveryChoice, known: DeliveryFacts, reasons: Sequence[str]) -> bool:
    assert choice.q is not None
    texts = [
        known.delivery,
        *known.incidents,
        *reasons,
        *(message.word for message in known.messages),
        *(id_ for message in known.messages for id_ in message.events),
        *(str(event.body.get("title", "")) for event in known.events.values()),
    ]
    return _is_in(choice.q, texts) or (choice.bodies and reading.body_holds(session, known, choice.q))


def _is_in(text: str, texts: Sequence[str]) -> bool:
    return any(text.casefold() in one.casefold() for one in texts)


def _mapped_by(
    known: DeliveryFacts, routes: Routes, lines: Mapping[str, ServiceLine]
) -> Iterator[answers.MappedService]:
    """Yield the line under services that each service of the events has now, None where none is sure.

    A line may name the service's id, which an event does not have. Then the delivery of the start tells it.
    """
    said = {line for message in known.messages for line, _ in reading.MAPPED_BY.findall(message.reason)}
    for name in () if EXAMPLE.repo in _of_events(known, "repo") else _of_events(known, "service"):
        found = next(iter(said)) if len(said) == 1 else routes.line_for(name)
        if not said and found == FALLBACK:
            found = None
        line = lines.get(found) if found is not None else None
        repos = tuple(route.repo_of(name) for route in routes.table.get(found or "", ()))
        yield answers.MappedService(
            name, line.file.name if line else None, line.number if line else None, repos
        )
