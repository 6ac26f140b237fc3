"""What the comparison of two teams, or of two repositories, shows. All of it is read at one moment."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from gitdailies_server.round_trips import read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.accounts.audit import AuditLine, setting_changes
from gitdailies_dora.derived.read.figures.answer import read
from gitdailies_dora.derived.read.figures.known_names import unknown_in
from gitdailies_dora.derived.read.figures.names import Choices, Names, choices
from gitdailies_dora.derived.read.figures.repository_page import ShownBucket
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.numbers import Figures
from gitdailies_dora.figures.answers.report import SeriesChange
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.series import TEAM, SeriesQuestion
from gitdailies_dora.figures.history.settings import FigureSettings


class Group(NamedTuple):
    """One of the two: what it is called, its figures, and when its first event was, if it had one."""

    name: str
    key: str
    figures: Figures
    buckets: Sequence[ShownBucket]
    first: int | None


class Compared(NamedTuple):
    """The figures of both groups; `apart` says how the second group differs from the first one.

    `shared` are the repositories of both teams, which count in each.
    """

    groups: Sequence[Group]
    apart: SeriesChange
    shared: Sequence[str]
    as_of: int
    choices: Choices
    unknown: Sequence[str]
    changed: Sequence[AuditLine]


def compared(
    session: Session,
    question: SeriesQuestion,
    selection: Selection,
    settings: FigureSettings,
    pair: tuple[str, str],
) -> Compared:
    """Read two groups of a question by one dimension; *pair* are their keys, as they are folded.

    *selection* has the period and the filters of the question.
    """
    of_teams = question.by == (TEAM,)
    began_at, until = series.plan(question).segments[0].began_at, question.period.until
    asked = [(None, key) if of_teams else (key, "") for key in pair]
    found, names, named, unknown, *changed = read_together(
        session,
        partial(read, session, question, settings),
        partial(Names, session, question, settings),
        partial(choices, session, selection, settings),
        partial(unknown_in, session, question, settings),
        *(partial(setting_changes, session, began_at, until, repo, team) for repo, team in asked),
    )
    planned, sums, keys = found.planned, found.sums, [(key,) for key in pair]
    firsts = [series.first_of(question, found.firsts, key) for key in keys]
    summaries = series.summaries(question, planned, sums, [(key,) for key in keys], firsts)
    buckets = series.buckets(planned, sums, keys, firsts)
    cut = [bucket for bucket, _ in planned.buckets]
    ever_of, title = question.teams_known.ever_of, question.teams_known.title
    by_seq = {line.seq: line for lines in changed for line in lines}
    return Compared(
        groups=[
            Group(
                title(key) if of_teams else names.repo(key, key),
                key,
                summary.total,
                [ShownBucket(*one, None, None) for one in zip(cut, of_key, strict=True)],
                first,
            )
            for key, summary, of_key, first in zip(pair, summaries, buckets, firsts, strict=True)
        ],
        apart=series.apart(planned, sums, keys, firsts),
        shared=[names.repo(repo, repo) for repo in sorted(found.firsts) if {*pair} <= ever_of(repo)],
        as_of=found.as_of,
        choices=named,
        unknown=unknown,
        changed=[by_seq[seq] for seq in sorted(by_seq, reverse=True)],
    )
