"""Which records a change is about. Nothing here changes a record.

A vendor that names occurrences says it itself. For one that does not, only time tells.
"""

from collections.abc import Sequence
from datetime import datetime

from gitdailies_core.incidents.records import (
    CLOSED,
    HELD,
    MERGED,
    NOWHERE,
    OPEN,
    RELEASED,
    REPEATED,
    Occurrence,
)
from gitdailies_core.sources.protocol import STARTED, Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of


def covers(record: Occurrence, at: datetime) -> bool:
    """Whether *at* lies in the occurrence, its two ends included."""
    began, ended = record.started_at, record.ended_at
    return began is not None and began <= at and (record.state != CLOSED or ended is None or at <= ended)


def names_service_of(change: Change, record: Occurrence) -> bool:
    """Whether the change names the service of the record."""
    return record.target.service in {service.name for service in change.services}


def concerns(change: Change, record: Occurrence) -> bool:
    """Whether the change speaks for the service of the record, too."""
    return change.whole or record.target.service is None or names_service_of(change, record)


def moved(
    change: Change, target: DeployTarget, targets: Sequence[DeployTarget], met: Sequence[Occurrence]
) -> list[Occurrence]:
    """Find the records of other targets under which a start at *target* was counted already.

    *targets* are those of the change, and *met* the records of its occurrence at others that were
    sent. A route may have changed since, or a service its name, or another service may have taken
    the incident over: then it stays where it was counted. An incident that names a further service
    counts there, too.
    """
    name = (target.service or "").casefold()
    of_service = [r for r in met if (r.target.service or "").casefold() == name]
    if of_service:
        return of_service
    named = {service.name.casefold() for service in change.services}
    own = {(one.service or "").casefold() for one in targets}
    # The line of the service may name it otherwise now.
    before = [r for r in met if (r.target.service or "").casefold() in named - own]
    here = [r for r in before if r.target[:2] == target[:2]]
    if here or not change.whole:
        return here
    gone = [r for r in met if (r.target.service or "").casefold() not in named | own]
    if len(gone) == len(met):
        return gone
    return [r for r in gone if r.target[:2] == target[:2]]


def possibly_ended(change: Change, known: Sequence[Occurrence]) -> list[Occurrence]:
    """Find the records that an end can be about: the occurrence that it names, else all that began before it.

    No vendor documents that an end after a reopening names the new start. An end that names the
    first start again, when that occurrence is over, is about those that began since.
    """
    before = [r for r in known if r.started_at is not None and r.started_at <= change.at]
    if change.occurrence is None:
        return before
    named = [r for r in known if r.name == change.occurrence]
    over = [r.started_at for r in named if r.state == CLOSED and r.started_at is not None]
    since = [r for r in before if over and r.started_at and r.started_at > min(over)]
    return [*named, *(r for r in since if r not in named)]


def ended(change: Change, known: Sequence[Occurrence]) -> list[Occurrence]:
    """Find the open records that an end closes, even if it names another service now.

    An end that speaks for one service alone closes that service's. If that service never started
    here, the incident was handed on from another service, and its end ends them all.
    """
    live = [r for r in possibly_ended(change, known) if r.state == OPEN]
    if change.whole or change.ends_all:
        return live
    of_service = [r for r in live if names_service_of(change, r)]
    seen = any(names_service_of(change, r) for r in known)
    return of_service if of_service or seen else live


def unsent_starts(change: Change, known: Sequence[Occurrence]) -> list[Occurrence]:
    """Find the starts that were not sent, over by now or not, of the occurrence that a change belongs to.

    An end or an update that names an occurrence that is over is about those that began since.
    """
    if not known:
        return []
    found = [r for r in known if r.is_note and r.started_at is not None and concerns(change, r)]
    if change.occurrence is not None:
        since = _began_since(change, known)
        found = [r for r in found if (r in since if since else r.name == change.occurrence)]
    else:
        found = [r for r in found if covers(r, change.at)]
    return [r for r in found if r.state in (HELD, CLOSED)]


