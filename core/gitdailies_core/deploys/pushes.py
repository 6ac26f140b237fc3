"""What pushes tell about the commits of a deploy: pure.

A push lists commits oldest first. Each is remembered with the one before it, so that the commits between
two deploys can be walked. Where the list does not begin at a known commit there is a gap: what lies
beyond is unknown, and is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from datetime import datetime
from typing import NamedTuple

from gitdailies_core.ci.facts import reverts_of, undone_by
from gitdailies_core.events.field_types import MOST_COMMITS
from gitdailies_core.sources.deploy_messages import DeployedCommit, Push

# As git, GitHub, GitLab and Bitbucket write the message of a merge. A push does not list the parents.
_MERGE = re.compile(
    r"Merge (?:pull request #|branch |branches |tag |commit |remote-tracking branch |request )|Merged in "
)


class RememberedCommit(NamedTuple):
    """A commit of a branch: the one before it there, or "" where that is unknown; no message.

    `reverts` are the commits that it undoes.
    """

    sha: str
    parent: str
    time: datetime | None
    is_merge: bool
    reverts: tuple[str, ...]


class Brought(NamedTuple):
    """The commits that a deploy brought, newest first and without merges, and those that they undo."""

    commits: tuple[DeployedCommit, ...]
    reverts: tuple[str, ...]


def remembered(push: Push) -> tuple[RememberedCommit, ...]:
    """Return what is remembered of a push, oldest first.

    The first commit of a push that rewrote the branch follows none that is known, nor does that of a push
    which lists fewer commits than it brought. A push which does not list its own last commit tells nothing.
    """
    listed = push.commits
    if push.after and listed and listed[-1].sha != push.after:
        return ()
    is_cut = push.total is not None and len(listed) < push.total
    before = "" if push.forced or is_cut else push.before
    parents = (before, *(commit.sha for commit in listed))
    return tuple(
        RememberedCommit(
            commit.sha,
            parent,
            commit.time,
            _MERGE.match(commit.message) is not None,
            undone_by(commit.message),
        )
        for commit, parent in zip(listed, parents)
    )


def brought(walked: Sequence[RememberedCommit], known: Container[str]) -> Brought | None:
    """Return what came after the newest of the *known* commits, or None if the walk leads to none of them.

    *walked* begins at the deployed commit; each one is followed by the one before it.
    """
    for number, commit in enumerate(walked, 1):
        if commit.parent in known:
            found = walked[:number]
            return Brought(
                tuple(DeployedCommit(one.sha, one.time) for one in found if not one.is_merge),
                reverts_of((one.sha, one.reverts) for one in found),
            )
    return None


def has_end(walked: Sequence[RememberedCommit]) -> bool:
    """Return whether no later push can lead the walk further back.

    A branch began there, was rewritten there, or its push lists fewer commits than it brought. Or there
    are as many commits as an event may hold.
    """
    return bool(walked) and (not walked[-1].parent or len(walked) >= MOST_COMMITS)
