"""Rows of deploys: what later deploys and incidents can see of them.

As long as that stays the same, nothing else has to be derived again because of a deploy.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.figures.history.events import Deploy
from gitdailies_dora.figures.history.lead_time import NewCommits, parents_above
from gitdailies_dora.sql.bulk import among, given_sql, lookup_many

TargetKey = tuple[str, str, str]  # repository, environment, service or ""
Order = tuple[int, str]  # time and id of a deploy

# What a row of figures_commits says about a commit: the target had it, or the deploy listed it first, or
# only names it as a parent.
THERE, LISTED_FIRST, ABOVE = 0, 1, 2
# The marks of these in `mentions`. Some of those that it listed first are new; the others were known before.
# The new ones have the second mark if their list does not say which of them are of the service.
NEW, NEW_UNTOLD = "+", "*"
_OLD, _ABOVE, _OUTSIDE = "~", "^", "-"
_MARKS = {NEW: LISTED_FIRST, NEW_UNTOLD: LISTED_FIRST, _OLD: LISTED_FIRST, _ABOVE: ABOVE, _OUTSIDE: THERE}


class StoredDeploy(NamedTuple):
    """A deploy: where and when it is, what it names, and what it counts as.

    `mentions` are the commits that it lists, with a "+" or "*" before the new ones and a "~" before others
    that it listed first, a "-" before those outside its service, and the parents of these that it does not
    list, each behind a "^". `own_new` is set
    if its own commit was not here, and `brought` if it brought something, known or not. All of this only if
    it counts. `reverts` are commits that it undoes. Of one that does not count, `repeats` is the deploy
    that it repeats. `known` is set if its commit counted here before, and `undoes` if it remedies one by
    `reverts`.
    """

    id: str
    repo: str
    environment: str
    service: str
    at: int
    sha: str
    exact: str
    run: str
    attempt: str
    reporter: str
    says: str
    counts: bool
    type: str
    own_new: bool
    mentions: str
    reverts: str
    brought: bool
    repeats: str = ""
    known: bool = False
    undoes: bool = False

    @classmethod
    def of(cls, deploy: Deploy, new: NewCommits | None, repeats: str = "") -> "StoredDeploy":
        """Return what a row holds of a deploy: its *new* commits if it counts, else what it *repeats*."""
        commits = deploy.commits or () if new else ()
        marks = {commit.sha: _OUTSIDE for commit in commits if commit.outside}
        marks |= dict.fromkeys(new.first, _OLD) if new else {}
        mark = NEW_UNTOLD if new and new.untold else NEW
        marks |= {commit.sha: mark for commit in new.commits} if new else {}
        listed = dict.fromkeys(commit.sha for commit in commits)
        mentions = [marks.get(sha, "") + sha for sha in listed]
        mentions += (_ABOVE + sha for sha in parents_above(commits))
        return cls(
            deploy.id,
            *target_key(deploy.target),
            deploy.at,
            deploy.sha,
            deploy.exact or "",
            deploy.run or "",
            deploy.attempt,
            deploy.reporter or "",
            deploy.says,
            new is not None,
            deploy.type,
            new is not None and new.own,
            " ".join(mentions),
            " ".join(dict.fromkeys(new.reverts)) if new else "",
            new is not None and not new.brought_nothing,
            repeats,
            deploy.known,
        )

    @property
    def target(self) -> TargetKey:
        return (self.repo, self.environment, self.service)

    @property
    def order(self) -> Order:
        return (self.at, self.id)

    @property
    def key(self) -> tuple[TargetKey, Order]:
        return (self.target, self.order)

    @property
    def listed(self) -> dict[str, str]:
        """By each commit that it lists or names as a parent, its mark, or ""."""
        return {
            sha.lstrip("".join(_MARKS)): sha[0] if sha[0] in _MARKS else "" for sha in self.mentions.split()
        }

    @property
    def commits(self) -> dict[str, int]:
        """What figures_commits says about each commit that was there from it on; nothing for a repeat."""
        if not self.counts:
            return {}
        listed = {sha: _MARKS.get(mark, THERE) for sha, mark in self.listed.items()}
        own = LISTED_FIRST if self.own_new or listed.get(self.sha) == LISTED_FIRST else THERE
        return {**listed, self.sha: own}

    def to_deploy(self) -> Deploy:
        """Return the deploy without its commits."""
        target = DeployTarget(self.repo, self.environment, self.service or None)
        return Deploy(
            self.id,
            self.at,
            target,
            self.sha,
            self.type,
            None,
            None,
            says=self.says,
            exact=self.exact or None,
            run=self.run or None,
            attempt=self.attempt,
            reporter=self.reporter or None,
            known=self.known,
            undoes=self.undoes,
        )


class DeployChange(NamedTuple):
    """What a row held of a deploy before and after it was derived again; None where there was none."""

    old: StoredDeploy | None
    new: StoredDeploy | None

    @property
    def sides(self) -> tuple[StoredDeploy, ...]:
        return tuple(filter(None, self))


def lead_times_of(stored: str) -> list[int]:
    """Return the lead times (µs) of a deploy, from the column `leads` of its row."""
    times: list[int] = orjson.loads(f"[{stored}]")
    return times


def target_key(target: DeployTarget) -> TargetKey:
    """Return a target as rows hold it."""
    return (target.repo, target.environment or "", target.service or "")


def read_deploys_by_id(session: Session, ids: Iterable[str]) -> dict[str, StoredDeploy]:
    """Return what the rows of deploys hold, by id."""
    rows = [(id_,) for id_ in sorted(set(ids))]
    found = {}
    for row in lookup_many(session, "id", rows, statements.DEPLOYS_BY_ID):
        stored = StoredDeploy._make(row)
        found[stored.id] = stored._replace(
            counts=bool(stored.counts),
            own_new=bool(stored.own_new),
            brought=bool(stored.brought),
            known=bool(stored.known),
            undoes=bool(stored.undoes),
        )
    return found


def first_named(session: Session, repos: Iterable[str]) -> dict[str, dict[str, Order]]:
    """Return, by repository and service, the first stored deploy that names it, counted or repeat."""
    return by_service(first_of_services(session, repos))


def by_service(targets: Mapping[TargetKey, Order]) -> dict[str, dict[str, Order]]:
    """Return the first deploys of targets in any environment, by repository and service."""
    found: dict[str, dict[str, Order]] = defaultdict(dict)
    for (repo, _, service), first in targets.items():
        if service:
            found[repo][service] = min(found[repo].get(service, first), first)
    return found


def first_of_services(session: Session, repos: Iterable[str]) -> dict[TargetKey, Order]:
    """Return the first stored deploy of each target, except of production without a service."""
    statement = statements.FIRST_OF_SERVICES.format(given_sql(session, "repo"))
    rows = session.execute(statement, (among(session, sorted(set(repos))),)).fetchall()
    return {(repo, environment, service): (at, id_) for repo, environment, service, at, id_ in rows}
