"""Which deploys remedy earlier ones: by undoing their commits, by going back, or by a hotfix.

* A deploy whose commits undo others (`reverts`) remedies the earlier deploys of its place that brought
  these, whatever lies between.
* A rollback or a hotfix remedies the latest earlier deploy of its place that is no rollback and is of
  another commit, if that is less than the window before it. It never remedies one further back.

A deploy that only names the incident it fixes remedies nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gitdailies_webhooks.figures.commits import CommitMap, same_commit
from gitdailies_webhooks.figures.events import HOTFIX, ROLLBACK, Deploy, Place
from gitdailies_webhooks.figures.lead_time import NewCommits


class Remedy(NamedTuple):
    """A deploy that a later one remedies; `reverts` is the commit that this undid, "" if it went back."""

    deploy: Deploy
    reverts: str = ""

    @property
    def order(self) -> tuple[bool, tuple[int, str]]:
        """Sorts what one deploy remedies: what it went back from, then what it reverted, the oldest first."""
        return (bool(self.reverts), self.deploy.order)


class PlaceRemedies:
    """What the deploys of one place so far decide about what the next one remedies.

    It holds the deploys that are no rollbacks, in order, and the deploy that brought each commit.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._forward: list[Deploy] = []
        self._brought: CommitMap[Deploy] = CommitMap()

    def add_earlier(self, forward: Collection[Deploy], brought: Iterable[tuple[str, Deploy]]) -> None:
        """Add earlier deploys: some that are no rollbacks, and some that brought a commit."""
        if forward:
            self._add_forward(forward)
        for sha, deploy in brought:
            self._brought.add(sha, deploy)

    def _add_forward(self, forward: Iterable[Deploy]) -> None:
        known = {deploy.id: deploy for deploy in (*self._forward, *forward)}
        self._forward = sorted(known.values(), key=lambda deploy: deploy.order)

    def take(self, deploy: Deploy, new: NewCommits) -> tuple[Remedy, ...]:
        """Return what the next deploy of the place remedies. *new* are the commits that it brought."""
        remedied = {found.deploy.id: found for found in self._find(deploy)}
        if deploy.type != ROLLBACK:
            self._forward.append(deploy)
        if new.own:
            self._brought.add(deploy.sha, deploy)
        for commit in new.commits:
            self._brought.add(commit.sha, deploy)
        return tuple(sorted(remedied.values(), key=lambda found: found.order))

    def _find(self, deploy: Deploy) -> Iterable[Remedy]:
        if deploy.type in (ROLLBACK, HOTFIX) and (before := self._before(deploy)) is not None:
            yield Remedy(before)
        for sha in deploy.reverts:
            brought = min(self._brought.find(sha), key=lambda earlier: earlier.order, default=None)
            if brought is not None:
                yield Remedy(brought, sha)

    def _before(self, deploy: Deploy) -> Deploy | None:
        for earlier in reversed(self._forward):
            if deploy.at - earlier.at >= self._window:
                return None
            if not same_commit(earlier.sha, deploy.sha):
                return earlier
        return None


def remedies(
    deploys: Iterable[Deploy], new: Mapping[str, NewCommits], window: int
) -> dict[str, tuple[Remedy, ...]]:
    """Return what each deploy remedies, by its id; *deploys* are the counting ones in order."""
    places: dict[Place, PlaceRemedies] = defaultdict(lambda: PlaceRemedies(window))
    found = {deploy.id: places[deploy.place].take(deploy, new[deploy.id]) for deploy in deploys}
    return {id_: remedied for id_, remedied in found.items() if remedied}
