"""The timeline of a deploy: commit, deploy, incidents, what remedied it, and the gaps between them.

    commit ─ lead time ─► deploy ─ until it was noticed ─► incident ─► rollback ─► resolved

Everything that happened is a node, in order. A gap is the time from the node before. Its word says what the
time is, if it is more than the time between two events.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# What a node is.
COMMIT, DEPLOY, REMEDY, STARTED, RESOLVED, NOW = "commit", "deploy", "remedy", "started", "resolved", "now"
# An end without a recovery of its own: merged, canceled or deleted.
CLOSED = "closed"
# What a gap is.
LEAD_TIME, UNTIL_NOTICED, STILL_OPEN, BETWEEN = "leadTime", "untilNoticed", "stillOpen", "between"

# The order of nodes at one instant.
_RANKS = {name: rank for rank, name in enumerate((COMMIT, DEPLOY, STARTED, REMEDY, RESOLVED, CLOSED, NOW))}


class DeployedCommit(NamedTuple):
    """A commit of a deploy; `at` is its commit time or None. It is `new` if no earlier deploy here had it."""

    sha: str
    at: int | None
    new: bool
    outside: bool = False

    def lead_time(self, deployed_at: int) -> int | None:
        """Return its lead time (µs); None if it has none: not new, no time, or a time after the deploy."""
        if not self.new or self.at is None or self.at > deployed_at:
            return None
        return deployed_at - self.at


class Happening(NamedTuple):
    """An event of the timeline: its id and its time (µs)."""

    id: str
    at: int


class Trouble(NamedTuple):
    """An incident of the timeline; `end` is None while it is open, and `merged` if its end is no recovery."""

    start: Happening
    end: Happening | None
    merged: bool = False


class Node(NamedTuple):
    """A node: its time (µs), what it is, and the id of its event, "" for a commit and for now.

    `sha` is that of a commit, and `of` the id of the start that an end is of. `after` is the time since the
    node before (µs), None for the first one, and `gap` says what this time is.
    """

    at: int
    what: str
    id: str = ""
    sha: str = ""
    of: str = ""
    after: int | None = None
    gap: str = ""


def timeline_of(
    deploy: Happening | None,
    changes: Sequence[DeployedCommit],
    troubles: Iterable[Trouble],
    remedies: Iterable[Happening],
    now: int,
) -> list[Node]:
    """Return the nodes in order; *deploy* is None for an incident that is attributed to none.

    Events later than *now* are not in the timeline.
    """
    troubles = list(troubles)
    nodes: list[Node] = []
    if deploy is not None:
        newest = newest_change(changes, deploy.at)
        if newest is not None and newest.at is not None:
            nodes.append(Node(newest.at, COMMIT, sha=newest.sha))
        nodes.append(Node(deploy.at, DEPLOY, deploy.id))
    for trouble in troubles:
        nodes.append(Node(trouble.start.at, STARTED, trouble.start.id))
        if trouble.end is not None and trouble.end.at <= now:
            what = CLOSED if trouble.merged else RESOLVED
            nodes.append(Node(trouble.end.at, what, trouble.end.id, of=trouble.start.id))
    nodes += (Node(remedy.at, REMEDY, remedy.id) for remedy in remedies)
    if any(trouble.end is None or trouble.end.at > now for trouble in troubles):
        nodes.append(Node(now, NOW))
    past = (node for node in nodes if node.at <= now)
    ordered = sorted(past, key=lambda node: (node.at, _RANKS[node.what], node.id))
    return [
        node if before is None else node._replace(after=node.at - before.at, gap=_gap(before, node))
        for before, node in zip([None, *ordered], ordered, strict=False)
    ]


def newest_change(changes: Iterable[DeployedCommit], deployed_at: int) -> DeployedCommit | None:
    """Return the newest new commit with a lead time, or None."""
    timed = [change for change in changes if change.lead_time(deployed_at) is not None]
    return max(timed, key=lambda change: (change.at or 0, change.sha), default=None)


def _gap(before: Node, node: Node) -> str:
    if (before.what, node.what) == (COMMIT, DEPLOY):
        return LEAD_TIME
    if (before.what, node.what) == (DEPLOY, STARTED):
        return UNTIL_NOTICED
    return STILL_OPEN if node.what == NOW else BETWEEN