def _began_since(change: Change, known: Sequence[Occurrence]) -> list[Occurrence]:
    """Find what began after the occurrence that an end or an update names was over."""
    if change.state == STARTED:
        return []
    named = [r for r in known if r.name == change.occurrence and r.state == CLOSED]
    over = [r.started_at for r in named if r.started_at and r.ended_at and r.ended_at < change.at]
    return [r for r in known if over and r.started_at and min(over) < r.started_at <= change.at]


def ended_before(
    change: Change, targets: Sequence[DeployTarget], known: Sequence[Occurrence]
) -> list[Occurrence]:
    """Find the records that an end can be about, and whose end was sent or waits."""
    return [
        r
        for r in possibly_ended(change, known)
        if not r.is_note and r.state in (CLOSED, MERGED)
        if change.whole or r.target in targets or names_service_of(change, r)
        # Without a name only time tells whether it is about this start.
        if change.occurrence or not change.started_at or not r.ended_at or change.started_at <= r.ended_at
    ]


def began_after(
    starts: Sequence[Occurrence], over: Sequence[Occurrence], known: Sequence[Occurrence]
) -> bool:
    """Whether one of *starts* is held, and began when all of *over* had ended: an end is about that one."""
    ends = [r.ended_at for r in over if r.ended_at]
    held = [r.started_at for r in starts if r.state == HELD and r.started_at and r in known]
    return bool(held) and len(ends) == len(over) and max(ends) < max(held)


def repeated(known: Sequence[Occurrence], target: DeployTarget) -> list[Occurrence]:
    """Find the later starts that are remembered at *target*."""
    return [r for r in known if r.state == REPEATED and r.target == target]


def first_name(change: Change, known: Sequence[Occurrence], target: DeployTarget) -> str | None:
    """Return the name of an incident's first occurrence, where none began at *target* before.

    NOWHERE means every target of the change. One that is over elsewhere is the first one, too.
    """
    first = change.first_occurrence
    if first is None or change.occurrence is not None:
        return None
    begun = [r for r in known if r.started_at is not None and r.state != RELEASED]
    if any(r.target == target or ((r.is_note or target == NOWHERE) and concerns(change, r)) for r in begun):
        return None
    ended_with = [r for r in begun if change.ends_all or concerns(change, r)]
    if any(
        r.name != first or (r.state == CLOSED and r.ended_at and r.ended_at < change.at) for r in ended_with
    ):
        return None
    return first


def notes(change: Change) -> list[DeployTarget]:
    """Return where a change is noted for which no event is sent: at its services, or at none for all."""
    if change.whole or not change.services:
        return [NOWHERE]
    return [DeployTarget(NOWHERE.repo, None, service.name) for service in change.services]


def starts_again(change: Change, known: Sequence[Occurrence]) -> bool:
    """Whether a start whose payload names the first start is about a later one: one before it is over."""
    again_at = change.again_at
    if again_at is None:
        return False
    over = [r for r in known if r.state == CLOSED and r.ended_at and r.ended_at < again_at]
    return any(concerns(change, r) for r in over)


def known_end(change: Change, started: Occurrence, known: Sequence[Occurrence]) -> Occurrence | None:
    """Find the record of another target, or the note, that says how an occurrence ended whose start is late.

    *started* is that start. It is not among the *known*.
    """
    if not known:
        return None
    at = started.started_at or change.at
    over = [r for r in known if r.state in (CLOSED, MERGED) and (change.ends_all or concerns(change, r))]
    for record in over:
        # Without a name, a sibling that was over then belongs to the same occurrence.
        if record.name == started.name or (change.occurrence is None and covers(record, at)):
            return record
    for note in over:
        if _is_bare_end(note) and note.ended_at and at <= note.ended_at:
            between = [r for r in known if r.started_at and at < r.started_at <= note.ended_at]
            return None if between else note
    return None


def _is_bare_end(record: Occurrence) -> bool:
    """Whether its end is all that is known about an occurrence, not even a name."""
    if not record.is_note or record.started_at is not None or record.ended_at is None:
        return False
    return record.name == text_of(record.ended_at)
