"""The commits that a deploy brought, worked out from its repository.

A deploy brought the commits that are reachable from its own commit, and not from the commit of any
earlier deploy of its target. They are found step by step, from the commits between each deploy and the
one before it. `removed` holds commits that were deployed once and are not reachable from the latest
deploy, as after a rollback: they are not new when they come back.

If the repository lacks the commit of a deploy, the commits of that deploy are unknown. A commit made
before that deploy may have come with it, so a later deploy with such a commit is unknown, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history.events import Commit, Deploy, GitCommits

NOT_IN_MIRROR, EARLIER_NOT_IN_MIRROR = "not-in-mirror", "earlier-not-in-mirror"
UNREADABLE, TOO_MANY = "mirror-unreadable", "too-many-commits"

# The full SHAs of the commits of two deploys, the earlier one first, and the globs of their service.
Pair = tuple[str, ...]
Globs = Mapping[str, tuple[str, ...]]  # by the folded name of the service


class Between(NamedTuple):
    """The commits reachable from only one of a pair: `ahead` from the later, `behind` from the earlier one.

    Merge commits are left out. `cut` is set if there are too many commits to list. Where the pair has globs,
    those ahead say whether they are outside the service.
    """

    ahead: tuple[Commit, ...]
    behind: tuple[str, ...]
    cut: bool = False


class KnownCommits(NamedTuple):
    """Facts about a repository: the full SHA of each commit that a deploy names, and pairs.

    The SHA is None if the commit was not found, for the reason `missing`. A pair is None if git could not
    read it now, and absent if git has not been asked about it yet. `paths` are the globs of services.
    """

    commits: Mapping[str, str | None]
    pairs: Mapping[Pair, Between | None]
    missing: str = NOT_IN_MIRROR
    paths: Globs = MappingProxyType({})


class GitFindings(NamedTuple):
    """The commits of each deploy that is decided, by its id, and the pairs that are needed, in order."""

    commits: dict[str, GitCommits]
    pairs: dict[Pair, None]


def deploys_to_ask_about(deploys: Iterable[Deploy]) -> list[list[Deploy]]:
    """Return the counting deploys of each target with more than one, in order.

    The first deploy of a target is unknown, whatever a repository has.
    """
    targets: dict[DeployTarget, list[Deploy]] = defaultdict(list)
    for deploy in deploys:
        targets[deploy.target].append(deploy)
    return [of_target for of_target in targets.values() if len(of_target) > 1]


def find_commits(targets: Iterable[list[Deploy]], known: KnownCommits) -> GitFindings:
    """Find the commits of the deploys that `deploys_to_ask_about` returned."""
    findings = GitFindings({}, {})
    for deploys in targets:
        _find_in_place(deploys, known, findings)
    return findings


def _find_in_place(deploys: list[Deploy], known: KnownCommits, findings: GitFindings) -> None:
    before: str | None = None
    removed: set[str] = set()
    unsure_until: int | None = None
    decided = True
    paths = known.paths.get(deploys[0].target.service or "", ())
    for deploy in deploys:
        sha = known.commits.get(deploy.sha)
        if sha is None:
            unsure_until = deploy.at
            git = GitCommits(known.missing)
        elif before is None:
            git = GitCommits(EARLIER_NOT_IN_MIRROR)
        else:
            asked = (before, sha, *paths)
            if before != sha:
                findings.pairs[asked] = None
            between = Between((), ()) if before == sha else known.pairs.get(asked, _NOT_ASKED)
            if between is _NOT_ASKED:
                decided = False
            if between is None or between.cut:
                git = GitCommits(UNREADABLE if between is None else TOO_MANY)
                removed, unsure_until = set(), deploy.at
            else:
                new = tuple(commit for commit in between.ahead if commit.sha not in removed)
                unsure = unsure_until is not None and any(c.at is None or c.at <= unsure_until for c in new)
                git = GitCommits(EARLIER_NOT_IN_MIRROR if unsure else "", new)
                removed = removed.difference(c.sha for c in between.ahead).union(between.behind)
        before = sha or before
        if decided and deploy is not deploys[0]:
            findings.commits[deploy.id] = git


_NOT_ASKED = Between((), ())
