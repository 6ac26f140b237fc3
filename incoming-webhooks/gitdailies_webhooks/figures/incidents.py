"""Occurrences of incidents, and the deploy that each one is attributed to.

An incident may be reopened: each occurrence is one span from a start to an end. There is a series of
occurrences for each incident, repository, environment and service that a start names. An end closes the
series that it does not contradict. What it leaves out contradicts nothing.

An occurrence is attributed to the deploy that `causedBy` names. If it names none, it is attributed to the
latest deploy in the window before its start. Only counting deploys are candidates. A correction comes before
all of this, and `causedBy: none` says that there is no deploy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from gitdailies_webhooks.figures import corrections
from gitdailies_webhooks.figures.commits import CommitMap
from gitdailies_webhooks.figures.corrections import Corrections
from gitdailies_webhooks.figures.events import Deploy, End, Place, Start
from gitdailies_webhooks.figures.lead_time import NewCommits
from gitdailies_webhooks.figures.settings import WIDE_WINDOW_US

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
    def place(self) -> Place:
        return self.start.place

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

    `wide` is the deploy that a window of 72 hours would attribute it to, if it is attributed to none.
    """

    deploy: Deploy | None
    how: str
    wide: Deploy | None = None


class Incident(NamedTuple):
    """An occurrence, and the deploy that it is attributed to."""

    occurrence: Occurrence
    link: Link


def occurrences(starts: Iterable[Start], ends: Iterable[End]) -> list[Occurrence]:
    """Pair starts with ends, which are in order; return the occurrences by series, and there in order."""
    series: dict[tuple[str, Place], list[Start]] = defaultdict(list)
    for start in starts:
        series[start.incident, start.place].append(start)
    by_incident: dict[tuple[str, str], list[End]] = defaultdict(list)
    for end in ends:
        by_incident[end.incident, end.repo].append(end)
    found: list[Occurrence] = []
    for (incident, place), of_series in series.items():
        candidates = by_incident.get((incident, place.repo), ())
        found += _pair(of_series, [end for end in candidates if not contradicts(end, place)])
    return found


def contradicts(end: End, place: Place) -> bool:
    """Whether an end names another environment or service than the start at *place*."""
    if end.environment is not None and end.environment != place.environment:
        return True
    return end.service is not None and place.service is not None and end.service != place.service


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


_RepoAndEnvironment: TypeAlias = tuple[str, str]


class Linker:
    """Finds the deploy that an occurrence is attributed to; *deploys* are in order."""

    def __init__(
        self,
        deploys: Iterable[Deploy],
        new: Mapping[str, NewCommits],
        window: int,
        given: Corrections = corrections.NONE,
    ) -> None:
        self._window = window
        self._corrections = given
        self._by_id: dict[str, Deploy] = {}
        self._by_service: dict[_RepoAndEnvironment, dict[str | None, list[Deploy]]] = defaultdict(dict)
        self._by_commit: dict[_RepoAndEnvironment, CommitMap[Deploy]] = defaultdict(CommitMap)
        for deploy in deploys:
            where = (deploy.place.repo, deploy.place.environment)
            self._by_id[deploy.id] = deploy
            self._by_service[where].setdefault(deploy.place.service, []).append(deploy)
            by_commit = self._by_commit[where]
            by_commit.add(deploy.sha, deploy)
            for commit in new[deploy.id].commits:
                by_commit.add(commit.sha, deploy)

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
            return Link(None, NO_DEPLOY, latest if age is not None and age < WIDE_WINDOW_US else None)
        return Link(latest, BY_TIME)

    def _chosen(self, occurrence: Occurrence, id_: str) -> Deploy | None:
        """Return the deploy that a correction names, if it counts at the place of the incident."""
        deploy, place = self._by_id.get(id_), occurrence.place
        if deploy is None or deploy.place[:2] != place[:2]:
            return None
        return deploy

    def _by_cause(self, occurrence: Occurrence, sha: str) -> Deploy | None:
        place = occurrence.place
        found = self._by_commit[place.repo, place.environment].find(sha)
        of_service = [deploy for deploy in found if place.service and deploy.place.service == place.service]
        candidates = of_service or found
        before = [deploy for deploy in candidates if deploy.at <= occurrence.began_at]
        if before:
            return max(before, key=_order)
        return min(candidates, key=_order, default=None)

    def _latest(self, occurrence: Occurrence) -> Deploy | None:
        place = occurrence.place
        by_service = self._by_service[place.repo, place.environment]
        if place.service is None:
            candidates = list(by_service.values())
        else:
            candidates = [by_service.get(service, []) for service in (place.service, None)]
        latest: Deploy | None = None
        for deploys in candidates:
            index = bisect_right(deploys, occurrence.began_at, key=lambda deploy: deploy.at)
            if index and (latest is None or _order(deploys[index - 1]) > _order(latest)):
                latest = deploys[index - 1]
        return latest


def _order(deploy: Deploy) -> tuple[int, str]:
    return deploy.order
