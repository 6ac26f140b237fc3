"""The figures a second time, slowly and straight from the definitions; nothing is shared with the package.

Every rule is a comprehension over all events. The package sorts events; this searches them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Body = Mapping[str, Any]


class Reference:
    def __init__(
        self, events: Sequence[Body], question: Mapping[str, str], *, hours: float = 72, zone: str = "UTC"
    ) -> None:
        self.question = question
        self.window = timedelta(hours=hours)
        self.zone = ZoneInfo(zone)
        self.now = datetime.fromisoformat(question["now"])
        past = [event for event in events if when(event) <= self.now]
        self.deploys = [event for event in past if event["kind"] == "deployed"]
        self.starts = [event for event in past if event["kind"] == "incidentStarted"]
        self.ends = [event for event in past if event["kind"] == "incidentResolved"]
        self.outages = self.occurrences()
        self.blame = [self.link(start, end) for start, end in self.outages]

    def occurrences(self) -> list[tuple[Body, Body | None]]:
        found = []
        for row in {(s["incidentId"], *place(s)) for s in self.starts}:
            mine = [s for s in self.starts if (s["incidentId"], *place(s)) == row]
            meant = [e for e in self.ends if e["incidentId"] == row[0] and fits(e, row[1:])]
            is_open = None
            while mine or meant:
                # The earliest event that is left; at one instant, one that changes the state comes first.
                wanted = mine if is_open is None else meant
                event = min(
                    [*mine, *meant], key=lambda e: (when(e), not any(e is w for w in wanted), e["id"])
                )
                if any(event is s for s in mine):
                    mine = [s for s in mine if s is not event]
                    if is_open is None:
                        is_open = event
                else:
                    meant = [e for e in meant if e is not event]
                    if is_open is not None:
                        found.append((is_open, event))
                        is_open = None
            if is_open is not None:
                found.append((is_open, None))
        return found

    def earlier(self, deploy: Body) -> list[Body]:
        """The deploys before a deploy, of the same repository, environment and service, the latest last."""
        before = [d for d in self.deploys if place(d) == place(deploy) and order(d) < order(deploy)]
        return sorted(before, key=order)

    def brought(self, deploy: Body) -> list[tuple[str, datetime | None]]:
        """The commits of a deploy that no earlier one listed or was of."""
        known = [sha for d in self.earlier(deploy) for sha in (d["commitSHA"], *(s for s, _ in listed(d)))]
        new: list[tuple[str, datetime | None]] = []
        for sha, at in listed(deploy):
            if not any(one_commit(sha, other) for other in [*known, *(s for s, _ in new)]):
                new.append((sha, at))
        return new

    def link(self, start: Body, end: Body | None) -> Body | None:
        here = [d for d in self.deploys if place(d)[:2] == place(start)[:2]]
        cause = (end or {}).get("causedBy") or start.get("causedBy")
        if cause:
            guilty = [
                d
                for d in here
                if one_commit(d["commitSHA"], cause)
                or any(one_commit(sha, cause) for sha, _ in self.brought(d))
            ]
            own = [d for d in guilty if start.get("service") and place(d)[2] == place(start)[2]]
            guilty = own or guilty
            before = [d for d in guilty if when(d) <= when(start)]
            after = [d for d in guilty if when(d) > when(start)]
            return max(before, key=order) if before else min(after, key=order, default=None)
        near = [
            d
            for d in here
            if timedelta(0) <= when(start) - when(d) < self.window
            and (not d.get("service") or not start.get("service") or place(d)[2] == place(start)[2])
        ]
        return max(near, key=order, default=None)

    def undone_by(self, deploy: Body) -> list[Body]:
        found = []
        for rollback in self.deploys:
            if rollback.get("type") == "rollback":
                before = [d for d in self.earlier(rollback) if d.get("type") != "rollback"]
                if before and before[-1] is deploy and when(rollback) - when(deploy) < self.window:
                    found.append(rollback)
        return found

    def selected(self, events: Sequence[Body]) -> list[Body]:
        filters = self.question
        began, ended = self.moment("from"), self.moment("to")
        return [
            e
            for e in events
            if began <= when(e)
            and (ended is None or when(e) < ended)
            and (not filters.get("repo") or e["repo"].lower() == filters["repo"].lower())
            and environment(e) == environment(filters)
            and (not filters.get("service") or (e.get("service") or "").lower() == filters["service"].lower())
        ]

    def moment(self, name: str) -> Any:
        text = self.question.get(name)
        if not text:
            return None
        if len(text) == 10:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone)
        return datetime.fromisoformat(text)

    def days(self) -> float | None:
        began, ended = self.moment("from"), self.moment("to")
        until = self.now if ended is None or ended > self.now else ended
        if until.timestamp() <= began.timestamp():
            return None
        shown = [moment.astimezone(self.zone).replace(tzinfo=None) for moment in (began, until)]
        return (shown[1] - shown[0]).total_seconds() / 86400

    def figures(self) -> dict[str, Any]:
        deploys = sorted(self.selected(self.deploys), key=when)
        gaps = [(when(deploys[i + 1]) - when(deploys[i])).total_seconds() for i in range(len(deploys) - 1)]
        leads, unknown_deploys, unknown_commits = [], 0, 0
        for deploy in deploys:
            lists = deploy.get("commits") is not None or deploy.get("commitTime")
            if not self.earlier(deploy) or not lists:
                unknown_deploys += 1
                continue
            for _, at in self.brought(deploy):
                if at is None or at > when(deploy):
                    unknown_commits += 1
                else:
                    leads.append((when(deploy) - at).total_seconds())
        failed, young_failed, pending, recoveries, still_open, without = [], 0, 0, [], 0, 0
        for deploy in deploys:
            mine = [o for o, blamed in zip(self.outages, self.blame, strict=True) if blamed is deploy]
            young = self.now - when(deploy) < self.window
            if not mine and not self.undone_by(deploy):
                pending += young
                continue
            failed.append(deploy)
            young_failed += young
            counted = [(s, e) for s, e in mine if (e or {}).get("resolution") != "merged"]
            if not counted:
                without += 1
                continue
            begin = moment = min(when(s) for s, _ in counted)
            while True:  # move on to the last end of what is open at this moment, until none is later
                going = [e for s, e in counted if begin <= when(s) <= moment]
                if None in going:
                    still_open += 1
                    break
                last = max(moment, *(when(e) for e in going))
                if last == moment:
                    recoveries.append((moment - begin).total_seconds())
                    break
                moment = last
        rework = [d for d in deploys if d.get("type") in ("rollback", "hotfix") or d.get("fixes")]
        starts = [o[0] for o, blamed in zip(self.outages, self.blame, strict=True) if blamed is None]
        days, judged = self.days(), len(deploys) - pending
        return {
            "deploymentFrequency": {
                "value": len(deploys) / days if days else None,
                "unit": "deploys/day",
                "numerator": len(deploys),
                "denominator": days,
                "count": len(gaps),
                "medianGap": share(gaps, 0.5),
                "gapP90": share(gaps, 0.9),
            },
            "changeLeadTime": {
                "median": share(leads, 0.5),
                "p90": share(leads, 0.9),
                "count": len(leads),
                "unknownDeploys": unknown_deploys,
                "unknownCommits": unknown_commits,
            },
            "changeFailRate": {
                "value": len(failed) / judged if judged else None,
                "numerator": len(failed),
                "denominator": judged,
                "pending": pending,
                "failedYoung": young_failed,
                "unlinked": len(self.selected(starts)),
            },
            "failedDeploymentRecoveryTime": {
                "median": share(recoveries, 0.5),
                "p90": share(recoveries, 0.9),
                "count": len(recoveries),
                "open": still_open,
                "withoutIncident": without,
            },
            "deploymentReworkRate": {
                "value": len(rework) / len(deploys) if deploys else None,
                "numerator": len(rework),
                "denominator": len(deploys),
            },
        }


def when(event: Body) -> datetime:
    return datetime.fromisoformat(event["time"])


def order(event: Body) -> tuple[datetime, str]:
    return (when(event), event["id"])


def environment(event: Body) -> str:
    name = (event.get("environment") or "production").lower()
    return "production" if name in ("production", "prod", "prd", "live") else name


def place(event: Body) -> tuple[str, str, str]:
    return (event["repo"].lower(), environment(event), (event.get("service") or "").lower())


def fits(end: Body, where: tuple[str, ...]) -> bool:
    repo, env, service = where
    return (
        end["repo"].lower() == repo
        and (not end.get("environment") or environment(end) == env)
        and (not end.get("service") or not service or end["service"].lower() == service)
    )


def listed(deploy: Body) -> list[tuple[str, datetime | None]]:
    if deploy.get("commits") is not None:
        return [
            (c["sha"], datetime.fromisoformat(c["time"]) if c.get("time") else None)
            for c in deploy["commits"]
        ]
    if deploy.get("commitTime"):
        return [(deploy["commitSHA"], datetime.fromisoformat(deploy["commitTime"]))]
    return []


def one_commit(one: str, other: str) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def share(numbers: Sequence[float], part: float) -> float | None:
    if not numbers:
        return None
    ordered = sorted(numbers)
    rank = part * (len(ordered) - 1)
    low = int(rank + 1e-9)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * max(0.0, rank - low)
