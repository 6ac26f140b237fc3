"""The figures a second time, slowly and straight from the definitions; nothing is shared with the package.

Every rule is a comprehension over all events. The package sorts events; this searches them. Only
the repeats are found one after another, since each depends on what the ones before it are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

Body = Mapping[str, Any]

# What a deploy is, beside deploy, rollback and hotfix.
REPEAT, BACK, AGAIN, AGAIN_HOTFIX = "repeat", "back", "again", "hotfix again"
WITHOUT_RECOVERY = ("merged", "cancelled", "deleted")


class Reference:
    def __init__(
        self,
        events: Sequence[Body],
        question: Mapping[str, str],
        *,
        hours: float = 24,
        zone: str = "UTC",
        count_same_commit: bool = False,
        hotfix: str = "",
        corrections: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
    ) -> None:
        self.corrections = corrections
        self.question = question
        self.count_same_commit = count_same_commit
        self.hotfix = hotfix
        self.window = timedelta(hours=hours)
        self.zone = ZoneInfo(zone)
        self.now = datetime.fromisoformat(question["now"])
        past = [event for event in events if when(event) <= self.now]
        self.past = past
        self.kinds = self.classified([event for event in past if event["kind"] == "deployed"])
        self.deploys = [d for d in past if self.kinds.get(d["id"], REPEAT) != REPEAT]
        self.starts = [event for event in past if event["kind"] == "incidentStarted"]
        self.ends = [event for event in past if event["kind"] == "incidentResolved"]
        self.outages = [
            (s, e) for s, e in self.occurrences() if corrections.get(s["id"], ("",))[0] != "not-an-incident"
        ]
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

    def classified(self, deploys: Sequence[Body]) -> dict[str, str]:
        """Whether each deploy is a deploy, a rollback, a hotfix, nothing new or a repeat, by its id."""
        kinds: dict[str, str] = {}
        for deploy in sorted(deploys, key=order):
            here = [d for d in deploys if place(d) == place(deploy) and order(d) < order(deploy)]
            here.sort(key=order)
            counting = [d for d in here if kinds[d["id"]] != REPEAT]
            kinds[deploy["id"]] = self.kind(deploy, here, counting)
        return kinds

    def kind(self, deploy: Body, here: list[Body], counting: list[Body]) -> str:
        says = deploy.get("type", "deploy")
        same = [d for d in here if one_commit(d["commitSHA"], deploy["commitSHA"])]
        counted = [d for d in counting if d in same]
        same_run = [
            d
            for d in counted
            if deploy.get("run")
            and d.get("run") == deploy["run"]
            and (d.get("attempt") or "1") == (deploy.get("attempt") or "1")
        ]
        if says in ("rollback", "hotfix"):
            return REPEAT if any(d.get("type") == says for d in same_run) else says
        is_there = bool(counting) and one_commit(counting[-1]["commitSHA"], deploy["commitSHA"])
        if is_there and self.count_same_commit:
            runs = (counting[-1].get("run"), deploy.get("run"))
            is_there = None in runs or runs[0] == runs[1]
        if is_there or same_run:
            return REPEAT
        hotfix = bool(self.hotfix) and (deploy.get("branch") or "").startswith(self.hotfix)
        if not counted:
            return "hotfix" if hotfix else "deploy"
        if not any(exact(d) == exact(deploy) for d in same):
            return REPEAT
        soon = when(deploy) - when(same[0]) <= timedelta(hours=1)
        if soon and not any(d.get("reporter") == deploy.get("reporter") for d in same):
            return REPEAT
        replaced = [d for d in counting if one_commit(d["commitSHA"], counting[-1]["commitSHA"])]
        if order(counted[0]) < order(replaced[0]):
            return BACK
        return AGAIN_HOTFIX if hotfix else AGAIN

    def known(self, deploy: Body) -> bool:
        return self.kinds[deploy["id"]] in (BACK, AGAIN, AGAIN_HOTFIX)

    def is_rollback(self, deploy: Body) -> bool:
        return self.kinds[deploy["id"]] in ("rollback", BACK)

    def is_hotfix(self, deploy: Body) -> bool:
        return self.kinds[deploy["id"]] in ("hotfix", AGAIN_HOTFIX)

    def earlier(self, deploy: Body) -> list[Body]:
        """The counting deploys of the place before a deploy, the latest last."""
        before = [d for d in self.deploys if place(d) == place(deploy) and order(d) < order(deploy)]
        return sorted(before, key=order)

    def brought(self, deploy: Body) -> list[tuple[str, datetime | None]]:
        """The commits of a deploy that no earlier one listed or was of."""
        if self.known(deploy):
            return []
        known = [sha for d in self.earlier(deploy) for sha in (d["commitSHA"], *(s for s, _ in listed(d)))]
        new: list[tuple[str, datetime | None]] = []
        for sha, at in listed(deploy):
            if not any(one_commit(sha, other) for other in [*known, *(s for s, _ in new)]):
                new.append((sha, at))
        return new

    def link(self, start: Body, end: Body | None) -> Body | None:
        here = [d for d in self.deploys if place(d)[:2] == place(start)[:2]]
        cause = (end or {}).get("causedBy") or start.get("causedBy")
        if self.corrected(start):
            named = [d for d in here if d["id"] == self.corrections[start["id"]][1]]
            return named[0] if named else None
        if cause == "none":
            return None
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
        return self.latest_before(start, self.window)

    def corrected(self, start: Body) -> bool:
        return self.corrections.get(start["id"], ("",))[0] in ("deploy", "no-deploy")

    def latest_before(self, start: Body, window: timedelta) -> Body | None:
        near = [
            d
            for d in self.deploys
            if place(d)[:2] == place(start)[:2]
            and timedelta(0) <= when(start) - when(d) < window
            and (not d.get("service") or not start.get("service") or place(d)[2] == place(start)[2])
        ]
        return max(near, key=order, default=None)

    def remedies(self, deploy: Body) -> list[Body]:
        """The deploys that a deploy remedies."""
        earlier = self.earlier(deploy)
        found = []
        if self.is_rollback(deploy) or self.is_hotfix(deploy):
            others = [
                d
                for d in earlier
                if not self.is_rollback(d) and not one_commit(d["commitSHA"], deploy["commitSHA"])
            ]
            found += [d for d in others[-1:] if when(deploy) - when(d) < self.window]
        for sha in deploy.get("reverts") or ():
            first_with = [
                d
                for d in earlier
                if any(one_commit(sha, c) for c, _ in self.brought(d))
                or (one_commit(sha, d["commitSHA"]) and not self.was_there(d))
            ]
            found += first_with[:1]
        return found

    def was_there(self, deploy: Body) -> bool:
        """Whether an earlier deploy listed the commit of a deploy, or was of it."""
        known = [sha for d in self.earlier(deploy) for sha in (d["commitSHA"], *(s for s, _ in listed(d)))]
        return any(one_commit(deploy["commitSHA"], sha) for sha in known)

    def remedied_by(self, deploy: Body) -> list[Body]:
        found = [d for d in self.deploys if any(r is deploy for r in self.remedies(d))]
        return sorted(found, key=order)

    def observed_from(self) -> datetime | None:
        repo, ended = self.question.get("repo"), self.moment("to")
        seen = [
            when(e)
            for e in self.past
            if (not repo or bare(e["repo"]) == bare(repo)) and (ended is None or when(e) < ended)
        ]
        if not seen or (ended is not None and min(seen) >= ended):
            return None
        day = min(seen).astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(self.moment("from"), day.replace(fold=0), key=lambda moment: moment.timestamp())

    def selected(self, events: Sequence[Body]) -> list[Body]:
        filters = self.question
        began, ended = self.moment("from"), self.moment("to")
        return [
            e
            for e in events
            if began <= when(e)
            and (ended is None or when(e) < ended)
            and (not filters.get("repo") or bare(e["repo"]) == bare(filters["repo"]))
            and environment(e) == environment(filters)
            and (not filters.get("service") or bare(e.get("service") or "") == bare(filters["service"]))
        ]

    def moment(self, name: str) -> Any:
        text = self.question.get(name)
        if not text:
            return None
        if len(text) == 10:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone)
        return datetime.fromisoformat(text)

    def days(self) -> float:
        began, ended = self.observed_from(), self.moment("to")
        until = self.now if ended is None or ended > self.now else ended
        if began is None or until.timestamp() <= began.timestamp():
            return 0
        shown = [moment.astimezone(self.zone).replace(tzinfo=None) for moment in (began, until)]
        return max((shown[1] - shown[0]).total_seconds() / 86400, 0)

    def figures(self) -> dict[str, Any]:  # noqa: C901, PLR0912  one rule after another, as in the definitions
        deploys = sorted(self.selected(self.deploys), key=when)
        gaps = [(when(deploys[i + 1]) - when(deploys[i])).total_seconds() for i in range(len(deploys) - 1)]
        leads, unknown_deploys, unknown_commits = [], 0, 0
        for deploy in deploys:
            lists = deploy.get("commits") is not None or deploy.get("commitTime")
            if not self.known(deploy) and (not self.earlier(deploy) or not lists):
                unknown_deploys += 1
                continue
            for _, at in self.brought(deploy):
                if at is None or at > when(deploy):
                    unknown_commits += 1
                else:
                    leads.append((when(deploy) - at).total_seconds())
        settled, failed, young_failed, pending, still_open, without = 0, 0, 0, 0, 0, 0
        recoveries, remedied = [], []
        for deploy in deploys:
            mine = [o for o, blamed in zip(self.outages, self.blame, strict=True) if blamed is deploy]
            young = self.now - when(deploy) < self.window
            settled += not young
            remedies = self.remedied_by(deploy)
            said = self.corrections.get(deploy["id"], ("",))[0]
            if said == "not-failed":
                mine, remedies = [], []
            if not mine and not remedies and said != "failed":
                pending += young
                continue
            failed += not young
            young_failed += young
            counted = [(s, e) for s, e in mine if (e or {}).get("resolution") not in WITHOUT_RECOVERY]
            if not counted:
                if remedies:
                    remedied.append((when(remedies[0]) - when(deploy)).total_seconds())
                else:
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
        rework = [d for d in deploys if self.is_rollback(d) or self.is_hotfix(d) or d.get("fixes")]
        unlinked = [o for o, blamed in zip(self.outages, self.blame, strict=True) if blamed is None]
        wide = [
            start
            for start, end in unlinked
            if not ((end or {}).get("causedBy") or start.get("causedBy"))
            and not self.corrected(start)
            and self.latest_before(start, timedelta(hours=72)) is not None
        ]
        days = self.days()
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
                "value": failed / settled if settled else None,
                "numerator": failed,
                "denominator": settled,
                "pending": pending,
                "failedYoung": young_failed,
                "unlinked": len(self.selected([start for start, _ in unlinked])),
                "attributedIn72h": len(self.selected(wide)),
            },
            "failedDeploymentRecoveryTime": {
                "median": share(recoveries, 0.5),
                "p90": share(recoveries, 0.9),
                "count": len(recoveries),
                "open": still_open,
                "byRemedy": {
                    "median": share(remedied, 0.5),
                    "p90": share(remedied, 0.9),
                    "count": len(remedied),
                },
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
    name = (event.get("environment") or "production").strip().lower()
    if name in ("production", "prod", "prd", "live") or event.get("tier") == "production":
        return "production"
    return name


def exact(event: Body) -> str | None:
    return (event.get("environment") or "").strip().lower() or None


def bare(name: str) -> str:
    return name.lower().removesuffix(".git")


def place(event: Body) -> tuple[str, str, str]:
    return (bare(event["repo"]), environment(event), bare(event.get("service") or ""))


def fits(end: Body, where: tuple[str, ...]) -> bool:
    repo, env, service = where
    return (
        bare(end["repo"]) == repo
        and (not end.get("environment") or environment(end) == env)
        and (not end.get("service") or not service or bare(end["service"]) == service)
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
