"""What the overview shows: one row for each repository, by team, and everything together.

All of it is read at one moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.dora_page import MOST_ENVIRONMENTS, MOST_SEEN, environments, repositories
from gitdailies_webhooks.derived.series.answer import Read, read
from gitdailies_webhooks.derived.series.names import Names
from gitdailies_webhooks.derived.series.sums import open_incidents
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.series import SeriesQuestion
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.sums import Key


class Overview(NamedTuple):
    """What was read. `open_now` counts open incidents by group, and of all under `ALL`.

    `repos` and `environments` are names to choose from. `seen` are the other environments of the same place,
    each with its number of deploys, up to `MOST_SEEN`.
    """

    question: SeriesQuestion
    found: Read
    names: dict[str, str]
    open_now: Counter[Key]
    repos: Sequence[str]
    environments: Sequence[str]
    seen: Sequence[tuple[str, int]]


def overview(
    session: Session, question: SeriesQuestion, selection: Selection, settings: FigureSettings, *, live: bool
) -> Overview:
    """Read what the overview shows for a question by team and repository, of one environment.

    *selection* is the place and the period of the same question.
    """
    found = read(session, question, settings)
    shown = Names(session, question, settings)
    return Overview(
        question=question,
        found=found,
        names={repo: shown.shown("repo", repo) for repo in found.firsts},
        open_now=Counter(
            key for place in open_incidents(session, question, live=live) for key in question.keys(place)
        ),
        repos=repositories(session),
        environments=environments(session, settings),
        seen=[
            (name or settings.production_name, number)
            for name, number in rows.deploys_by_environment(session, selection, MOST_ENVIRONMENTS, MOST_SEEN)
        ],
    )
