"""Why events count or not: answers with verdicts, from the derived rows.

Rows say from when on each of their facts holds, so that they answer a question about any moment. While the
rows are for other settings, the events answer, if they are not too many.
"""

from collections.abc import Iterable, Sequence

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import repositories, rows, statements
from gitdailies_dora.derived.read.answers import FigureVerdict, JudgedEvent
from gitdailies_dora.derived.read.question import Question
from gitdailies_dora.derived.read.verdicts import EventRow, verdicts
from gitdailies_dora.events.listing import texts_of
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.advice import ADVICE
from gitdailies_dora.figures.words.reasons import Reasons, Verdict


def why(
    session: Session,
    question: Question,
    settings: FigureSettings,
    *,
    after: tuple[int, str],
    limit: int,
) -> tuple[list[JudgedEvent], tuple[int, str] | None]:
    """Return a page of the events of the period with their verdicts, oldest first, and the next cursor.

    Events of other environments and services are included; their verdict names the filter.
    """
    period = question.selection.period
    found: list[tuple[int, str, int, str, str]] = []
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    names = spellings.names(session, settings.renames)
    for name in sorted(one for one, repo in names.items() if question.selection.selects_repo(repo)):
        found += session.execute(
            statements.EVENTS_OF_PERIOD,
            (name, period.began_at, last, after[0], after[0], after[1], limit + 1),
        ).fetchall()
    found.sort(key=lambda row: row[:2])
    page = found[:limit]
    events = [EventRow(seq, id_, settings.repo(repo), body) for _, id_, seq, repo, body in page]
    return judged(session, events, question.selection, settings), page[-1][:2] if len(found) > limit else None


def why_one(session: Session, selection: Selection, settings: FigureSettings, id_: str) -> JudgedEvent | None:
    """Return one event with its verdicts, from any time; None if there is no event with that id."""
    row = session.execute(statements.EVENT_BY_ID, (id_,)).fetchone()
    if row is None:
        return None
    seq, repo, body = row
    event = EventRow(seq, id_, settings.repo(repo or ""), body)
    return judged(session, [event], selection, settings)[0]


def judged(
    session: Session, events: Sequence[EventRow], selection: Selection, settings: FigureSettings
) -> list[JudgedEvent]:
    """Return events with their verdicts; raises Refusal if too many events would be read."""
    if not rows.outdated(session, settings):
        found = verdicts(session, events, selection, settings)
    else:
        # Everything that concerns an event is in its repository.
        reasons = {}
        for repo in {event.repo for event in events}:
            now, most = selection.period.now, repositories.MOST_EVENTS
            history = repositories.history_of(session, repo, settings, now, most)
            reasons[repo] = Reasons(history, derive(history, settings), selection, settings)
        found = [reasons[event.repo].of(event.id) for event in events]
    return [_judged(event.body, of, settings) for event, of in zip(events, found, strict=True)]


def _judged(body: str, found: Iterable[Verdict], settings: FigureSettings) -> JudgedEvent:
    verdicts = tuple(
        FigureVerdict(
            figure=one.figure, counts=one.counts, word=one.word, reason=one.reason, advice=ADVICE[one.word]
        )
        for one in found
    )
    return JudgedEvent.of(texts_of(body, settings.renames), verdicts=verdicts)
