"""What has gone silent: who sent before, and sends no more. Pure.

Deploys are a habit: what was deployed in each of four weeks is missed in the fifth. Incidents are rare, so
that a source of them is compared with its own longest pause, and never missed within thirty days.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

# What is silent.
REPOSITORY, REPORTER, SOURCE = "repository", "reporter", "source"

# A sender is silent after three times its longest pause, but not earlier than this. After a single event
# there is no pause to compare with.
PAUSES = 3
SHORTEST_OF_DEPLOYS, SHORTEST_OF_INCIDENTS = timedelta(days=7), timedelta(days=30)
AFTER_ONE = timedelta(days=30)


class Sighting(NamedTuple):
    """A counting deploy: its id and time (µs), and its folded names, "" for none."""

    id: str
    at: int
    repo: str
    environment: str
    service: str
    reporter: str


class Sign(NamedTuple):
    """A sign of life of a source: the id and the time (µs) of an event of an incident."""

    id: str
    at: int
    source: str


class Silence(NamedTuple):
    """A repository, a reporter of it, or a source of incidents that is silent; `last` is its last event."""

    what: str
    repo: str
    name: str
    last: str
    last_at: int


def patience(longest_pause: timedelta | None, *, deploys: bool) -> timedelta:
    """Return how long a sender of deploys or of incidents may be quiet; no pause is known after one event."""
    if longest_pause is None:
        return AFTER_ONE
    return max(SHORTEST_OF_DEPLOYS if deploys else SHORTEST_OF_INCIDENTS, PAUSES * longest_pause)


def silent_deploys(
    before: Sequence[Sighting], current: Iterable[Sighting], weeks: Sequence[tuple[int, int]]
) -> list[Silence]:
    """Return what deployed in each of *weeks* (*before*, in order) and not in the *current* one.

    A reporter is silent by itself only where its repository is not.
    """
    heard = {key for one in current for key in _habits(one)}
    seen: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    last: dict[tuple[str, str, str], Sighting] = {}
    for one in before:
        at = next((number for number, (begin, end) in enumerate(weeks) if begin <= one.at < end), None)
        if at is None:
            continue
        for key in _habits(one):
            seen[key].add(at)
            last[key] = one
    gone = [key for key, found in seen.items() if len(found) == len(weeks) and key not in heard]
    repos = {repo for what, repo, _ in gone if what == REPOSITORY}
    return [
        Silence(what, repo, name, last[what, repo, name].id, last[what, repo, name].at)
        for what, repo, name in sorted(gone)
        if what == REPOSITORY or repo not in repos
    ]


def _habits(one: Sighting) -> list[tuple[str, str, str]]:
    reporter = [(REPORTER, one.repo, one.reporter)] if one.reporter else []
    return [(REPOSITORY, one.repo, ""), *reporter]


def silent_sources(signs: Iterable[Sign], began_at: int, ended_at: int) -> list[Silence]:
    """Return the sources that became silent from *began_at* on and before *ended_at* (µs).

    *signs* are all signs before *ended_at*, in order. A source is listed once: in the week when its patience
    ends.
    """
    by_source: dict[str, list[Sign]] = defaultdict(list)
    for sign in signs:
        by_source[sign.source].append(sign)
    found = []
    for source, seen in sorted(by_source.items()):
        pauses = [timedelta(microseconds=later.at - one.at) for one, later in pairwise(seen)]
        quiet = patience(max(pauses, default=None), deploys=False)
        if began_at <= seen[-1].at + quiet // timedelta(microseconds=1) < ended_at:
            found.append(Silence(SOURCE, "", source, seen[-1].id, seen[-1].at))
    return found
