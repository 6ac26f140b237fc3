"""The review of a week, for the decisions of a team lead: its lines in their order. Pure.

| section | lists |
| --- | --- |
| `failed` | deploys of the week that failed: by what, and what repaired them |
| `unlinked` | incidents of the week that are attributed to no deploy, and those that a person decided about |
| `uncounted` | names that appeared in this week: environments that are not production, services, reporters |
| `twice` | pairs of reporters whose deploys may have been counted twice |
| `doubtful` | targets to which two workflows deploy, and deploys with many commits older than their target |
| `slowest` | the changes with the longest lead times |
| `silent` | repositories and reporters that stopped deploying, and sources that stopped sending incidents |

A line is done if a person has corrected the event that it is about, or has acknowledged it. Else it is open.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from gitdailies_core.error_text import got

from gitdailies_dora.figures.answers.selection import Period, at_local_time, local_time
from gitdailies_dora.figures.history.repeats import OF_A_COMMIT
from gitdailies_dora.figures.history.settings import PRODUCTION
from gitdailies_dora.figures.history.teams import NO_TEAMS, Teams
from gitdailies_dora.figures.words.silence import REPORTER, Sighting

FAILED, UNLINKED, UNCOUNTED = "failed", "unlinked", "uncounted"
TWICE, DOUBTFUL, SLOWEST, SILENT = "twice", "doubtful", "slowest", "silent"
SECTIONS = (FAILED, UNLINKED, UNCOUNTED, TWICE, DOUBTFUL, SLOWEST, SILENT)
# A line of these is about one event, which its key names. A line of another section is of one week.
_OF_EVENTS = (FAILED, UNLINKED, SLOWEST)

# What a name is of, in the section `uncounted`.
ENVIRONMENT, SERVICE = "environment", "service"

# What makes a target doubtful, in the section `doubtful`. More old commits are a first list, or are of
# another target.
WORKFLOWS, OLD_COMMITS, SERVICES = "workflows", "old-commits", "services"
MOST_OLD_COMMITS = 50

# The five slowest changes are listed. A repository that deployed in four weeks in a row is missed after.
SLOWEST_CHANGES, WEEKS_BEFORE = 5, 4
# The most lines of a section; `left` is the number of further ones.
MOST_LINES = 50

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_MINUTE_US = 60_000_000
_SEVEN_DAYS = timedelta(days=7)


class Week(NamedTuple):
    """A week from Monday to Sunday; `name` is that of ISO 8601, such as 2026-W47."""

    name: str
    period: Period
    monday: date

    @property
    def next_name(self) -> str:
        return name_of(self.monday + _SEVEN_DAYS)

    @property
    def name_before(self) -> str:
        return name_of(self.monday - _SEVEN_DAYS)

    @property
    def before(self) -> Period:
        """Return the week before; while the week is not over, the same days and hours of it."""
        (began, _), zone = self.weeks_before()[-1], self.period.zone
        until = at_local_time(local_time(self.period.until, zone) - _SEVEN_DAYS, zone)
        return Period(began, until, self.period.now, zone)

    def weeks_before(self) -> list[tuple[int, int]]:
        """Return the beginning and the end (µs) of each of the weeks before, the earliest first."""
        mondays = [self.monday - _SEVEN_DAYS * back for back in range(WEEKS_BEFORE, -1, -1)]
        begins = [_midnight(one, self.period.zone) for one in mondays]
        return list(pairwise(begins))


class Scope(NamedTuple):
    """The scope of a review: one repository, by its folded name, and one team, by its key; "" for all."""

    repo: str = ""
    team: str = ""
    teams: Teams = NO_TEAMS

    def includes(self, repo: str, service: str) -> bool:
        """Whether a target is reviewed; names are folded, "" is no service."""
        if self.repo and repo != self.repo:
            return False
        return not self.team or self.team in self.teams.of(repo, service or None)

    def includes_repo(self, repo: str) -> bool:
        """Whether a repository is reviewed, or a service of it."""
        if self.repo and repo != self.repo:
            return False
        return not self.team or self.team in self.teams.ever_of(repo)


class SlowChange(NamedTuple):
    """A deploy, and the longest lead time (µs) of the commits that it brought."""

    deploy: str
    at: int
    lead_time: int


class Pair(NamedTuple):
    """Two deploys that may be one, with their reporters: the one that sorts first is `id`."""

    id: str
    other: str
    repo: str
    reporter: str
    other_reporter: str


class NewName(NamedTuple):
    """A name that appeared: what it names, its repository, the name, its deploys, and the first of them.

    `repos` is the number of its repositories. If there are several, `repo` is "".
    """

    what: str
    repo: str
    name: str
    deploys: int
    first: str
    repos: int = 1


class Doubles(NamedTuple):
    """How often two reporters of a repository may have counted a deploy twice, and the last example."""

    repo: str
    reporter: str
    other_reporter: str
    times: int
    last: Pair


def event_of(key: str) -> str | None:
    """Return the id of the event that the key of a line names, or "" if it names a week.

    None means that no line has such a key.
    """
    section, _, rest = key.partition(":")
    if section in _OF_EVENTS:
        return rest or None
    week, _, names_ = rest.partition(":")
    return "" if section in SECTIONS and names_ and _WEEK.fullmatch(week) else None


def week_of(text: str, now: int, zone: tzinfo) -> Week:
    """Return the week with a name, or without one the last whole week before *now* (µs).

    Raises ValueError `where: expected, got`, also for a week that has not begun.
    """
    today = local_time(now, zone).date()
    if text:
        monday = _monday_of(text)
        if monday > today:
            raise ValueError(f"week: expected a week that has begun, got {got(text)}")
    else:
        monday = today - timedelta(days=today.weekday()) - _SEVEN_DAYS
    begin, end = _midnight(monday, zone), _midnight(monday + _SEVEN_DAYS, zone)
    return Week(name_of(monday), Period(begin, end, now, zone), monday)


def _monday_of(text: str) -> date:
    found = _WEEK.fullmatch(text)
    try:
        if found is None or not 2000 <= int(found[1]) <= 2199:
            raise ValueError(text)
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise ValueError(f"week: expected a week like 2026-W47, got {got(text)}") from None


def name_of(monday: date) -> str:
    """Return the name of the week of a day."""
    year, week, _ = monday.isocalendar()
    return f"{year:04}-W{week:02}"


def new_names(
    sightings: Iterable[Sighting], known: Iterable[tuple[str, str, str]], repos: Collection[str]
) -> list[NewName]:
    """Return the names that appear in *sightings*, which are in order, and are not *known* from before.

    *known* are what a name is of, its repository and the name; *repos* are the repositories from before. The
    names of a new repository say nothing new, except environments that are not production: their deploys
    are not counted. A new reporter or environment of several repositories appears once.
    """
    before = set(known)
    found: dict[tuple[str, str, str], list[Sighting]] = defaultdict(list)
    for one in sightings:
        for key in names(one):
            if key not in before and (key[0] == ENVIRONMENT or one.repo in repos):
                what, repo, name = key
                found[what, repo if what == SERVICE else "", name].append(one)
    new = []
    for (what, _, name), some in found.items():
        of = {one.repo for one in some}
        new.append(NewName(what, "" if len(of) > 1 else some[0].repo, name, len(some), some[0].id, len(of)))
    return new


def names(one: Sighting) -> list[tuple[str, str, str]]:
    """Return the names of a deploy that may be new; production is not one of them."""
    found = [
        (ENVIRONMENT, one.environment if one.environment != PRODUCTION else ""),
        (SERVICE, one.service),
        (REPORTER, one.reporter),
    ]
    return [(what, one.repo, name) for what, name in found if name]


def doubles(pairs: Iterable[Pair]) -> list[Doubles]:
    """Group pairs, which are in order, by repository and reporters; each pair counts once."""
    found: dict[tuple[str, str, str], dict[frozenset[str], Pair]] = defaultdict(dict)
    for pair in pairs:
        one, other = sorted((pair.reporter, pair.other_reporter))
        found[pair.repo, one, other].setdefault(frozenset((pair.id, pair.other)), pair)
    return [
        Doubles(repo, one, other, len(several), list(several.values())[-1])
        for (repo, one, other), several in found.items()
    ]


def are_two_workflows(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two runs that deployed one commit are of two workflows: the same kind of push started both."""
    # A run that is started again keeps its id, and one that a person starts says so.
    known, its = ((each["run"].partition(":")[0], each.get("trigger")) for each in (one, other))
    return known == its and known[1] in OF_A_COMMIT


def slowest(changes: Iterable[SlowChange]) -> list[SlowChange]:
    """Return the changes with the longest lead times, the longest first; *changes* have one of each deploy.

    Those of one length in whole minutes, as people read it, are in order of time, then of their ids.
    """
    ordered = sorted(changes, key=lambda one: (-(one.lead_time // _MINUTE_US), one.at, one.deploy))
    return ordered[:SLOWEST_CHANGES]


def _midnight(day: date, zone: tzinfo) -> int:
    return at_local_time(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001  a clock's reading
