"""Occurrences of incidents, and the deploy that each one is attributed to.

An incident may be reopened: each occurrence is one span from a start to an end. There is a series of
occurrences for each incident, repository, environment and service that a start names. An end closes the
series that it does not contradict. What it leaves out contradicts nothing.

An occurrence is attributed to the deploy that `causedBy` names. If it names none, it is attributed to the
latest deploy in the window before its start. Only counting deploys are candidates. A correction comes before
all of this, and `causedBy: none` says that there is no deploy.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_dora.figures.history import corrections
from gitdailies_dora.figures.history.commits import CommitMap
from gitdailies_dora.figures.history.corrections import Corrections
from gitdailies_dora.figures.history.events import Deploy, End, Start
from gitdailies_dora.figures.history.lead_time import NewCommits
from gitdailies_dora.figures.history.settings import WIDE_WINDOW_US

# How a deploy was found, or why none was.
BY_CAUSE, BY_TIME, BY_HAND = "by-cause", "by-time", "by-hand"
NO_SUCH_COMMIT, NO_DEPLOY = "no-such-commit", "no-deploy-in-window"
# A correction names a deploy that is not here or does not count; or no deploy caused it, as a correction or
# `causedBy` says.
NO_SUCH_DEPLOY, NO_CAUSE = "no-such-deploy", "no-cause"


class Occurrence(NamedTuple):
    """One span of an incident from its start to its end; `end` is None while it is open."""

    start: Start
    end: End | None

    @property
    def target(self) -> DeployTarget:
        return self.start.target

    @property
    def began_at(self) -> int:
        return self.start.at

    @property
    def ended_at(self) -> int | None:
        return None if self.end is None else self.end.at

    @property
    def merged(self) -> bool:
        """Whether it ended without a recovery of its own, as by a merge into another incident."""
        return self.end is not None and self.end.merged

    @property
    def caused_by(self) -> str | None:
        """The SHA of the cause; the one that the end names wins over that of the start."""
        at_end = None if self.end is None else self.end.caused_by
        return at_end or self.start.caused_by


class Link(NamedTuple):
    """The deploy that an occurrence is attributed to, or None; `how` is the way or the reason.

    If it is attributed to none, `wide` is the deploy that a window of 72 hours would attribute it to, and
    `other` the latest deploy of another service: in the window, or in 72 hours where `wide` is None.
    `services` are those that deploys there named until then, if it is attributed by time alone, they named
    several, and none named its own. `latest` is the latest deploy before it, if none is in the window.
    """

    deploy: Deploy | None
    how: str
    wide: Deploy | None = None
    other: Deploy | None = None
    services: tuple[str, ...] = ()
    latest: Deploy | None = None


class Incident(NamedTuple):
    """An occurrence, and the deploy that it is attributed to."""

    occurrence: Occurrence
    link: Link


def occurrences(starts: Iterable[Start], ends: Iterable[End]) -> list[Occurrence]:
    """Pair starts with ends, which are in order; return the occurrences by series, and there in order."""
    series: dict[tuple[str, DeployTarget], list[Start]] = defaultdict(list)
    for start in starts:
        series[start.incident, start.target].append(start)
    by_incident: dict[tuple[str, str], list[End]] = defaultdict(list)
    for end in ends:
        by_incident[end.incident, end.repo].append(end)
    found: list[Occurrence] = []
    for (incident, target), of_series in series.items():
        candidates = by_incident.get((incident, target.repo), ())
        found += _pair(of_series, [end for end in candidates if not contradicts(end, target)])
    return found


def strange_to(service: str | None, named: Iterable[str]) -> tuple[str, ...]:
    """Return the services that deploys *named*, in order, if there are several and *service* is another."""
    found = sorted(named) if service else []
    return tuple(found) if service not in found and len(found) > 1 else ()


def contradicts(end: End, target: DeployTarget) -> bool:
    """Whether an end names another environment or service than the start at *target*."""
    if end.environment is not None and end.environment != target.environment:
        return True
    return end.service is not None and target.service is not None and end.service != target.service


def _pair(starts: Sequence[Start], ends: Sequence[End]) -> list[Occurrence]:
    if len(starts) == 1 and len(ends) <= 1:  # as in nearly every series
        end = next((end for end in ends if end.at >= starts[0].at), None)
        return [Occurrence(starts[0], end)]
    found: list[Occurrence] = []
    opened: Start | None = None
    moments: dict[int, tuple[deque[Start], deque[End]]] = defaultdict(lambda: (deque(), deque()))
    for start in starts:
        moments[start.at][0].append(start)
    for end in ends:
        moments[end.at][1].append(end)
    for at in sorted(moments):
        left_starts, left_ends = moments[at]
        # At one instant, an open incident takes an end first, a closed one a start. The rest has no effect.
        while left_starts if opened is None else left_ends:
            if opened is None:
                opened = left_starts.popleft()
            else:
                found.append(Occurrence(opened, left_ends.popleft()))
                opened = None
    if opened is not None:
        found.append(Occurrence(opened, None))
    return found


_RepoAndEnvironment: TypeAlias = tuple[str, str | None]


class Linker:
    """Finds the deploy that an occurrence is attributed to; *deploys* are the counting ones, in order.

    The service of an incident is compared only where a deploy named it, counted or one of *repeats*, at or
    before its start. A name that only the incident tool has keeps no incident from its deploy.
    """

    def __init__(
        self,
        deploys: Iterable[Deploy],
        new: Mapping[str, NewCommits],
        window: int,
        given: Corrections = corrections.NONE,
        repeats: Iterable[Deploy] = (),
    ) -> None:
        self._window = window
        self._corrections = given
        self._by_id: dict[str, Deploy] = {}
        self._by_service: dict[_RepoAndEnvironment, dict[str | None, list[Deploy]]] = defaultdict(dict)
        self._by_commit: dict[_RepoAndEnvironment, CommitMap[Deploy]] = defaultdict(CommitMap)
        for deploy in deploys:
            where = (deploy.target.repo, deploy.target.environment)
            self._by_id[deploy.id] = deploy
            self._by_service[where].setdefault(deploy.target.service, []).append(deploy)
            by_commit = self._by_commit[where]
            by_commit.add(deploy.sha, deploy)
            for sha in new[deploy.id].first:
                by_commit.add(sha, deploy)
        self._named: dict[DeployTarget, int] = {}
        for deploy in (*self._by_id.values(), *repeats):
            self._named[deploy.target] = min(self._named.get(deploy.target, deploy.at), deploy.at)

    def link(self, occurrence: Occurrence) -> Link:
        """Find the deploy that *occurrence* is attributed to."""
        correction = corrections.of_incident(self._corrections, occurrence.start.id)
        if correction is not None and correction.deploy is not None:
            chosen = self._chosen(occurrence, correction.deploy)
            return Link(chosen, BY_HAND if chosen else NO_SUCH_DEPLOY)
        if correction is not None or occurrence.caused_by == corrections.NAMED_NONE:
            return Link(None, NO_CAUSE)
        if occurrence.caused_by is not None:
            deploy = self._by_cause(occurrence, occurrence.caused_by)
            return Link(deploy, BY_CAUSE if deploy else NO_SUCH_COMMIT)
        latest = self._latest(occurrence)
        age = None if latest is None else occurrence.began_at - latest.at
        if age is None or age >= self._window:
            wide = latest if age is not None and age < WIDE_WINDOW_US else None
            other = self._latest(occurrence, elsewhere=True)
            near = other is not None and occurrence.began_at - other.at < reach(self._window, wide)
            return Link(None, NO_DEPLOY, wide, other if near else None, latest=latest)
        where, at = occurrence.target[:2], occurrence.began_at
        named = [one.service for one, since in self._named.items() if one[:2] == where and since <= at]
        return Link(latest, BY_TIME, services=strange_to(occurrence.target.service, filter(None, named)))

    def _chosen(self, occurrence: Occurrence, id_: str) -> Deploy | None:
        deploy, target = self._by_id.get(id_), occurrence.target
        if deploy is None or deploy.target[:2] != target[:2]:
            return None
        return deploy

    def _by_cause(self, occurrence: Occurrence, sha: str) -> Deploy | None:
        target = occurrence.target
        found = self._by_commit[target.repo, target.environment].find(sha)
        of_service = [
            deploy for deploy in found if target.service and deploy.target.service == target.service
        ]
        candidates = of_service or found
        before = [deploy for deploy in candidates if deploy.at <= occurrence.began_at]
        if before:
            return max(before, key=attrgetter("order"))
        return min(candidates, key=attrgetter("order"), default=None)

    def _latest(self, occurrence: Occurrence, *, elsewhere: bool = False) -> Deploy | None:
        target = occurrence.target
        by_service = self._by_service[target.repo, target.environment]
        if elsewhere:
            candidates = [of for service, of in by_service.items() if service not in (target.service, None)]
        elif target.service is None or self._named.get(target, occurrence.began_at + 1) > occurrence.began_at:
            candidates = list(by_service.values())
        else:
            candidates = [by_service.get(service, []) for service in (target.service, None)]
        latest: Deploy | None = None
        for deploys in candidates:
            index = bisect_right(deploys, occurrence.began_at, key=lambda deploy: deploy.at)
            if index and (latest is None or deploys[index - 1].order > latest.order):
                latest = deploys[index - 1]
        return latest


def reach(window: int, wide: object) -> int:
    """Return how long (µs) before an incident a deploy of another service may be its cause."""
    return window if wide is not None else max(window, WIDE_WINDOW_US)
