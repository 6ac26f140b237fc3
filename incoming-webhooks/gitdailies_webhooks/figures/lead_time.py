"""The commits that each deploy brought to its place for the first time, and their lead times.

A lead time is the time from the commit to the deploy. A commit is new if no earlier deploy of the place
listed it or was of it. Repeats are left out: these functions take counting deploys alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_webhooks.figures.commits import CommitSet
from gitdailies_webhooks.figures.events import Commit, Deploy, Place

NO_PREDECESSOR, NO_COMMITS = "no-predecessor", "no-commits"


class NewCommit(NamedTuple):
    """A new commit; `lead_time` is None if the commit has no time, or a time after its deploy."""

    sha: str
    lead_time: int | None


class NewCommits(NamedTuple):
    """The new commits of a deploy; `unknown` is the reason if they are not all known, else "".

    `own` is set if its own commit was never here before, although the deploy need not list it.
    """

    unknown: str
    commits: tuple[NewCommit, ...]
    own: bool = False

    @property
    def lead_times(self) -> tuple[int, ...]:
        """The lead times that count."""
        return () if self.unknown else tuple(c.lead_time for c in self.commits if c.lead_time is not None)

    @property
    def unknown_commits(self) -> int:
        """The number of commits without a lead time, in a deploy that is not itself unknown."""
        return 0 if self.unknown else sum(c.lead_time is None for c in self.commits)


def new_commits(deploys: Iterable[Deploy]) -> dict[str, NewCommits]:
    """Return the new commits of every deploy, by its id; *deploys* are in order."""
    deployed: dict[Place, CommitSet] = {}
    found = {}
    for deploy in deploys:
        before = deployed.get(deploy.place)
        found[deploy.id] = new_commits_of(deploy, before)
        here = before if before is not None else deployed.setdefault(deploy.place, CommitSet())
        for commit in deploy.commits or ():
            here.add(commit.sha)
        here.add(deploy.sha)
    return found


def new_commits_of(deploy: Deploy, before: CommitSet | None) -> NewCommits:
    """Return the new commits of one deploy.

    *before* holds the commits of the earlier deploys of its place. It is None for the first deploy.
    """
    if deploy.known:
        return NewCommits("", ())
    new, own = [], CommitSet()
    for commit in deploy.commits or ():
        if commit.sha not in own and (before is None or commit.sha not in before):
            own.add(commit.sha)
            new.append(NewCommit(commit.sha, _lead_time(commit, deploy)))
    first_here = before is None or deploy.sha not in before
    return NewCommits(_unknown(deploy, first=before is None), tuple(new), first_here)


def _unknown(deploy: Deploy, *, first: bool) -> str:
    if first:
        return NO_PREDECESSOR
    return deploy.unknown or (NO_COMMITS if deploy.commits is None else "")


def _lead_time(commit: Commit, deploy: Deploy) -> int | None:
    return None if commit.at is None or commit.at > deploy.at else deploy.at - commit.at
