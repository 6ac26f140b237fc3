"""The moment from which on the deploys of a repository name several services.

A mirror and pushes know the commits of a repository, and not whose they are. So the deploys that take their
commits from these are derived again when that moment changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import Order

_NEVER: Order = (2**63 - 1, "")


def shifted(session: Session, before: Mapping[str, Order], after: Mapping[str, Order]) -> set[str]:
    """Return the deploys that listed commits between the old and the new moments."""
    found: set[str] = set()
    for repo in before.keys() | after.keys():
        old, new = before.get(repo, _NEVER), after.get(repo, _NEVER)
        if old != new:
            ends = (*min(old, new), *max(old, new))
            found |= {id_ for (id_,) in session.execute(statements.LISTING_BETWEEN, (repo, *ends)).fetchall()}
    return found
