"""Which deploys remedy earlier ones: by undoing their commits, by going back, or by a hotfix.

* A deploy whose commits undo others (`reverts`) remedies the earlier deploys of its target that brought
  these, whatever lies between. It does not remedy one that itself did so: what that undid comes back.
* A rollback or a hotfix remedies the latest earlier deploy of its target that is no rollback and is of
  another commit, if that is less than the window before it. It never remedies one further back.

A deploy that only names the incident it fixes remedies nothing.

A deploy is rework if it was not planned and fixes what users ran into: a rollback, a hotfix, one with
`fixes`, one that undoes another. If a deploy begins while an incident of an earlier one is open, and the
incident ends within the hour, the deploy seems to have fixed it: a *fix forward*.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history import corrections
from gitdailies_dora.figures.history.commits import CommitMap, same_commit
from gitdailies_dora.figures.history.events import HOTFIX, HOUR_US, ROLLBACK, Deploy
from gitdailies_dora.figures.history.incidents import Incident
from gitdailies_dora.figures.history.lead_time import NewCommits

# Whether a deploy is rework: not by a rule; by a rule or a person; not, as a person says.
PLANNED, REWORK, NOT_REWORK = 0, 1, 2


class Remedy(NamedTuple):
    """A deploy that a later one remedies; `reverts` is the commit that this undid, "" if it went back."""

    deploy: Deploy
    reverts: str = ""

    @property
    def order(self) -> tuple[bool, tuple[int, str]]:
        """The order of what one deploy remedies: rolled back deploys, then reverted ones, each by age."""
        return (bool(self.reverts), self.deploy.order)


class TargetRemedies:
    """What the deploys of one target so far decide about what the next one remedies.

    It holds the deploys that are no rollbacks, in order, and the deploy that brought each commit.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._forward: list[Deploy] = []
        self._brought: CommitMap[Deploy] = CommitMap()

    def add_earlier(self, forward: Collection[Deploy], brought: Iterable[tuple[str, Deploy]]) -> None:
        """Add earlier deploys: some that are no rollbacks, and some that brought a commit."""
        if forward:
            known = {deploy.id: deploy for deploy in (*self._forward, *forward)}
            self._forward = sorted(known.values(), key=lambda deploy: deploy.order)
        for sha, deploy in brought:
            self._brought.add(sha, deploy)

    def take(self, deploy: Deploy, new: NewCommits) -> tuple[Remedy, ...]:
        """Return what the next deploy of the target remedies. *new* are the commits that it brought."""
        remedied = {found.deploy.id: found for found in self._find(deploy, new.reverts)}
        deploy = deploy._replace(undoes=any(found.reverts for found in remedied.values()))
        if deploy.type != ROLLBACK:
            self._forward.append(deploy)
        if new.own:
            self._brought.add(deploy.sha, deploy)
        for sha in new.first:
            self._brought.add(sha, deploy)
        return tuple(sorted(remedied.values(), key=lambda found: found.order))

    def _find(self, deploy: Deploy, reverts: Iterable[str]) -> Iterable[Remedy]:
        if deploy.type in (ROLLBACK, HOTFIX) and (before := self._before(deploy)) is not None:
            yield Remedy(before)
        for sha in reverts:
            brought = min(self._brought.find(sha), key=lambda earlier: earlier.order, default=None)
            if brought is not None and not brought.undoes:
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
    targets: dict[DeployTarget, TargetRemedies] = defaultdict(lambda: TargetRemedies(window))
    found = {deploy.id: targets[deploy.target].take(deploy, new[deploy.id]) for deploy in deploys}
    return {id_: remedied for id_, remedied in found.items() if remedied}


def rework_of(deploy: Deploy, undoes: bool, said: str) -> int:
    """Return whether a deploy is rework, apart from fixes forward.

    *undoes* is set if it remedies one by its `reverts`, and *said* is what a correction says.
    """
    if said:
        return NOT_REWORK if said == corrections.NOT_REWORK else REWORK
    return REWORK if deploy.rework or undoes else PLANNED


def fix_forward(such: Sequence[tuple[str, int]]) -> str | None:
    """Return the id of the deploy that seems to have fixed an incident, if there is one.

    *such* are the deploys that may have, in order, each with what `rework_of` says: they follow the deploy
    that the incident is attributed to, began while it was open, and it ended at most an hour later.
    """
    if not such or any(rework == REWORK for _, rework in such):
        return None
    id_, rework = such[-1]
    return None if rework == NOT_REWORK else id_


def fixes_forward(
    deploys: Iterable[Deploy], incidents: Iterable[Incident], rework: Mapping[str, int]
) -> dict[str, Incident]:
    """Return the incident that each fix forward seems to have fixed, by the id of the deploy.

    *deploys* are the counting ones in order, and *rework* is what `rework_of` says about each.
    """
    targets: dict[DeployTarget, list[Deploy]] = defaultdict(list)
    for deploy in deploys:
        if not deploy.known or deploy.type == ROLLBACK:
            targets[deploy.target].append(deploy)
    found: dict[str, Incident] = {}
    for incident in incidents:
        (start, end), cause = incident.occurrence, incident.link.deploy
        if cause is None or end is None or end.merged:
            continue
        began_at = max(start.at, end.at - HOUR_US)
        here = targets[cause.target]
        first = bisect_left(here, began_at, key=lambda deploy: deploy.at)
        behind = bisect_left(here, end.at, key=lambda deploy: deploy.at)
        such = [(one.id, rework[one.id]) for one in here[first:behind] if one.order > cause.order]
        if (fix := fix_forward(such)) is not None:
            found.setdefault(fix, incident)
    return found
