"""Derive rows anew around events that came, went or changed, and nowhere else.

Whatever order things happen in, once nothing is left to be looked at the rows are those that
`figures.derive` makes of all events. What an event can change:

* what a deploy brought: of that deploy, and of later ones of its place that list a commit of its;
* the first of a place: what it brought is unknown;
* which deploy an incident is laid to: of incidents from a deploy on until the next of its place, less
  than the window after it, and of those whose cause may be a commit of its;
* what failed, and how long: deploys that such an incident was, or is, laid to; the deploy itself and
  those before it, as it was and as it is now, which a rollback may undo or no longer undo.

The whole of it runs inside one transaction, so that it is small, and two servers take turns.
"""

from __future__ import annotations

from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import failure_rows, incident_rows, lead_time_rows, neighbors
from gitdailies_webhooks.derived.rows import read_bodies
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.settings import Settings


class Looked(NamedTuple):
    """How many events were looked at, and the repositories of which deploys came, went or changed."""

    events: int
    repos: frozenset[str]


def advance(session: Session, settings: Settings, now: int, most: int) -> Looked:
    """Look at up to *most* events that the rows do not hold yet."""
    pending = change_log.next_pending(session, now, most)
    if not pending.number:
        return Looked(0, frozenset())
    arrived = read_bodies(session, pending.bodies, settings, now)
    gone = lead_time_rows.take_away(session, pending.changed_ids)
    touched = [*gone, *(lead_time_rows.spot_of(deploy) for deploy in arrived.deploys)]
    there = neighbors.beside(session, (spot.where for spot in touched))
    lead_time_rows.bring(session, touched, arrived.deploys, there, settings, now)
    sides = neighbors.joined(there, arrived.deploys)
    near = incident_rows.near(session, touched, sides, settings)
    laid = incident_rows.lay(session, near, pending.incidents, settings, now)
    undone = failure_rows.undone(there, sides, arrived.deploys, gone)
    failure_rows.fail(session, laid | undone, settings.window_us)
    change_log.mark_done(session, pending)
    return Looked(pending.number, frozenset(spot.place[0] for spot in touched))
