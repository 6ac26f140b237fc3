"""What pushes say about the commits of a deploy. Pure.

A push lists commits oldest first. Each is remembered with the one before it, so that the commits between
two deploys can be walked. Where the list does not begin at a known commit there is a gap: what lies
beyond is unknown, and is never guessed. So it is where a commit is older than the one before it: one of them
came with a merge. Of a push with a known merge, only the last commit has all others and what was before.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.ci.job.facts import is_merge, reverts_of, undone_by
from gitdailies_core.deploys.service_paths import ServicePaths, touched
from gitdailies_core.events.field_types import MOST_COMMITS
from gitdailies_core.sources.deploy_messages import DeployedCommit, Push
from gitdailies_core.values.renames import folded


class RememberedCommit(NamedTuple):
    """A commit of a branch: the one before it there, or "" where that is unknown; no message.

    `reverts` are the commits that it undoes. `services` says for each service that has paths, by its folded
    name, whether the commit touches it; it is empty where its push names no files. `beside` is set if its
    push has a merge and goes on after it: then it need not have the commits before it.
    """

    sha: str
    parent: str
    time: datetime | None
    is_merge: bool
    reverts: tuple[str, ...]
    services: Mapping[str, bool] = MappingProxyType({})
    beside: bool = False


class Brought(NamedTuple):
    """The commits that a deploy brought, newest first and without merges, and those that they undo.

    The parent of each is the one before it here that is not outside the service; that of the oldest is the
    commit that was there before, also where only merges and commits outside lie between. If a push merged
    others, no parents are known, and the commit that was there is the last one. What commits outside undo is
    left out.
    """

    commits: tuple[DeployedCommit, ...]
    reverts: tuple[str, ...]


def with_services(push: Push, paths: ServicePaths) -> Push:
    """Return a push whose commits say which services they touch, of those with paths, if it names files."""
    services = paths.get(folded(push.repo), {})
    told = (one._replace(services=touched(services, one.files or ())) for one in push.commits)
    named = all(one.files is not None for one in push.commits)
    return replace(push, commits=tuple(told)) if named else push


def remembered(push: Push) -> tuple[RememberedCommit, ...]:
    """Return the commits to remember of a push, oldest first.

    The first commit of a push that rewrote the branch follows none that is known, nor does that of a push
    which lists fewer commits than it brought. A push which does not list its own last commit says nothing.
    """
    listed = push.commits
    if push.after and listed and listed[-1].sha != push.after:
        return ()
    is_cut = push.total is not None and len(listed) < push.total
    before = "" if push.forced or is_cut else push.before
    parents = (before, *(commit.sha for commit in listed))
    merges = [is_merge(commit.message) for commit in listed]
    return tuple(
        RememberedCommit(
            commit.sha,
            parent,
            commit.time,
            merge,
            undone_by(commit.message),
            commit.services,
            beside=any(merges) and commit is not listed[-1],
        )
        for commit, parent, merge in zip(listed, parents, merges, strict=False)
    )


def straight(walked: Sequence[RememberedCommit]) -> Sequence[RememberedCommit]:
    """Return the part of a walk whose commits each contain the ones behind them."""
    if walked and walked[0].beside:
        return ()
    for number, (one, before) in enumerate(pairwise(walked)):
        is_older = one.time is not None and before.time is not None and one.time < before.time
        if is_older and not (one.is_merge or one.beside):
            return (*walked[:number], one._replace(parent=""))
    return walked


def brought(
    walked: Sequence[RememberedCommit], known: Container[str], service: str | None = None
) -> Brought | None:
    """Return the commits after the newest of the *known* ones, or None if the walk leads to none of them.

    *walked* is straight and begins at the deployed commit; each one is followed by the one before it.
    *service* is the service of the deploy. If a known commit is `beside` others, it is not known which of
    them it has.
    """
    end = next((number for number, commit in enumerate(walked) if commit.parent in known), None)
    if end is None or any(one.beside and one.sha in known for one in walked[: end + 2]):
        return None
    found = [(one, _is_outside(one, service)) for one in walked[: end + 1]]
    merged = any(one.beside for one, _ in found)
    commits, before = list[DeployedCommit](), walked[end].parent
    there = walked[end + 1 : end + 2] if merged else ()
    commits += (DeployedCommit(one.sha, one.time, None, _is_outside(one, service)) for one in there)
    for one, outside in reversed(found):
        if not one.is_merge:
            commits.append(DeployedCommit(one.sha, one.time, None if merged else (before,), outside))
            before = before if outside else one.sha
    undone = reverts_of((one.sha, one.reverts) for one, outside in found if not outside)
    return Brought(tuple(reversed(commits)), undone)


def _is_outside(commit: RememberedCommit, service: str | None) -> bool | None:
    touches = commit.services.get(folded(service)) if service else None
    return None if touches is None else not touches


def has_end(walked: Sequence[RememberedCommit]) -> bool:
    """Return whether no later push can lead the walk further back.

    A branch began there, was rewritten there, or its push lists fewer commits than it brought. Or there
    are as many commits as an event may hold.
    """
    return bool(walked) and (not walked[-1].parent or len(walked) >= MOST_COMMITS)
