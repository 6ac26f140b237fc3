"""What each deploy brought to its place for the first time, and how long that took since its commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_webhooks.figures.commits import Commits
from gitdailies_webhooks.figures.events import Commit, Deploy, Place

NO_PREDECESSOR, NO_COMMITS = "no-predecessor", "no-commits"


class NewCommit(NamedTuple):
    """A commit that no deploy before had listed or been of; without a usable time, `lead` is None."""

    sha: str
    lead: int | None


class Brought(NamedTuple):
    """What a deploy brought; `unknown` says why no lead time can be told, "" where they can."""

    unknown: str
    commits: tuple[NewCommit, ...]

    @property
    def leads(self) -> tuple[int, ...]:
        """The lead times that count."""
        return () if self.unknown else tuple(c.lead for c in self.commits if c.lead is not None)

    @property
    def unknown_commits(self) -> int:
        """How many commits have no lead time though the deploy has."""
        return 0 if self.unknown else sum(c.lead is None for c in self.commits)


def brought(deploys: Iterable[Deploy]) -> dict[str, Brought]:
    """Say for every deploy, by its id, what it brought; *deploys* come in order."""
    seen: dict[Place, Commits] = {}
    found = {}
    for deploy in deploys:
        before = seen.get(deploy.place)
        found[deploy.id] = brought_by(deploy, before)
        here = before if before is not None else seen.setdefault(deploy.place, Commits())
        for commit in deploy.commits or ():
            here.add(commit.sha)
        here.add(deploy.sha)
    return found


def brought_by(deploy: Deploy, before: Commits | None) -> Brought:
    """Say what a deploy brought where those before it listed or were of *before*; None: it is the first."""
    new, own = [], Commits()
    for commit in deploy.commits or ():
        if commit.sha not in own and (before is None or commit.sha not in before):
            own.add(commit.sha)
            new.append(NewCommit(commit.sha, _lead(commit, deploy)))
    return Brought(_unknown(deploy, first=before is None), tuple(new))


def _unknown(deploy: Deploy, *, first: bool) -> str:
    if first:
        return NO_PREDECESSOR
    return deploy.unknown or (NO_COMMITS if deploy.commits is None else "")


def _lead(commit: Commit, deploy: Deploy) -> int | None:
    return None if commit.at is None or commit.at > deploy.at else deploy.at - commit.at
