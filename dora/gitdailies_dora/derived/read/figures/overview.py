"""What the overview shows: one row for each repository, by team, and everything together.

All of it is read at one moment.
"""

from collections import Counter
from functools import partial
from typing import NamedTuple

from gitdailies_server.round_trips import read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.accounts.audit import AuditLine, setting_changes
from gitdailies_dora.derived.read.figures.answer import Read, read
from gitdailies_dora.derived.read.figures.known_names import unknown_in, unknown_in_teams, without_deploys
from gitdailies_dora.derived.read.figures.names import Choices, Names, choices
from gitdailies_dora.derived.read.figures.question_sums import open_incidents
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.series import Clear, SeriesQuestion, clear_of
from gitdailies_dora.figures.answers.sums import Key
from gitdailies_dora.figures.history.settings import FigureSettings


class Overview(NamedTuple):
    """The figures of all groups. `open_now` counts open incidents by group, and of all under `ALL`.

    `alone` has a sentence about each repository that has incidents and no deploys, by its name.
    The sentence is "" if they were moved.
    """

    question: SeriesQuestion
    found: Read
    names: dict[str, str]
    clear: Clear
    open_now: Counter[Key]
    choices: Choices
    unknown: list[str]
    changed: list[AuditLine]
    alone: dict[str, str]


def overview(
    session: Session, question: SeriesQuestion, selection: Selection, settings: FigureSettings, *, live: bool
) -> Overview:
    """Read what the overview shows for a question by team and repository, of one environment.

    *selection* is the target and the period of the same question.
    """
    period = question.period
    began_at = series.plan(question).segments[0].began_at
    found, shown, open_now, named, unknown, in_teams, changed, alone = read_together(
        session,
        partial(read, session, question, settings),
        partial(Names, session, question, settings),
        partial(open_incidents, session, question, live=live),
        partial(choices, session, selection, settings),
        partial(unknown_in, session, question, settings),
        partial(unknown_in_teams, session, question.teams_known.settings, settings),
        partial(setting_changes, session, began_at, period.until, team=selection.team or ""),
        partial(without_deploys, session, settings),
    )
    return Overview(
        question=question,
        found=found,
        names={repo: shown.shown("repo", repo) for repo in found.firsts},
        clear=clear_of(question, found.planned, found.sums, found.keys, found.firsts),
        open_now=Counter(key for target in open_now for key in question.keys(target)),
        choices=named,
        unknown=[*unknown, *in_teams],
        changed=changed,
        alone=alone,
    )
