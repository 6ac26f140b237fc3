"""Which deploy an incident is laid to: the one that is named as its cause, else the one just before it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitdailies_webhooks.figures.commits import ByCommit
from gitdailies_webhooks.figures.events import Deploy
from gitdailies_webhooks.figures.incidents import Period
from gitdailies_webhooks.figures.lead_time import Brought

BY_CAUSE, BY_TIME = "by-cause", "by-time"
NO_SUCH_COMMIT, NO_DEPLOY = "no-such-commit", "no-deploy-in-window"

_Where = tuple[str, str]


class Link(NamedTuple):
    """The deploy, or None; and how it was found, or why none was."""

    deploy: Deploy | None
    how: str


class Links:
    """Finds the deploy of an incident; *deploys* come in order."""

    def __init__(self, deploys: Iterable[Deploy], brought: Mapping[str, Brought], window: int) -> None:
        self._window = window
        self._by_service: dict[_Where, dict[str | None, list[Deploy]]] = defaultdict(dict)
        self._by_commit: dict[_Where, ByCommit[Deploy]] = defaultdict(ByCommit)
        for deploy in deploys:
            where = (deploy.place.repo, deploy.place.environment)
            self._by_service[where].setdefault(deploy.place.service, []).append(deploy)
            found = self._by_commit[where]
            found.add(deploy.sha, deploy)
            for commit in brought[deploy.id].commits:
                found.add(commit.sha, deploy)

    def of(self, period: Period) -> Link:
        """Find the deploy that *period* is laid to."""
        if period.caused_by is not None:
            deploy = self._by_cause(period, period.caused_by)
            return Link(deploy, BY_CAUSE if deploy else NO_SUCH_COMMIT)
        deploy = self._by_time(period)
        return Link(deploy, BY_TIME if deploy else NO_DEPLOY)

    def _by_cause(self, period: Period, sha: str) -> Deploy | None:
        place = period.place
        found = self._by_commit[place.repo, place.environment].of(sha)
        mine = [deploy for deploy in found if place.service and deploy.place.service == place.service]
        candidates = mine or found
        before = [deploy for deploy in candidates if deploy.at <= period.began_at]
        if before:
            return max(before, key=_order)
        return min(candidates, key=_order, default=None)

    def _by_time(self, period: Period) -> Deploy | None:
        place = period.place
        services = self._by_service[place.repo, place.environment]
        if place.service is None:
            rows = list(services.values())
        else:
            rows = [services.get(service, []) for service in (place.service, None)]
        latest: Deploy | None = None
        for row in rows:
            index = bisect_right(row, period.began_at, key=lambda deploy: deploy.at)
            if index and (latest is None or _order(row[index - 1]) > _order(latest)):
                latest = row[index - 1]
        if latest is None or period.began_at - latest.at >= self._window:
            return None
        return latest


def _order(deploy: Deploy) -> tuple[int, str]:
    return (deploy.at, deploy.id)
