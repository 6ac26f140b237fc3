"""A list of events with the result of each: what a deploy counts as, what an incident is attributed to.

An incident that is open says so first, since the list can be filtered by it.
"""

from typing import NamedTuple

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.read.events.event_filters import MAY_HAVE_FAILED, OPEN, OUTCOMES
from gitdailies_dora.derived.read.verdicts import EventRow, verdicts
from gitdailies_dora.events.listing import StoredEvent, newest_events
from gitdailies_dora.events.query import Position, Wanted
from gitdailies_dora.figures.answers import numbers
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.facts import TIME
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.reasons import ALL, Verdict
from gitdailies_dora.sql.bulk import lookup_many

# The result of a deploy and of an incident in words, by the word of the verdict on the fail rate, or on all.
_OF_DEPLOY = {
    "failed": "failed",
    "failed-pending": "failed",
    "succeeded": "did not fail",
    "pending": "too new to tell",
    "repeat": "repeat",
    "behind": "not counted yet",
}
_OF_INCIDENT = {
    "failed": "attributed",
    "failed-pending": "attributed",
    "not-failed": "attributed",
    "unlinked": "unlinked",
    "window": "unlinked",
    "other-service": "unlinked",
    "no-cause": "unlinked: no deploy caused it",
    "not-an-incident": "not an incident",
    "duplicate": "duplicate",
    "behind": "not counted yet",
}
_MAY_HAVE_FAILED = OUTCOMES[DEPLOYED][MAY_HAVE_FAILED].title
_BAD = ("failed", _MAY_HAVE_FAILED, "unlinked")
# What an incident may be attributed to. Only these can be open.
_LINKS = ("attributed", "unlinked", _OF_INCIDENT["no-cause"])


class ListedResult(NamedTuple):
    """An event of the list; `result` is "" for none, and `bad` if it asks for attention."""

    event: StoredEvent
    result: str
    bad: bool


def listed(
    session: Session, wanted: Wanted, before: Position, limit: int, settings: FigureSettings, now: int
) -> list[ListedResult]:
    """Read events before a position, the last in their order first, as they are at *now* (µs)."""
    found = newest_events(session, wanted, before=before, limit=limit)
    if rows.outdated(session, settings):
        return [ListedResult(event, "", False) for event in found]
    asked = [EventRow(event.seq, event.id, "", event.body) for event in found]
    judged = verdicts(session, asked, Selection.all_until(now), settings)
    starts = [(event.id,) for event in found if event.kind == INCIDENT_STARTED]
    still = {id_ for (id_,) in lookup_many(session, "id", starts, statements.OPEN_STARTS, now, now, now)}
    results = [_result(event, of) for event, of in zip(found, judged, strict=True)]
    return [
        ListedResult(event, f"{OPEN}, {word}", bad=True)
        if event.id in still and word in _LINKS
        else ListedResult(event, word, word in _BAD)
        for event, word in zip(found, results, strict=True)
    ]


def _result(event: StoredEvent, of: tuple[Verdict, ...]) -> str:
    words = _OF_DEPLOY if event.kind == DEPLOYED else _OF_INCIDENT
    for verdict in of:
        if verdict.evidence == TIME:
            return _MAY_HAVE_FAILED
        if verdict.figure in (numbers.FAIL_RATE, ALL):
            return words.get(verdict.word, "")
    return ""
