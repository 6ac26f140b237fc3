"""What a checkout's git knows about a deploy, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import reverts_of


class GitFacts(NamedTuple):
    """What a checkout knows: its HEAD, and the log from a commit on.

    sha      HEAD, and `branch` the one that it is on
    whole    whether earlier commits were all fetched
    at       the commit that the log begins with, or "" for HEAD
    commits  entries for the event: those that landed last come first, the deployed one before all
    history  every known commit in the same order, as its name, its parents and the commits that it undoes
    has      other commits that were looked for and found
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, Any], ...] = ()
    history: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    whole: bool = True
    at: str = ""
    has: frozenset[str] = frozenset()

    @property
    def logged(self) -> str:
        """The commit that the log begins with."""
        return self.at or self.sha

    def reverts_since(self, before: str | None) -> tuple[str, ...]:
        """Return the commits that those after *before* undo.

        If *before* is unknown, the first parent of the newest commit takes its place.
        Earlier reverts undid what earlier deploys brought, and were in these. One outside the service undid
        nothing of it.
        """
        parents = {name: above for name, above, _ in self.history}
        first = parents.get(self.logged, ())[:1]
        known, waiting = set(), [before] if before in parents else [*first]
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting += parents.get(name, ())
        known.update(entry["sha"] for entry in self.commits if entry.get("outside"))
        return reverts_of((name, undone) for name, _, undone in self.history if name not in known)
