"""What a checkout's git knows about a deploy, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitdailies_core.ci.facts import reverts_of


@dataclass(frozen=True)
class GitFacts:
    """What the checkout knows about its HEAD.

    `commits` are without merges, and those that landed last come first. They are empty for a shallow
    clone, which lacks earlier commits. `history` has every known commit in the same order, as its name,
    its parents and the commits that it undoes.
    """

    sha: str
    branch: str | None = None
    remote: str | None = None
    commit_time: str | None = None
    commits: tuple[Mapping[str, str], ...] = ()
    history: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()

    def reverts_since(self, before: str | None) -> tuple[str, ...]:
        """Return what the commits after *before* undo. If that one is unknown, it is HEAD's first parent.

        Earlier reverts undid what earlier deploys brought, and were in these.
        """
        parents = {name: above for name, above, _ in self.history}
        first = parents.get(self.sha, ())[:1]
        known, waiting = set(), [before] if before in parents else [*first]
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting += parents.get(name, ())
        return reverts_of((name, undone) for name, _, undone in self.history if name not in known)
