"""Look up in a mirror what the deploys of a repository need, a few commits at a time. It blocks."""

from collections.abc import Iterable

from gitdailies_dora.figures.history import ancestry
from gitdailies_dora.figures.history.ancestry import Between, GitFindings, Globs, KnownCommits, Pair
from gitdailies_dora.mirrors.repository import Mirror, MirrorUnreadable
from gitdailies_dora.mirrors.rows import NewFacts, RepositoryState

# Facts are saved after this many pairs, so that an interrupted lookup need not begin again.
AT_ONCE = 200


class MirrorLookup:
    """One lookup in a mirror; `fault` is the reason why the mirror cannot be read, or ""."""

    def __init__(self, mirror: Mirror, state: RepositoryState, paths: Globs) -> None:
        self.fault = ""
        self._mirror = mirror
        self._deploys = state.deploys_by_place
        self._named = {deploy.sha for deploys in state.deploys_by_place for deploy in deploys}
        self._commits: dict[str, str | None] = {**state.commits}
        self._pairs: dict[Pair, Between | None] = {**state.pairs}
        self._paths = paths

    @property
    def missing(self) -> frozenset[str]:
        """The commits of deploys that the mirror does not have."""
        return frozenset(sha for sha in self._named if self._commits.get(sha) is None)

    def next_facts(self) -> NewFacts:
        """Look up the next facts."""
        commits = self._find_commits(self._named.difference(self._commits))
        needed = self._needed_pairs(self._decide())
        pairs = self._find_pairs(needed[:AT_ONCE])
        done = not self._needed_pairs(self._decide())
        return NewFacts(commits, pairs, self._decide(), done)

    def _decide(self) -> GitFindings:
        reason = ancestry.UNREADABLE if self.fault else ancestry.NOT_IN_MIRROR
        known = KnownCommits(self._commits, self._pairs, reason, self._paths)
        return ancestry.find_commits(self._deploys, known)

    def _needed_pairs(self, decided: GitFindings) -> list[Pair]:
        needed = [pair for pair in decided.pairs if pair not in self._pairs]
        if self.fault:
            self._pairs |= dict.fromkeys(needed)
            return []
        return needed

    def _find_commits(self, named: Iterable[str]) -> dict[str, str]:
        try:
            found = self._mirror.commits(named)
        except MirrorUnreadable as error:
            self.fault, found = str(error), dict.fromkeys(named)
        self._commits |= found
        return {sha: whole for sha, whole in found.items() if whole is not None}

    def _find_pairs(self, pairs: Iterable[Pair]) -> dict[Pair, Between]:
        found = {}
        for pair in pairs:
            try:
                found[pair] = self._mirror.between(*pair)
            except MirrorUnreadable as error:
                self.fault = str(error)
                break
        self._pairs |= found
        return found
