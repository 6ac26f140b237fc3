"""What deploys brought that do not say so themselves: told from the commits that a repository has.

A deploy brought what can be reached from its commit and from that of no earlier deploy of its place.
That is found step by step, from what lies between a deploy and the one before it: `gone` is what was
there once and cannot be reached from the latest deploy, as after a rollback, and so is not new when
it comes again.

Where the repository lacks the commit of a deploy, what that one brought is not known; a commit made
up to its time may have come with it, so that a later deploy with such a commit is unknown too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitdailies_webhooks.figures.events import Commit, Deploy, Place, Told

NOT_THERE, EARLIER_NOT_THERE = "not-in-mirror", "earlier-not-in-mirror"
UNREADABLE, TOO_MANY = "mirror-unreadable", "too-many-commits"

Pair = tuple[str, str]


class Between(NamedTuple):
    """Commits that are reached from the later commit of a pair alone, and from the earlier one alone.

    Those with several parents are left out. `cut`: there are too many to be told.
    """

    ahead: tuple[Commit, ...]
    behind: tuple[str, ...]
    cut: bool = False


class Known(NamedTuple):
    """What a repository has: the whole SHA of a commit, by the one that a deploy names, and pairs.

    A commit that is None was not found, for the reason `lacking`; a pair that is None could not be told
    now. Pairs that are not in it were not asked for yet.
    """

    commits: Mapping[str, str | None]
    pairs: Mapping[Pair, Between | None]
    lacking: str = NOT_THERE


class Telling(NamedTuple):
    """What each deploy brought, by its id, as far as it is decided; the pairs that are needed, in order."""

    told: dict[str, Told]
    pairs: dict[Pair, None]


def silent(deploys: Iterable[Deploy]) -> list[list[Deploy]]:
    """Return the deploys of each place, in order, up to the last one that does not say what it brought."""
    places: dict[Place, list[Deploy]] = defaultdict(list)
    for deploy in deploys:
        places[deploy.place].append(deploy)
    found = []
    for row in places.values():
        while row and row[-1].commits is not None:
            row.pop()
        if len(row) > 1:  # the first deploy of a place is unknown, whatever a repository has
            found.append(row)
    return found


def tell(places: Iterable[list[Deploy]], known: Known) -> Telling:
    """Tell what the deploys of `silent` brought."""
    telling = Telling({}, {})
    for deploys in places:
        _tell(deploys, known, telling)
    return telling


def _tell(deploys: list[Deploy], known: Known, telling: Telling) -> None:
    before: str | None = None
    gone: set[str] = set()
    unsure_until: int | None = None
    decided = True
    for deploy in deploys:
        sha = known.commits.get(deploy.sha)
        if sha is None:
            unsure_until = deploy.at
            told = Told(known.lacking)
        elif before is None:
            told = Told(EARLIER_NOT_THERE)
        else:
            if before != sha:
                telling.pairs[before, sha] = None
            between = Between((), ()) if before == sha else known.pairs.get((before, sha), _NOT_ASKED)
            if between is _NOT_ASKED:
                decided = False
            if between is None or between.cut:
                told = Told(UNREADABLE if between is None else TOO_MANY)
                gone, unsure_until = set(), deploy.at
            else:
                new = tuple(commit for commit in between.ahead if commit.sha not in gone)
                unsure = unsure_until is not None and any(c.at is None or c.at <= unsure_until for c in new)
                told = Told(EARLIER_NOT_THERE if unsure else "", new)
                gone = gone.difference(c.sha for c in between.ahead).union(between.behind)
        before = sha or before
        if decided and deploy.commits is None and deploy is not deploys[0]:
            telling.told[deploy.id] = told


_NOT_ASKED = Between((), ())
