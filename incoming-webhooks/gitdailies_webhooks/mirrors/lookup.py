"""Asks a mirror for all that the deploys of a repository need, some of it at a time; it blocks."""

from __future__ import annotations

from collections.abc import Iterable

from gitdailies_webhooks.figures import ancestry
from gitdailies_webhooks.figures.ancestry import Between, GitFindings, KnownCommits, Pair
from gitdailies_webhooks.mirrors.repository import Mirror, MirrorUnreadable
from gitdailies_webhooks.mirrors.rows import Found, Standing

# What is found is kept after so many questions, so that a long history is not asked twice.
AT_ONCE = 200


class Asking:
    """One look at a mirror; `fault` says why it could not be read, "" while it can."""

    def __init__(self, mirror: Mirror, standing: Standing) -> None:
        self.fault = ""
        self._mirror = mirror
        self._places = standing.places
        self._named = {deploy.sha for row in standing.places for deploy in row}
        self._commits: dict[str, str | None] = {**standing.commits}
        self._pairs: dict[Pair, Between | None] = {**standing.pairs}

    @property
    def lacking(self) -> frozenset[str]:
        """The commits that deploys name and that were not found."""
        return frozenset(sha for sha in self._named if self._commits.get(sha) is None)

    def next(self) -> Found:
        """Ask for what is needed next."""
        commits = self._ask_commits(self._named.difference(self._commits))
        wanted = self._wanted(self._tell())
        pairs = self._ask_pairs(wanted[:AT_ONCE])
        done = not self._wanted(self._tell())
        return Found(commits, pairs, self._tell(), done)

    def _tell(self) -> GitFindings:
        lacking = ancestry.UNREADABLE if self.fault else ancestry.NOT_IN_MIRROR
        return ancestry.find_commits(self._places, KnownCommits(self._commits, self._pairs, lacking))

    def _wanted(self, telling: GitFindings) -> list[Pair]:
        wanted = [pair for pair in telling.pairs if pair not in self._pairs]
        if self.fault:
            self._pairs |= dict.fromkeys(wanted)
            return []
        return wanted

    def _ask_commits(self, named: Iterable[str]) -> dict[str, str]:
        try:
            found = self._mirror.commits(named)
        except MirrorUnreadable as error:
            self.fault, found = str(error), dict.fromkeys(named)
        self._commits |= found
        return {sha: whole for sha, whole in found.items() if whole is not None}

    def _ask_pairs(self, pairs: Iterable[Pair]) -> dict[Pair, Between]:
        found = {}
        for pair in pairs:
            try:
                found[pair] = self._mirror.between(*pair)
            except MirrorUnreadable as error:
                self.fault = str(error)
                break
        self._pairs |= found
        return found
