"""The commits that each deploy brought to its target for the first time, and their lead times.

A lead time is the time from the commit to the deploy. After a deploy, its target has the deployed commit, the
commits that the deploy lists, and all that it had before. Of a deploy's list, a commit is new unless the
target has it:

* Every entry names its parents: the target has what earlier deploys were of or listed, and all that these
  lead to, by the parents that this list or an earlier one names.
* An entry names none: the target has the newest entry that it had before, and every older one.

A list that leads to nothing that the target has is unknown. One without parents is all new if the latest
deploy that brought something listed its commits, too. If that one listed none, a list that does not reach its
commit is unknown: it may have brought all of it. Merges and commits outside the service have no lead
time; the target has them. Repeats are left out: these functions take counting deploys alone.

Once deploys of a repository have named several services, a mirror or pushes cannot say whose the commits are,
and no list without `outside` says whose the commits are that it undid.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history.commits import CommitMap, CommitSet, same_commit
from gitdailies_dora.figures.history.events import ROLLBACK, Commit, Deploy

NO_PREDECESSOR, NO_COMMITS = "no-predecessor", "no-commits"
EARLIER_LISTS_NONE, LIST_CUT, NO_PATHS = "earlier-lists-none", "list-cut", "no-paths"


Order: TypeAlias = tuple[int, str]  # time and id of a deploy


class NewCommit(NamedTuple):
    """A new commit; `lead_time` is None if the commit has no time, or a time after its deploy."""

    sha: str
    lead_time: int | None


class NewCommits(NamedTuple):
    """The new commits of a deploy; `unknown` is the reason if they are not all known, else "".

    `own` is set if its own commit was never here before, although the deploy need not list it, and is not
    outside the service. `first` are
    the commits that it listed first, by which causes and reverts find it: merges too, also where they are
    unknown or old. `reverts` are the commits of its service that it undid. `untold` is set if its sender's
    list does not say which commits are of its service.
    """

    unknown: str
    commits: tuple[NewCommit, ...]
    own: bool = False
    first: tuple[str, ...] = ()
    reverts: tuple[str, ...] = ()
    untold: bool = False

    @property
    def brought_nothing(self) -> bool:
        return not self.unknown and not self.commits

    @property
    def lead_times(self) -> tuple[int, ...]:
        """The lead times that count."""
        return () if self.unknown else tuple(c.lead_time for c in self.commits if c.lead_time is not None)

    @property
    def unknown_commits(self) -> int:
        """The number of commits without a lead time, in a deploy that is not itself unknown."""
        return 0 if self.unknown else sum(c.lead_time is None for c in self.commits)


class TargetCommits:
    """The commits that one target has after its deploys so far."""

    def __init__(self) -> None:
        self.deployed = CommitSet()
        # Parents of what was listed, which no deploy listed.
        self.above = CommitSet()
        # Whether there is a deploy; of the latest one that brought something, its commit if it listed none.
        self.any, self.bare = False, ""

    def has(self, sha: str) -> bool:
        return sha in self.deployed or sha in self.above

    def take(self, deploy: Deploy, *, several: bool) -> NewCommits:
        """Return what the next deploy of the target brought. Then the target has its commits.

        *several* says whether deploys of its repository named several services until then.
        """
        untold = [commit for commit in deploy.commits or () if commit.outside is None]
        # A commit without a time has no lead time, whosever it is.
        found = self._find(deploy)._replace(
            reverts=() if several and untold else deploy.reverts,
            untold=any(commit.at is not None for commit in untold) and not deploy.of_any_service,
        )
        if several and deploy.of_any_service and found.commits and not found.unknown:
            found = found._replace(unknown=NO_PATHS, commits=())
        for commit in deploy.commits or ():
            self.deployed.add(commit.sha)
        for sha in parents_above(deploy.commits or ()):
            self.above.add(sha)
        self.deployed.add(deploy.sha)
        if not found.brought_nothing:
            self.bare = "" if deploy.commits else deploy.sha
        self.any = True
        return found

    def _find(self, deploy: Deploy) -> NewCommits:
        if deploy.known or (deploy.type == ROLLBACK and self.any):
            return NewCommits("", ())
        outside = any(one.outside and same_commit(one.sha, deploy.sha) for one in deploy.commits or ())
        was_there = self.has(deploy.sha)
        own = not was_there and not outside
        first = tuple(commit.sha for commit in self._listed_first(deploy.commits or ()))
        if not self.any:
            inside = [commit for commit in deploy.commits or () if not commit.outside]
            return NewCommits(NO_PREDECESSOR, _timed(deploy, inside), own, first)
        if was_there:
            return NewCommits("", (), own, first)
        if deploy.commits is None:
            return NewCommits(deploy.unknown or NO_COMMITS, (), own, first)
        if deploy.exact_list:
            new = [commit for commit in deploy.commits if not self.has(commit.sha) and not commit.outside]
            return NewCommits(deploy.unknown, _timed(deploy, new), own, first)
        unknown, new = self._new_of(deploy.commits)
        return NewCommits(unknown, _timed(deploy, new), own, first)

    def _listed_first(self, commits: Sequence[Commit]) -> list[Commit]:
        own = CommitSet()
        found = []
        for commit in commits:
            if not commit.outside and commit.sha not in own and commit.sha not in self.deployed:
                own.add(commit.sha)
                found.append(commit)
        return found

    def _new_of(self, commits: Sequence[Commit]) -> tuple[str, list[Commit]]:
        """Return the new commits of a list, and why they are not known."""
        inside = [commit for commit in commits if not commit.outside]
        if not inside:
            return "", []
        whole = all(commit.parents is not None for commit in commits)
        tied = any(self.has(commit.sha) or any(map(self.has, commit.parents or ())) for commit in inside)
        reaches = not self.bare or any(
            same_commit(self.bare, sha) for commit in commits for sha in (commit.sha, *(commit.parents or ()))
        )
        if not tied or not reaches:
            if whole or self.bare:
                return EARLIER_LISTS_NONE, []
            new, there = inside, CommitSet()
        else:
            there = self._there(commits) if whole else self._from_newest(commits)
            new = [commit for commit in inside if commit.sha not in there]
        merges = [commit for commit in new if commit.is_merge]
        if merges and len(merges) == len(new):
            listed = CommitSet()
            for commit in commits:
                listed.add(commit.sha)
            known = all(
                self.has(sha) or sha in there or sha in listed for one in merges for sha in one.parents or ()
            )
            return "" if known else LIST_CUT, []
        return "", [commit for commit in new if not commit.is_merge]

    def _there(self, commits: Sequence[Commit]) -> CommitSet:
        """Return what the target has of a list with parents: all that its commits lead to."""
        entries: CommitMap[Commit] = CommitMap()
        for commit in commits:
            entries.add(commit.sha, commit)
        found = CommitSet()
        waiting = [commit for commit in commits if self.has(commit.sha)]
        done: set[Commit] = set()
        while waiting:
            commit = waiting.pop()
            if commit not in done:
                done.add(commit)
                for sha in (commit.sha, *(commit.parents or ())):
                    found.add(sha)
                    waiting += entries.find(sha)
        return found

    def _from_newest(self, commits: Sequence[Commit]) -> CommitSet:
        """Return the newest entry that the target has, and every older one."""
        found = CommitSet()
        is_there = False
        for commit in commits:
            is_there = is_there or self.has(commit.sha)
            if is_there:
                found.add(commit.sha)
        return found


def several_services(
    deploys: Iterable[Deploy], stored: Mapping[str, Mapping[str, Order]] = MappingProxyType({})
) -> dict[str, Order]:
    """Return the deploy from which on those of a repository named several services, counted or repeat.

    *stored* has, by repository and service, the first deploy that is known already.
    """
    firsts = defaultdict(dict, {repo: dict(services) for repo, services in stored.items()})
    for deploy in deploys:
        if deploy.target.service:
            services = firsts[deploy.target.repo]
            services[deploy.target.service] = min(
                services.get(deploy.target.service, deploy.order), deploy.order
            )
    return {repo: sorted(found.values())[1] for repo, found in firsts.items() if len(found) > 1}


def parents_above(commits: Sequence[Commit]) -> list[str]:
    """Return the parents that a list names and does not list. A cut SHA may name another commit as well."""
    listed = {commit.sha for commit in commits}
    return list({sha: None for one in commits for sha in one.parents or () if sha not in listed})


def new_commits(
    deploys: Iterable[Deploy], several_from: Mapping[str, Order] = MappingProxyType({})
) -> dict[str, NewCommits]:
    """Return the new commits of every deploy, by its id; *deploys* are in order.

    *several_from* is what `several_services` returns.
    """
    targets: dict[DeployTarget, TargetCommits] = defaultdict(TargetCommits)
    return {
        deploy.id: targets[deploy.target].take(deploy, several=is_several(deploy, several_from))
        for deploy in deploys
    }


def is_several(deploy: Deploy, several_from: Mapping[str, Order]) -> bool:
    """Whether deploys of a repository named several services when *deploy* came, this one included."""
    since = several_from.get(deploy.target.repo)
    return since is not None and since <= deploy.order


def _timed(deploy: Deploy, commits: Iterable[Commit]) -> tuple[NewCommit, ...]:
    own = CommitSet()
    found = []
    for commit in commits:
        if commit.sha not in own:
            own.add(commit.sha)
            late = commit.at is None or commit.at > deploy.at
            found.append(NewCommit(commit.sha, None if late else deploy.at - (commit.at or 0)))
    return tuple(found)
