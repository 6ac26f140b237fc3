"""Deploys that may be one deploy counted twice: two reporters, one target, and ten minutes.

A repeat is recognized by its commit or its run. Where two reporters name different commits or runs, only a
person knows. So it is with one commit, if one report says rollback or hotfix, or if none names its reporter.
"""

from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.figures.words.review import Pair

# The deploy that counts nearest to another one that counts, within ten minutes, and the number of its event.
# A service that only one of them names may be the same one. A rollback or a hotfix of another commit is known
# to be another.
_BOTH = (
    "figures_deploys own JOIN figures_deploys other"
    " ON other.repo = own.repo AND other.environment = own.environment AND other.counts = 1"
    " AND other.at BETWEEN own.at - 600000000 AND own.at + 600000000"
    " AND other.id <> own.id AND (other.reporter <> own.reporter OR own.reporter = '')"
    " AND (other.reporter <> own.reporter AND own.says = '' AND other.says = ''"
    " OR substr(other.sha, 1, 7) = substr(own.sha, 1, 7))"
    " AND (other.service = own.service OR other.service = '' OR own.service = '')"
)
_BESIDE = (
    "SELECT e.seq, other.reporter, own.reporter, substr(own.sha, 1, 7) <> substr(other.sha, 1, 7),"  # noqa: S608
    " own.run <> other.run AND own.run <> '' AND other.run <> '', own.service <> other.service,"
    f" own.says <> other.says FROM {_BOTH} JOIN events e ON e.id = other.id"
    " WHERE own.id = ? AND own.counts = 1 ORDER BY abs(other.at - own.at), other.id LIMIT 1"
)
# All such deploys of an environment in a period, in the order of the one whose reporter sorts first.
_PAIRS = (
    f"SELECT own.id, other.id, own.repo, own.reporter, other.reporter FROM {_BOTH}"  # noqa: S608
    " WHERE own.environment = ? AND own.at >= ? AND own.at < ? AND own.counts = 1"
    " AND (own.reporter, own.id) < (other.reporter, other.id)"
    " ORDER BY own.at, own.id, other.at, other.id LIMIT ?"
)


class Beside(NamedTuple):
    """The other deploy: the number of its event, its reporter and that of the first, "" for none.

    `differ` is in what they differ.
    """

    seq: int
    reporter: str
    own_reporter: str
    differ: str


def beside(session: Session, id_: str) -> Beside | None:
    """Return the deploy with which the deploy *id_* may have been counted twice, or None."""
    row = session.execute(_BESIDE, (id_,)).fetchone()
    if row is None:
        return None
    differ = [word for word, one in zip(("commit", "run", "service", "type"), row[3:], strict=True) if one]
    return Beside._make((*row[:3], " and ".join(differ)))


def pairs(session: Session, environment: str, since: int, until: int, most: int) -> list[Pair]:
    """Return up to *most* pairs of deploys to an environment that may be one, between two moments (µs)."""
    found = session.execute(_PAIRS, (environment, since, until, most)).fetchall()
    return [Pair(*row) for row in found]
