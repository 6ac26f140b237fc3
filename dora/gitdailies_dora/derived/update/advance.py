"""Take the next changed events, and derive again the rows that they change."""

from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import DeployChange, read_deploys_by_id
from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.derived.update import incident_rows
from gitdailies_dora.derived.update.dependents import dependents
from gitdailies_dora.derived.update.deploy_rows import replace_deploys
from gitdailies_dora.derived.update.reports import OtherReports
from gitdailies_dora.derived.update.shas import Lengths
from gitdailies_dora.events.records import change_log, corrections
from gitdailies_dora.figures.history.corrections import Corrections
from gitdailies_dora.figures.history.events import Deploy
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import lookup_many

# How many rounds of dependents a step derives at once, and how many deploys; the rest is for later steps.
_ROUNDS, _MOST_AGAIN = 8, 500


class Progress(NamedTuple):
    """The number of events of a step, and the repositories whose deploys arrived, were deleted or changed."""

    events: int
    repos: frozenset[str]


def advance(session: Session, settings: FigureSettings, now: int, most: int) -> Progress:
    """Bring the rows up to date with the next changed events, up to *most*.

    It runs inside a transaction of its caller. The transaction is small, and two servers take turns.
    """
    changes = change_log.next_pending(session, settings, now, most)
    if not changes.number:
        return Progress(0, frozenset())
    deploys = parse_bodies(session, changes.bodies, settings, FOREVER).deploys
    reports = OtherReports(session, settings, changes.read_until)
    lengths, given = Lengths(session), corrections.all_corrections(session)
    changed = _derive(session, changes.changed_ids, deploys, reports, lengths, settings, now, given)
    incident_rows.update(session, changed, changes.incidents, lengths, settings, given)
    change_log.mark_done(session, changes)
    return Progress(changes.number, frozenset(side.repo for change in changed for side in change.sides))


def _derive(  # noqa: PLR0917  each is a part of one step
    session: Session,
    changed_ids: list[str],
    deploys: tuple[Deploy, ...],
    reports: OtherReports,
    lengths: Lengths,
    settings: FigureSettings,
    now: int,
    given: Corrections,
) -> list[DeployChange]:
    """Derive deploys, and those that depend on them, round by round until nothing more changes."""
    found: list[DeployChange] = []
    again: set[str] = set(changed_ids)
    for _ in range(_ROUNDS):
        replaced = replace_deploys(session, again, deploys, reports, lengths, settings, given)
        found += replaced.changes
        again = dependents(session, replaced.late, lengths, settings.window_us)
        again |= replaced.again
        again -= {deploy.id for deploy in deploys}
        if not again:
            return found
        if len(again) > _MOST_AGAIN:
            break
        rows = [(id_,) for id_ in sorted(again)]
        bodies = [body for (body,) in lookup_many(session, "id", rows, statements.BODIES_BY_ID)]
        deploys = parse_bodies(session, bodies, settings, FOREVER).deploys
    stored = read_deploys_by_id(session, again)
    change_log.note_changes(session, ((id_, one.repo, None) for id_, one in stored.items()), now)
    return found
