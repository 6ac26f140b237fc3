"""A week, read from rows: its figures and those of the week before, its outages and failed deploys."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import text_of_us

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.read import answers
from gitdailies_dora.derived.read.events.related import RelatedReader
from gitdailies_dora.derived.read.figures.answer import read
from gitdailies_dora.derived.read.review_question import ReviewQuestion
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.series import ALL, SeriesQuestion, Summary
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.words.week import Trouble, outages, worst_severity
from gitdailies_dora.sql.bulk import lookup_many

# One that started earlier and ended in the week is found if it took at most four weeks.
_LOOKED_BACK_US = 28 * 86_400 * 1_000_000
# The incidents of an environment, as known at a moment: those of a period, those of the deploys of a period,
# and those that are open.
_COLUMNS = "id, repo, service, at, ended_at, deploy, how"
_KNOWN = "environment = ? AND since <= ? AND until > ? AND merged = 0"
_TROUBLES = " UNION ".join(
    f"SELECT {_COLUMNS} FROM figures_incidents WHERE {_KNOWN} AND {which}"  # noqa: S608  constants
    for which in ("at >= ? AND at < ?", "deploy_at >= ? AND deploy_at < ?", "ended_at IS NULL AND at < ?")
)


def figures_of(session: Session, question: ReviewQuestion, settings: FigureSettings) -> Summary:
    """Return the figures of the week, those of the week before, and what became of them."""
    scope = question.scope
    asked = SeriesQuestion(
        question.week.period,
        repos=frozenset(filter(None, [scope.repo])),
        teams=frozenset(filter(None, [scope.team])),
        compare=True,
        before=question.week.before,
        teams_known=scope.teams,
    )
    found = read(session, asked, settings)
    first = series.first_of(asked, found.firsts, ALL)
    (change,), _ = series.changes(series.differences(found.planned, found.sums, [(ALL,)], [first]))
    shown = series.summary(asked, found.planned, found.sums, (ALL,), first)
    return shown._replace(change=change)


def happenings(
    session: Session, reader: RelatedReader, question: ReviewQuestion, failed: Mapping[str, int], most: int
) -> tuple[tuple[answers.Happening, ...], int]:
    """Return up to *most* outages and failed deploys of a week, what hurt most first, and how many are left.

    *failed* are the times of its deploys that failed, by id.
    """
    period, now = question.week.period, reader.now
    until = min(period.ended_at or now, now + 1)
    known = PRODUCTION, now, now
    asked = (*known, period.began_at - _LOOKED_BACK_US, until, *known, period.began_at, until, *known, until)
    incidents = [
        (*row[:4], None if row[4] is None or row[4] > now else row[4], *row[5:])
        for row in session.execute(_TROUBLES, asked).fetchall()
        if question.scope.includes(*row[1:3])
        and (row[4] is None or row[4] >= period.began_at or row[5] in failed)
    ]
    causes = {row[5] for row in incidents if row[5]}
    given = [(id_,) for id_ in sorted({*failed, *causes})]
    remedies: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for id_, at, remedy, _ in lookup_many(session, "id", given, statements.REMEDIES_OF):
        if at <= now:
            remedies[id_].append((at, remedy))
    later = [id_ for found in remedies.values() for _, id_ in found]
    named = reader.references([*(row[0] for row in incidents), *failed, *causes, *later])
    troubles = [trouble for row in incidents for trouble in _incident(row, named)]
    for id_ in (failed.keys() - causes) & named.keys():
        about, end = named[id_], min(remedies[id_], default=(None,))[0]
        repo, service = reader.settings.repo(about.repo), folded(about.service)
        troubles.append(Trouble(id_, repo, service, failed[id_], end, is_open=False))
    remedied_by = {
        id_: [named[one] for _, one in sorted(some) if one in named] for id_, some in remedies.items()
    }
    found = outages(troubles)
    return tuple(_happening(one, named, remedied_by, question) for one in found[:most]), max(
        len(found) - most, 0
    )


def _incident(row: tuple[Any, ...], named: Mapping[str, answers.EventReference]) -> Iterator[Trouble]:
    id_, repo, service, at, ended_at, deploy, how = row
    if about := named.get(id_):
        title, is_open = about.title or about.incident_id, ended_at is None
        yield Trouble(id_, repo, service, at, ended_at, is_open, title, about.severity, deploy or "", how)


def _happening(
    outage: list[Trouble],
    named: Mapping[str, answers.EventReference],
    remedied_by: Mapping[str, list[answers.EventReference]],
    question: ReviewQuestion,
) -> answers.Happening:
    teams, is_open = question.scope.teams, any(one.is_open for one in outage)
    owners = [team for one in outage for team in teams.of(one.repo, one.service or None)] if teams else []
    ends = [one.ended_at for one in outage if one.ended_at is not None]
    causes = list(dict.fromkeys(one.deploy for one in outage if one.deploy))
    return answers.Happening(
        title=outage[0].title,
        severity=worst_severity(outage),
        time=text_of_us(outage[0].at),
        ended_at=text_of_us(max(ends)) if ends and not is_open else None,
        open=is_open,
        how=outage[0].how or None,
        teams=tuple(map(teams.title, dict.fromkeys(owners))),
        events=tuple(named[one.id] for one in outage if one.id in named),
        deploys=tuple(named[id_] for id_ in causes if id_ in named),
        remedied_by=tuple(one for id_ in causes or [outage[0].id] for one in remedied_by.get(id_, ())),
    )
