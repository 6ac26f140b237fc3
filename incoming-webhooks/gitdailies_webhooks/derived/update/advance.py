"""Take the next changed events, and derive again the rows around them."""

from __future__ import annotations

from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived.repositories import parse_bodies
from gitdailies_webhooks.derived.update import failure_rows, incident_rows, lead_time_rows, neighbors
from gitdailies_webhooks.derived.update.neighbors import Position
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.settings import FigureSettings


class Progress(NamedTuple):
    """The number of events of a step, and the repositories whose deploys arrived, were deleted or changed."""

    events: int
    repos: frozenset[str]


def advance(session: Session, settings: FigureSettings, now: int, most: int) -> Progress:
    """Bring the rows up to date with the next changed events, up to *most*.

    It runs inside a transaction of its caller. The transaction is small, and two servers take turns.
    """
    changes = change_log.next_pending(session, now, most)
    if not changes.number:
        return Progress(0, frozenset())
    arrived = parse_bodies(session, changes.bodies, settings, now).deploys
    removed = lead_time_rows.remove_deploys(session, changes.changed_ids)
    positions = [*removed, *map(Position.of, arrived)]
    sides = neighbors.adjacent(session, (position.key for position in positions))
    lead_time_rows.add_deploys(session, positions, arrived, sides, settings, now)
    merged_sides = neighbors.merge_arrived(sides, arrived)
    near = incident_rows.affected(session, positions, merged_sides, settings)
    attributed = incident_rows.attribute(session, near, changes.incidents, settings, now)
    undone = failure_rows.maybe_undone(sides, merged_sides, arrived, removed)
    failure_rows.update_failures(session, attributed | undone, settings.window_us)
    change_log.mark_done(session, changes)
    return Progress(changes.number, frozenset(position.place[0] for position in positions))
