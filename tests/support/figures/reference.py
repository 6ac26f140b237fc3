"""The figures a second time, slowly and straight from the definitions; nothing is shared with the package.

Every rule is a comprehension over all events. The package sorts events; this searches them. Only
the repeats are found one after another, since each depends on what the ones before it are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from statistics import NormalDist
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.figures.reference_chance import Chance, Target, chance

Body = Mapping[str, Any]

# What a deploy is, beside deploy, rollback and hotfix.
REPEAT, BACK, AGAIN, AGAIN_HOTFIX = "repeat", "back", "again", "hotfix again"
EVIDENCE = ("named", "corrected", "remedied", "time")
WITHOUT_RECOVERY = ("merged", "cancelled", "deleted")


def once(find: Callable[[Any, Body], Any]) -> Callable[[Any, Body], Any]:
    """Find something of a deploy once, however many spans of time it is asked for."""

    def found(self: Reference, deploy: Body) -> Any:
        key = find.__name__, deploy["id"]
        if key not in self.found:
            self.found[key] = find(self, deploy)
        return self.found[key]

    return found


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
        only_evidence: bool = False,
    ) -> None:
        self.corrections = corrections
        self.only_evidence = only_evidence
        self.question = question
        # Whether the question is about a whole period, and not about a part of it.
        self.whole = True
        self.includes: Callable[[Body], bool] | None = None
        self.observes: Callable[[str], bool] = lambda _repo: True
        self.found: dict[tuple[str, str], Any] = {}
        self.count_same_commit = count_same_commit
        self.hotfix = hotfix
        self.window = timedelta(hours=hours)
        self.zone = ZoneInfo(zone)
        self.now = datetime.fromisoformat(question["now"])
        past = [event for event in events if when(event) <= self.now]
        self.past = past
        self.repeated: dict[str, str] = {}
        # A repeat within an hour may list the commits of a deploy, and name its service and type.
        deploys = [e for e in events if e["kind"] == "deployed"]
        reports = [e for e in deploys if when(e) <= self.now + timedelta(hours=2)]
        # Which services there are, events of any time tell.
        self.services = {place(e) for e in deploys if e.get("service")}
        soon = [self.with_service(e, reports) for e in reports if when(e) <= self.now + timedelta(hours=1)]
        self.again: set[str] = set()
        kinds = self.classified(soon)
        every = [deploy for deploy in soon if when(deploy) <= self.now]
        self.kinds = {deploy["id"]: kinds[deploy["id"]] for deploy in every}
        self.named = [(when(d), place(d), order(d)) for d in every if d.get("service")]
        self.deploys = [self.with_list(d, soon) for d in every if self.kinds[d["id"]] != REPEAT]
        self.starts = [event for event in past if event["kind"] == "incidentStarted"]
        self.ends = [event for event in past if event["kind"] == "incidentResolved"]
        self.outages = [
            (s, e) for s, e in self.occurrences() if corrections.get(s["id"], ("",))[0] != "not-an-incident"
        ]
        self.blame = [self.link(start, end) for start, end in self.outages]

    def over(
        self,
        began: str,
        ended: str | None,
        includes: Callable[[Body], bool],
        observes: Callable[[str], bool],
        *,
        whole: bool = True,
    ) -> Reference:
        """The same history for a span of time and a group of events, with the days of some repositories."""
        part = copy(self)
        part.question = {"now": self.question["now"], "from": began, "to": ended or ""}
        part.includes, part.observes, part.whole = includes, observes, whole
        return part

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

    def with_service(self, deploy: Body, reports: Sequence[Body]) -> Body:
        """A deploy that names no service, with that of another report of it, else with the only one there."""
        if deploy.get("service"):
            return deploy
        there = [d for d in reports if d.get("service") and place(d)[:2] == place(deploy)[:2]]
        alike = sorted((d for d in there if one_deploy(d, deploy)), key=order)
        earlier = [d for d in alike if order(d) < order(deploy)]
        names = {service for *where, service in self.services if tuple(where) == place(deploy)[:2]}
        if earlier or alike:
            names = {place((earlier or alike)[0])[2]}
        return {**deploy, "service": names.pop(), "takes it": True} if len(names) == 1 else deploy

    def classified(self, deploys: Sequence[Body]) -> dict[str, str]:
        """Whether each deploy is a deploy, a rollback, a hotfix, nothing new or a repeat, by its id."""
        kinds: dict[str, str] = {}
        for deploy in sorted(deploys, key=order):
            here = [d for d in deploys if place(d) == place(deploy) and order(d) < order(deploy)]
            here.sort(key=order)
            counting = [d for d in here if kinds[d["id"]] != REPEAT]
            kinds[deploy["id"]] = self.kind(deploy, here, counting)
            if kinds[deploy["id"]] in (BACK, AGAIN, AGAIN_HOTFIX):
                self.again.add(deploy["id"])
        done = dict(kinds)
        for deploy in deploys:
            told = [d for d in self.soon_repeats(deploy, deploys) if says(d)]
            if kinds[deploy["id"]] != REPEAT and told and not says(deploy):
                done[deploy["id"]] = says(told[0])
            elif kinds[deploy["id"]] == BACK and self.is_late(deploy, deploys, kinds):
                done[deploy["id"]] = AGAIN
        return done

    def is_late(self, deploy: Body, deploys: Sequence[Body], kinds: Mapping[str, str]) -> bool:
        """Whether a push or a tag started it, and its commit came there at most two hours before it.

        What came to another service more than a day before it does not matter.
        """
        same = [d for d in deploys if place(d)[:2] == place(deploy)[:2] and order(d) < order(deploy)]
        same = [d for d in same if one_commit(d["commitSHA"], deploy["commitSHA"])]
        ages = {d["id"]: when(deploy) - when(d) for d in same}
        here = [ages[d["id"]] for d in same if place(d) == place(deploy) and kinds[d["id"]] != REPEAT]
        there = [age for age in ages.values() if age <= timedelta(days=1)]
        of_run = [
            d
            for d in deploys
            if deploy.get("run")
            and bare(d["repo"]) == bare(deploy["repo"])
            and run(d) == run(deploy)
            and timedelta(hours=-24) <= when(d) - when(deploy) <= timedelta(hours=1)
        ]
        started = any(d.get("trigger") in ("push", "tag") for d in (deploy, *of_run))
        return started and max([*here, *there]) <= timedelta(hours=2)

    def soon_repeats(self, deploy: Body, every: Sequence[Body]) -> list[Body]:
        """The repeats of a deploy within an hour."""
        found = [
            d
            for d in every
            if self.repeated.get(d["id"]) == deploy["id"] and when(d) - when(deploy) <= timedelta(hours=1)
        ]
        return sorted(found, key=order)

    def with_list(self, deploy: Body, every: Sequence[Body]) -> Body:
        """A deploy without a list, with that of the first report of it within an hour that names one."""
        if lists(deploy):
            return deploy
        soon = [d for d in self.soon_repeats(deploy, every) if listed(d)]
        if not soon:
            return deploy
        first = min(soon, key=order)
        return {**deploy, "commits": listed(first), "list from": first.get("reporter")}

    def repeats(self, deploy: Body, other: Body) -> str:
        self.repeated[deploy["id"]] = self.repeated.get(other["id"], other["id"])
        return REPEAT

    def kind(self, deploy: Body, here: list[Body], counting: list[Body]) -> str:
        same = [d for d in here if one_commit(d["commitSHA"], deploy["commitSHA"])]
        counted = [d for d in counting if d in same]
        same_run = [d for d in counted if deploy.get("run") and run(d) == run(deploy)]
        alike = [d for d in same if one_deploy(d, deploy)]
        mixed = [d for d in alike if deploy.get("service") and d.get("takes it") != deploy.get("takes it")]
        if says(deploy):
            same_run = [d for d in same_run if says(d) == says(deploy)]
            again = [d for d in alike if d in counting and d["id"] in self.again]
            of = [*same_run[:1], *again[-1:], *mixed[:1]]
            return self.repeats(deploy, of[0]) if of else says(deploy)
        is_there = bool(counting) and one_commit(counting[-1]["commitSHA"], deploy["commitSHA"])
        if is_there and self.count_same_commit:
            runs = (counting[-1].get("run"), deploy.get("run"))
            is_there = None in runs or runs[0] == runs[1]
        if is_there or same_run:
            return self.repeats(deploy, counting[-1] if is_there else same_run[0])
        hotfix = bool(self.hotfix) and (deploy.get("branch") or "").startswith(self.hotfix)
        if not counted:
            return "hotfix" if hotfix else "deploy"
        if not any(exact(d) == exact(deploy) for d in same):
            return self.repeats(deploy, counted[0])
        soon = when(deploy) - when(same[0]) <= timedelta(hours=1)
        if soon and not any(d.get("reporter") == deploy.get("reporter") for d in same):
            return self.repeats(deploy, counted[0])
        if mixed:
            return self.repeats(deploy, mixed[0])
        replaced = [d for d in counting if one_commit(d["commitSHA"], counting[-1]["commitSHA"])]
        if order(counted[0]) < order(replaced[0]):
            return BACK
        return AGAIN_HOTFIX if hotfix else AGAIN

    def known(self, deploy: Body) -> bool:
        return deploy["id"] in self.again

    def is_rollback(self, deploy: Body) -> bool:
        return self.kinds[deploy["id"]] in ("rollback", BACK)

    def is_hotfix(self, deploy: Body) -> bool:
        return self.kinds[deploy["id"]] in ("hotfix", AGAIN_HOTFIX)

    def earlier(self, deploy: Body) -> list[Body]:
        """The counting deploys of the place before a deploy, the latest last."""
        before = [d for d in self.deploys if place(d) == place(deploy) and order(d) < order(deploy)]
        return sorted(before, key=order)

    def brings_nothing(self, deploy: Body) -> bool:
        """Whether what a deploy lists does not matter, since it goes back or its commit counted before."""
        return self.known(deploy) or (self.is_rollback(deploy) and bool(self.earlier(deploy)))

    @once
    def brought(self, deploy: Body) -> list[str]:
        """The commits of a deploy that no earlier one listed or was of, by which causes find it."""
        if self.brings_nothing(deploy):
            return []
        known = [
            sha for d in self.earlier(deploy) for sha in (d["commitSHA"], *(c["sha"] for c in listed(d)))
        ]
        found: list[str] = []
        for commit in listed(deploy):
            if not commit.get("outside") and not among(commit["sha"], [*known, *found]):
                found.append(commit["sha"])
        return found

    @once
    def there(self, deploy: Body) -> list[str]:
        """What is there before a deploy: what earlier ones were of, listed, or named as a parent of these."""
        found: list[str] = []
        for d in self.earlier(deploy):
            found.append(d["commitSHA"])
            for commit in listed(d):
                found += [commit["sha"], *(commit.get("parents") or ())]
        return found

    @once
    def new(self, deploy: Body) -> list[Body] | None:
        """The commits that a deploy brought to its place for the first time; None if they are unknown."""
        return None if self.is_of_any_service(deploy) else self.found_new(deploy)

    @once
    def is_of_any_service(self, deploy: Body) -> bool:
        """Whether a list of pushes does not tell which of the repository's services its commits are of."""
        relayed = (deploy.get("list from", deploy.get("reporter")) or "").startswith("relay/")
        return bool(self.found_new(deploy)) and relayed and self.is_untold(deploy)

    def is_untold(self, deploy: Body) -> bool:
        """Whether a list does not tell which of the repository's services its commits are of."""
        services = {w[2] for _, w, named in self.named if w[0] == place(deploy)[0] and named <= order(deploy)}
        return len(services) > 1 and any(c.get("outside") is None for c in listed(deploy))

    def found_new(self, deploy: Body) -> list[Body] | None:
        earlier, there, commits = self.earlier(deploy), list(self.there(deploy)), listed(deploy)
        if self.brings_nothing(deploy):
            return []
        if not earlier:
            return None
        if among(deploy["commitSHA"], there):
            return []
        if not lists(deploy):
            return None
        inside = [c for c in commits if not c.get("outside")]
        if not inside:
            return []
        whole = all(c.get("parents") is not None for c in commits)
        tied = [c for c in inside if any(among(sha, there) for sha in (c["sha"], *(c.get("parents") or ())))]
        last = [d for d in earlier if self.new(d) != []][-1]
        bare = not listed(last)
        reached = [sha for c in commits for sha in (c["sha"], *(c.get("parents") or ()))]
        if not tied or (bare and not among(last["commitSHA"], reached)):
            if whole or bare:
                return None
        elif whole:
            while grown := [
                sha
                for c in commits
                if among(c["sha"], there)
                for sha in (c["sha"], *(c["parents"] or ()))
                if sha not in there
            ]:
                there += grown
        else:
            first = min(i for i, c in enumerate([*commits, None]) if c is None or among(c["sha"], there))
            there += [c["sha"] for c in commits[first:]]
        news = [c for c in inside if not among(c["sha"], there)]
        plain = [c for c in news if len(c.get("parents") or ()) < 2]
        if news and not plain:
            known = [*there, *(c["sha"] for c in commits)]
            return [] if all(among(sha, known) for c in news for sha in c["parents"]) else None
        return [c for i, c in enumerate(plain) if not among(c["sha"], [one["sha"] for one in plain[:i]])]

    def link(self, start: Body, end: Body | None) -> Body | None:
        here = [d for d in self.deploys if place(d)[:2] == place(start)[:2]]
        cause = (end or {}).get("causedBy") or start.get("causedBy")
        if self.corrected(start):
            named = [d for d in here if d["id"] == self.corrections[start["id"]][1]]
            return named[0] if named else None
        if cause == "none":
            return None
        if cause:
            guilty = [d for d in here if one_commit(d["commitSHA"], cause) or among(cause, self.brought(d))]
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
            and (not d.get("service") or not self.compares(start) or place(d)[2] == place(start)[2])
        ]
        return max(near, key=order, default=None)

    def compares(self, start: Body) -> bool:
        """Whether a deploy named the service of an incident before it."""
        here = [at for at, where, _ in self.named if where == place(start)]
        return bool(start.get("service")) and any(at <= when(start) for at in here)

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
        return found + self.undone_by(deploy)

    @once
    def undone_by(self, deploy: Body) -> list[Body]:
        """The deploys whose commits a deploy undoes, without those that only undid others themselves."""
        earlier, found = self.earlier(deploy), []
        for sha in () if self.is_untold(deploy) else deploy.get("reverts") or ():
            first_with = [
                d
                for d in earlier
                if among(sha, self.brought(d))
                or (one_commit(sha, d["commitSHA"]) and not self.brings_nothing(d) and not self.was_there(d))
            ]
            found += [d for d in first_with[:1] if not self.undone_by(d)]
        return found

    def undone(self, deploy: Body, sha: str) -> list[Body]:
        """The deploy that first brought a commit, before one that undoes it."""
        first_with = [
            d
            for d in self.earlier(deploy)
            if among(sha, self.brought(d))
            or (one_commit(sha, d["commitSHA"]) and not self.brings_nothing(d) and not self.was_there(d))
        ]
        return first_with[:1]

    def was_there(self, deploy: Body) -> bool:
        """Whether the commit of a deploy was there before it, or is outside its service."""
        outside = [c["sha"] for c in listed(deploy) if c.get("outside")]
        return among(deploy["commitSHA"], [*self.there(deploy), *outside])

    @once
    def remedied_by(self, deploy: Body) -> list[Body]:
        found = [d for d in self.deploys if any(r is deploy for r in self.remedies(d))]
        return sorted(found, key=order)

    def incidents_of(self, deploy: Body) -> list[tuple[Body, Body | None]]:
        return [o for o, blamed in zip(self.outages, self.blame, strict=True) if blamed is deploy]

    def way(self, start: Body, end: Body | None) -> str:
        """What decides which deploy an incident is attributed to, if any: a person, a name, or its time."""
        if self.corrected(start):
            return "corrected"
        return "named" if (end or {}).get("causedBy") or start.get("causedBy") else "time"

    def evidence(self, deploy: Body) -> str:
        """Why a deploy failed, "" if it did not."""
        said = self.corrections.get(deploy["id"], ("",))[0]
        if said == "not-failed":
            return ""
        ways = [self.way(*incident) for incident in self.incidents_of(deploy)]
        if said == "failed" or "corrected" in ways:
            return "corrected"
        if "named" in ways:
            return "named"
        if self.remedied_by(deploy):
            return "remedied"
        return "time" if ways and not self.only_evidence else ""

    @once
    def is_rework(self, deploy: Body) -> bool:
        """Whether a deploy is rework by anything but the rule of fixes forward."""
        said = self.corrections.get(deploy["id"] + " rework", ("",))[0]
        if said:
            return said == "rework"
        back = self.is_rollback(deploy) or self.is_hotfix(deploy) or deploy.get("fixes")
        return bool(back or self.undone_by(deploy))

    def inferred(self) -> list[str]:
        """The ids of the deploys that are rework by the rule of fixes forward alone."""
        found = []
        for (start, end), cause in zip(self.outages, self.blame, strict=True):
            if end is None or cause is None or end.get("resolution") in WITHOUT_RECOVERY:
                continue
            such = [
                d
                for d in self.deploys
                if place(d) == place(cause)
                and order(d) > order(cause)
                and when(start) <= when(d) < when(end) <= when(d) + timedelta(minutes=60)
                and self.kinds[d["id"]] not in (AGAIN, AGAIN_HOTFIX)
            ]
            if such and not any(self.is_rework(d) for d in such):
                last = max(such, key=order)["id"]
                if self.corrections.get(last + " rework", ("",))[0] != "not-rework":
                    found.append(last)
        return found

    def chance(self, deploys: Sequence[Body], by_time: int) -> Chance:
        """What chance did to deploys of a period, of which *by_time* failed by time alone."""
        ended = self.moment("to")
        began, until = self.moment("from"), self.now if ended is None or ended > self.now else ended
        suspects = []
        for (start, end), cause in zip(self.outages, self.blame, strict=True):
            if (
                began <= when(start)
                and (ended is None or when(start) < ended)
                and self.way(start, end) == "time"
            ):
                suspects.append((start, cause or self.latest_before(start, timedelta(days=9999))))
        targets = []
        for here in sorted({place(d) for d in deploys}):
            mine = [d for d in deploys if place(d) == here]
            settled = [when(d) for d in mine if self.now - when(d) >= self.window]
            failed = [when(d) for d in mine if self.evidence(d)]
            targets.append(
                Target(
                    sorted({when(d) for d in self.deploys if place(d) == here}),
                    sorted(set(settled) - set(failed)),
                    [when(start) for start, cause in suspects if cause and place(cause) == here],
                )
            )
        return chance(targets, by_time, (began, until), self.window, self.zone)

    def observed_from(self) -> datetime | None:
        repo, ended = self.question.get("repo"), self.moment("to")
        seen = [
            when(e)
            for e in self.past
            if self.observes(bare(e["repo"]))
            and (not repo or bare(e["repo"]) == bare(repo))
            and (ended is None or when(e) < ended)
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
            and (self.includes(e) if self.includes else environment(e) == environment(filters))
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

    def figures(self) -> dict[str, Any]:  # noqa: PLR0912, PLR0915  one rule after another, as in the definitions
        deploys = sorted(self.selected(self.deploys), key=when)
        gaps = [(when(deploys[i + 1]) - when(deploys[i])).total_seconds() for i in range(len(deploys) - 1)]
        leads, unknown_deploys, unknown_commits, nothing_new = [], 0, 0, 0
        for deploy in deploys:
            new = self.new(deploy)
            if new is None:
                unknown_deploys += 1
                continue
            nothing_new += not new
            for commit in new:
                if not commit.get("time") or when(commit) > when(deploy):
                    unknown_commits += 1
                else:
                    leads.append((when(deploy) - when(commit)).total_seconds())
        settled, failed_pending, pending, still_open, without = 0, 0, 0, 0, 0
        recoveries, remedied, evidence = [], [], dict.fromkeys(EVIDENCE, 0)
        for deploy in deploys:
            mine = self.incidents_of(deploy)
            young = self.now - when(deploy) < self.window
            settled += not young
            remedies = self.remedied_by(deploy)
            why = self.evidence(deploy)
            if not why:
                pending += young
                continue
            evidence[why] += not young
            failed_pending += young
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
        failed = sum(evidence.values())
        rework = [d for d in deploys if self.is_rework(d)]
        inferred = [d for d in deploys if d["id"] in self.inferred()]
        parts = (len(rework), len(rework) + len(inferred), len(deploys))
        by_chance, most = self.chance(deploys, evidence["time"]) if self.whole else (None, 0)
        others = None if by_chance is None else failed - by_chance
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
                "value": len(deploys) / days if days >= 1 else None,
                "deploys": len(deploys),
                "days": days,
                "gaps": {"median": share(gaps, 0.5), "p90": share(gaps, 0.9), "count": len(gaps)},
            },
            "changeLeadTime": {
                "median": share(leads, 0.5),
                "p25": share(leads, 0.25),
                "p75": share(leads, 0.75),
                "p90": share(leads, 0.9),
                "commits": len(leads),
                "unknownCommits": unknown_commits,
                "unknownDeploys": unknown_deploys,
                "nothingNew": nothing_new,
            },
            "changeFailRate": {
                "value": others / settled if settled and others is not None else None,
                "failed": failed,
                "settled": settled,
                "interval": wilson(others, settled),
                "range": between(failed - most, failed, settled if self.whole else 0),
                "byChance": by_chance,
                "evidence": evidence,
                "pending": pending,
                "failedPending": failed_pending,
                "unlinked": len(self.selected([start for start, _ in unlinked])),
                "attributedIn72h": len(self.selected(wide)),
            },
            "failedDeploymentRecoveryTime": {
                "median": share(recoveries, 0.5),
                "p90": share(recoveries, 0.9),
                "recovered": len(recoveries),
                "open": still_open,
                "byRemedy": {
                    "median": share(remedied, 0.5),
                    "p90": share(remedied, 0.9),
                    "count": len(remedied),
                },
                "withoutIncident": without,
            },
            "deploymentReworkRate": {
                "value": parts[1] / parts[2] if deploys else None,
                "rework": parts[1],
                "deploys": len(deploys),
                "inferred": len(inferred),
                "range": between(*parts),
                "interval": wilson(*parts[1:]),
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


def says(deploy: Body) -> str:
    """What a deploy says that it is, if that is rollback or hotfix."""
    word: str = deploy.get("type") or ""
    return word if word in ("rollback", "hotfix") else ""


def run(deploy: Body) -> tuple[str | None, str]:
    return (deploy.get("run"), deploy.get("attempt") or "1")


def one_deploy(one: Body, other: Body) -> bool:
    """Whether two reporters may report one deploy here: no two runs of one platform."""
    runs = {d["run"] for d in (one, other) if d.get("run")}
    platforms = [name.split(":")[0] for name in runs if ":" in name]
    return (
        one.get("reporter") != other.get("reporter")
        and abs(when(one) - when(other)) <= timedelta(hours=1)
        and one_commit(one["commitSHA"], other["commitSHA"])
        and (len(runs) < 2 or len(platforms) < 2 or platforms[0] != platforms[1])
    )


def place(event: Body) -> tuple[str, str, str]:
    return (bare(event["repo"]), environment(event), bare(event.get("service") or ""))


def fits(end: Body, where: tuple[str, ...]) -> bool:
    repo, env, service = where
    return (
        bare(end["repo"]) == repo
        and (not end.get("environment") or environment(end) == env)
        and (not end.get("service") or not service or bare(end["service"]) == service)
    )


def lists(deploy: Body) -> bool:
    return deploy.get("commits") is not None or bool(deploy.get("commitTime"))


def listed(deploy: Body) -> Sequence[Body]:
    if deploy.get("commits") is not None:
        found: Sequence[Body] = deploy["commits"]
        return found
    if deploy.get("commitTime"):
        return [{"sha": deploy["commitSHA"], "time": deploy["commitTime"]}]
    return []


def among(sha: str, others: Sequence[str]) -> bool:
    return any(one_commit(sha, other) for other in others)


def one_commit(one: str, other: str) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def between(low: float, high: float, whole: int) -> dict[str, float | None]:
    return {"low": low / whole, "high": high / whole} if whole else {"low": None, "high": None}


def wilson(some: float | None, whole: int) -> dict[str, float | None]:
    """The ends of the 95 % interval: the rates from which *some* is 1.96 standard deviations off."""
    if not whole or some is None:
        return {"low": None, "high": None}
    z = NormalDist().inv_cdf(0.975)
    # (some/whole - p)² = z² p (1 - p) / whole, solved for p.
    a, b, c = 1 + z * z / whole, -(2 * some / whole + z * z / whole), (some / whole) ** 2
    root = max(b * b - 4 * a * c, 0) ** 0.5
    return {"low": (-b - root) / (2 * a), "high": (-b + root) / (2 * a)}


def share(numbers: Sequence[float], part: float) -> float | None:
    if not numbers:
        return None
    ordered = sorted(numbers)
    rank = part * (len(ordered) - 1)
    low = int(rank + 1e-9)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * max(0.0, rank - low)
