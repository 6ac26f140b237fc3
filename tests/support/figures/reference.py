"""A slow reference of the figures, "definitions 2026-2", written from docs/figures.md alone.

Its author had seen nothing else of the project. Nothing is shared with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.figures.reference_deploys import (
    DAY,
    HOUR,
    Deploy,
    Incident,
    among,
    classify,
    find_new,
    find_remedies,
    fits,
    moment_at,
    name_services,
    place_of,
    plain_name,
    read_deploy,
    repo_name,
    seconds,
    take_lists,
)

Z = 1.959963984540054  # the normal quantile of a two-sided 95 % interval


# --- The period ------------------------------------------------------------------------------------------
@dataclass
class Period:
    """The time that is asked for."""

    zone: ZoneInfo
    now: Fraction
    start: Fraction
    end: Fraction
    to: Fraction | None
    observed: Fraction = Fraction(0)  # when the observed days begin

    def holds(self, time: Fraction) -> bool:
        """It ends before `to`. What is later than now is not in it."""
        return self.start <= time <= self.now and (self.to is None or time < self.to)

    def clock(self, time: Fraction) -> datetime:
        """The time on the clock of the time zone, without its offset."""
        return moment_at(time).astimezone(self.zone).replace(tzinfo=None)

    def clock_days(self, start: Fraction, end: Fraction) -> Fraction:
        """Days by the clock: a day of 23 or 25 hours is one day."""
        return Fraction((self.clock(end) - self.clock(start)) // timedelta(microseconds=1), DAY * 10**6)

    def midnight(self, time: Fraction) -> Fraction:
        """The beginning of a day of the time zone."""
        return time_of(self.clock(time).date().isoformat(), self.zone)


def time_of(text: str, zone: ZoneInfo) -> Fraction:
    """A date means its midnight in the time zone."""
    if len(text) == 10:
        return seconds(datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC).isoformat())
    return seconds(text)


def read_period(selection: dict, settings: dict) -> Period:
    """Without `from`, the period is 90 days long, by the clock. Without `to`, it goes on until now."""
    zone = ZoneInfo(settings["timezone"])
    now = time_of(selection["now"], zone)
    to = time_of(selection["to"], zone) if selection.get("to") else None
    period = Period(zone, now, now, now if to is None else min(to, now), to)
    if selection.get("from"):
        period.start = time_of(selection["from"], zone)
    else:
        earlier = period.clock(period.end) - timedelta(days=90)
        period.start = seconds(earlier.replace(tzinfo=zone).astimezone(UTC).isoformat())
    return period


# --- What is counted: incidents --------------------------------------------------------------------------
def incident_key(e: dict, settings: dict) -> tuple[str, str, str, str]:
    """Incidents of one id are different ones if their repository, environment or service is another."""
    return (
        repo_name(e.get("repo")),
        e["incidentId"],
        place_of(plain_name(e.get("environment")), settings),
        plain_name(e.get("service")),
    )


def ends_incident(e: dict, key: tuple[str, str, str, str], settings: dict) -> bool:
    """An end closes each incident of its id and repository that it does not contradict: an environment or
    service that it does not name may be any, and so may a service that the start does not name."""
    repo, incident, place, service = key
    its_repo, its_incident, its_place, its_service = incident_key(e, settings)
    return (
        (its_repo, its_incident) == (repo, incident)
        and (not plain_name(e.get("environment")) or its_place == place)
        and (not its_service or not service or its_service == service)
    )


def occurrences(events: list[dict], corrections: dict, settings: dict) -> list[Incident]:
    """A start while the incident is open, and an end while it is closed, do nothing. At one instant, an open
    incident takes its end first, and a closed one its start."""
    starts = [e for e in events if e["kind"] == "incidentStarted"]
    ends = [e for e in events if e["kind"] == "incidentResolved"]
    found = []
    for key in sorted({incident_key(e, settings) for e in starts}):
        group = [e for e in starts if incident_key(e, settings) == key]
        group += [e for e in ends if ends_incident(e, key, settings)]
        left = sorted(group, key=lambda e: (seconds(e["time"]), e["id"]))
        opened: dict | None = None
        while left:
            now = [e for e in left if seconds(e["time"]) == seconds(left[0]["time"])]
            wanted = "incidentResolved" if opened else "incidentStarted"
            e = next((e for e in now if e["kind"] == wanted), None)
            if e is None:
                left = left[len(now) :]
                continue
            left.remove(e)
            if opened is None:
                opened = e
            else:
                found.append(occurrence(opened, e, settings))
                opened = None
        if opened is not None:
            found.append(occurrence(opened, None, settings))
    return [i for i in found if what(corrections, i.id) != "not-an-incident"]


def occurrence(start: dict, end: dict | None, settings: dict) -> Incident:
    """A cause that the end names replaces that of the start."""
    return Incident(
        id=start["id"],
        start=seconds(start["time"]),
        end=None if end is None else seconds(end["time"]),
        repo=repo_name(start.get("repo")),
        place=place_of(plain_name(start.get("environment")), settings),
        service=plain_name(start.get("service")),
        caused_by=((end or {}).get("causedBy") or start.get("causedBy") or "").lower(),
        resolution=((end or {}).get("resolution") or "").lower(),
    )


def attribute(incidents: list[Incident], counted: list[Deploy], corrections: dict, window: int) -> None:
    """Each incident belongs to at most one deploy."""
    for i in incidents:
        there = [d for d in counted if (d.repo, d.place) == (i.repo, i.place)]
        said = what(corrections, i.id)
        if said == "deploy":  # it must count in the repository and environment of the incident
            i.deploy, i.how = next((d for d in there if d.id == corrections[i.id][1]), None), "person"
        elif said == "no-deploy" or i.caused_by == "none":
            pass
        elif i.caused_by:
            i.deploy, i.how = named(i, there), "named"
        else:
            i.guessed = True
            i.deploy, i.how = latest_in(i, there, window), "time"
        if i.deploy is None:
            i.how = ""
        else:
            i.deploy.incidents.append(i)


def named(i: Incident, there: list[Deploy]) -> Deploy | None:
    """The latest deploy of that commit, or the one that brought it, at or before the start, else the
    earliest after it. If any of these is of the service of the incident, the others are not meant."""
    fit = [d for d in there if fits(d.sha, i.caused_by) or among(i.caused_by, d.came)]
    if i.service and any(d.service == i.service for d in fit):
        fit = [d for d in fit if d.service == i.service]
    before = [d for d in fit if d.time <= i.start]
    after = [d for d in fit if d.time > i.start]
    return before[-1] if before else after[0] if after else None


def latest_in(i: Incident, there: list[Deploy], window: int | None) -> Deploy | None:
    """The latest deploy in the window before the start. The service is compared only if a deploy there is of
    that service at or before the start. Then the deploy must be of it or of none."""
    before = [d for d in there if d.time <= i.start]
    if i.service and any(d.service == i.service for d in before):
        before = [d for d in before if d.service in (i.service, "")]
    if window is not None:
        before = [d for d in before if i.start - d.time < window]
    return before[-1] if before else None


# --- What is counted: the five figures, with the names of their numbers ----------------------------------
def percentile(values: list[Fraction], part: Fraction) -> float | None:
    """Percentiles are interpolated between neighbors."""
    if not values:
        return None
    values = sorted(values)
    at = part * (len(values) - 1)
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (values[high] - values[low]) * (at - low))


def summary(values: list[Fraction], *names: str) -> dict:
    """The percentiles of these names, such as `p90`."""
    return {n: percentile(values, Fraction(50 if n == "median" else int(n[1:]), 100)) for n in names}


def ratio(part: float | Fraction, whole: int) -> float | None:
    """If there is nothing to divide by, the figure is null."""
    return float(part / whole) if whole else None


def between(low: int, high: int, whole: int) -> dict:
    return {"low": ratio(low, whole), "high": ratio(high, whole)}


def wilson(part: float | Fraction, whole: int) -> dict:
    """The 95 % interval of a rate by sampling alone (Wilson)."""
    if not whole:
        return {"low": None, "high": None}
    p, n = float(part) / whole, whole
    middle = p + Z * Z / (2 * n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return {
        "low": max(0.0, (middle - half) / (1 + Z * Z / n)),
        "high": min(1.0, (middle + half) / (1 + Z * Z / n)),
    }


def frequency(chosen: list[Deploy], first: Fraction | None, period: Period) -> dict:
    """Deploys of every type ÷ observed days. Under one observed day, there is no `value`."""
    begin = period.observed
    days = Fraction(0) if first is None else max(period.clock_days(begin, period.end), Fraction(0))
    later = period.start < begin < period.end
    gaps = [b.time - a.time for a, b in pairwise(chosen)]
    return {
        "value": float(len(chosen) / days) if days >= 1 else None,
        "deploys": len(chosen),
        "days": float(days),
        "since": moment_at(begin).isoformat().replace("+00:00", "Z") if later else None,
        "gaps": {**summary(gaps, "median", "p90"), "count": len(gaps)},
    }


def lead_time(chosen: list[Deploy]) -> dict:
    """The time from a commit to its deploy, for each commit that a deploy brought."""
    times, unknown = [], 0
    for d in chosen:
        for c in d.brought:
            if c.time is None or c.time > d.time:
                unknown += 1
            else:
                times.append(d.time - c.time)
    return {
        **summary(times, "median", "p25", "p75", "p90"),
        "commits": len(times),
        "unknownCommits": unknown,
        "unknownDeploys": sum(d.lead == "unknown" for d in chosen),
        "nothingNew": sum(d.lead == "nothing-new" for d in chosen),
    }


def fail_rate(
    chosen: list[Deploy],
    counted: list[Deploy],
    incidents: list[Incident],
    unlinked: list[Incident],
    period: Period,
    window: int,
    *,
    whole: bool,
) -> dict:
    """Failed deploys ÷ settled deploys, without those that failed by chance alone. A deploy that is at least
    one window old is settled. What chance did is known for a whole period alone."""
    settled = [d for d in chosen if period.now - d.time >= window]
    young = [d for d in chosen if period.now - d.time < window]
    failed = [d for d in settled if d.evidence]
    evidence = {e: sum(d.evidence == e for d in failed) for e in ("named", "corrected", "remedied", "time")}
    by_chance, most = None, 0
    if whole:
        by_chance, most = chance(chosen, counted, incidents, period, window, evidence["time"])
    in72 = 0
    for i in unlinked:
        there = [d for d in counted if (d.repo, d.place) == (i.repo, i.place)]
        in72 += i.guessed and latest_in(i, there, 72 * HOUR) is not None
    nothing = {"low": None, "high": None}
    return {
        "value": None if by_chance is None else ratio(len(failed) - by_chance, len(settled)),
        "failed": len(failed),
        "settled": len(settled),
        "interval": nothing if by_chance is None else wilson(len(failed) - by_chance, len(settled)),
        "range": between(len(failed) - most, len(failed), len(settled)) if whole else nothing,
        "byChance": by_chance,
        "evidence": evidence,
        "pending": sum(not d.evidence for d in young),
        "failedPending": sum(bool(d.evidence) for d in young),
        "unlinked": len(unlinked),
        "attributedIn72h": in72,
    }


def recovery(chosen: list[Deploy]) -> dict:
    """For each failed deploy, from the start of its first incident until none of its incidents is open;
    without an incident, from the deploy to its first remedy, kept apart."""
    times, by_remedy, still_open, without = [], [], 0, 0
    for d in chosen:
        if not d.evidence:
            continue
        own = sorted((i for i in d.incidents if not i.void), key=lambda i: i.start)
        if own:
            end = own[0].end
            for i in own[1:]:
                if end is not None and i.start <= end:
                    end = None if i.end is None else max(end, i.end)
            if end is None:
                still_open += 1
            else:
                times.append(end - own[0].start)
        elif d.remedies:
            by_remedy.append(min(r.time for r in d.remedies) - d.time)
        else:
            without += 1
    return {
        **summary(times, "median", "p90"),
        "recovered": len(times),
        "open": still_open,
        "byRemedy": {**summary(by_remedy, "median", "p90"), "count": len(by_remedy)},
        "withoutIncident": without,
    }


def rework_rate(chosen: list[Deploy]) -> dict:
    """Deploys that mend what users met, and were not planned ÷ all deploys."""
    rework = sum(bool(d.rework) for d in chosen)
    inferred = sum(d.rework == "inferred" for d in chosen)
    return {
        "value": ratio(rework, len(chosen)),
        "rework": rework,
        "deploys": len(chosen),
        "inferred": inferred,
        "range": between(rework - inferred, rework, len(chosen)),
        "interval": wilson(rework, len(chosen)),
    }


# --- Evidence --------------------------------------------------------------------------------------------
def judge(counted: list[Deploy], corrections: dict, settings: dict) -> None:
    """A failed deploy has one evidence, the first that fits."""
    for d in counted:
        said = what(corrections, d.id)
        if said == "not-failed":
            d.evidence = ""
        elif said == "failed" or any(i.how == "person" for i in d.incidents):
            d.evidence = "corrected"
        elif any(i.how == "named" for i in d.incidents):
            d.evidence = "named"
        elif d.remedies:
            d.evidence = "remedied"
        elif d.incidents and settings["failures"] == "all":
            d.evidence = "time"


# --- Chance ----------------------------------------------------------------------------------------------
@dataclass
class Share:
    """What one target adds to one of the two ways to count."""

    b: float
    k: float
    g: Fraction
    t: Fraction


def chance(
    chosen: list[Deploy],
    counted: list[Deploy],
    incidents: list[Incident],
    period: Period,
    window: int,
    by_time: int,
) -> tuple[float | None, int]:
    """How many failed by chance, and the most that is likely. A target counts if it has a deploy in the
    period."""
    if not by_time:
        return 0.0, 0
    pools = 0
    blind = 0
    ways: list[list[Share]] = [[], []]
    days = period.clock_days(period.start, period.end)
    for target in sorted({d.target for d in chosen}):
        deploys = [d for d in counted if d.target == target]
        pool = pool_of(target, counted, incidents, period)
        pools += len(pool)
        for way in (0, 1):
            ways[way].append(share(way, deploys, pool, period, window))
        if not ways[0][-1].g:
            settled = [d for d in chosen if d.target == target and period.now - d.time >= window]
            blind += sum(d.evidence == "time" for d in settled)
    if not 14 <= days <= 366:
        ways = ways[:1]
    sums = [min(math.fsum(s.b for s in way), by_time) for way in ways]
    most = min(max(min(most_by_chance(way), by_time) for way in ways) + blind, by_time)
    return (None if pools < 4 else sum(sums) / len(sums)), most


def pool_of(
    target: tuple, counted: list[Deploy], incidents: list[Incident], period: Period
) -> list[Incident]:
    """The incidents of the period that are attributed to one of its deploys by time alone, and those that no
    deploy in the window precedes, if the latest deploy before them that they could be attributed to is of
    this target."""
    pool = []
    for i in incidents:
        if i.guessed and period.holds(i.start):
            there = [d for d in counted if (d.repo, d.place) == (i.repo, i.place)]
            d = i.deploy or latest_in(i, there, None)
            if d is not None and d.target == target:
                pool.append(i)
    return pool


def stretches(deploys: list[Deploy], period: Period) -> list[tuple[Fraction, Fraction, Fraction]]:
    """The observed time of a target as (begin, end, time of the last deploy)."""
    times = sorted({d.time for d in deploys})
    found = []
    for n, t in enumerate(times):
        begin = max(t, period.start)
        end = min(times[n + 1] if n + 1 < len(times) else period.end, period.end)
        if begin < end:
            found.append((begin, end, t))
    return found


def within(moments: list[tuple[Fraction, Fraction, Fraction]], age: Fraction | int) -> Fraction:
    """How much of these moments is less than this age after the last deploy."""
    return sum((max(min(e, t + age) - b, Fraction(0)) for b, e, t in moments), Fraction(0))


def share(way: int, deploys: list[Deploy], pool: list[Incident], period: Period, window: int) -> Share:
    """*k*, *b*, *g* and *T* of one target. `way` 0 is among all moments, 1 among those of the same clock
    hour and weekday in the other weeks."""
    times = sorted({d.time for d in deploys})
    observed = stretches(deploys, period)
    total = sum((e - b for b, e, _ in observed), Fraction(0))
    near = within(observed, window)
    k, weight = Fraction(0), Fraction(0)
    for i in pool:
        before = [t for t in times if t <= i.start]
        age = i.start - before[-1]
        moments = observed if way == 0 else same_hours(observed, i.start, period)
        whole = sum((e - b for b, e, _ in moments), Fraction(0))
        younger = within(moments, age)
        count = Fraction(int(2 * younger > whole))
        if not whole or 2 * younger == whole:
            count = Fraction(1, 2)
        k += count
        weight += count * (within(moments, window) / whole if whole else 0)
    rate = 0.0
    if way == 0 and total:
        rate = float(2 * k / total)
    if way == 1 and near:
        rate = float(2 * weight / near)
    b, g = 0.0, Fraction(0)
    for n, t in enumerate(times):
        here = [d for d in deploys if d.time == t]
        if not period.holds(t) or period.now - t < window or any(d.evidence for d in here):
            continue
        free = min(times[n + 1] - t, Fraction(window)) if n + 1 < len(times) else Fraction(window)
        g += free
        b += math.expm1(rate * float(free))
    return Share(b, float(k), g, total)


def same_hours(observed: list[tuple], start: Fraction, period: Period) -> list[tuple]:
    """The observed moments of the same clock hour and weekday in the other weeks."""
    clock = period.clock(start)
    monday = clock.date() - timedelta(days=clock.weekday())
    found = []
    for b, e, t in observed:
        at = b
        while at < e:
            until = min((at // 900 + 1) * 900, e)  # every offset is a multiple of a quarter of an hour
            c = period.clock(at)
            same = (c.weekday(), c.hour) == (clock.weekday(), clock.hour)
            if same and c.date() - timedelta(days=c.weekday()) != monday:
                found.append((at, until, t))
            at = until
    return found


def most_by_chance(way: list[Share]) -> int:
    """The smallest number that a negative binomial distribution does not exceed in 97.5 % of cases. Its size
    is *K* + ½ and its mean (*K* + ½) * *w*."""
    total = math.fsum(s.b for s in way)
    if total:
        w = math.fsum(s.b * s.b / s.k for s in way if s.b) / total
        size = total / w + 0.5
    else:
        t = sum(s.t for s in way)
        w = float(2 * sum(s.g for s in way) / t) if t else 0.0
        size = 0.5
    p = 1 / (1 + w)
    n, term = 0, p**size
    below = term
    while below < 0.975 and n < 10**6:
        n += 1
        term *= (size + n - 1) / n * (1 - p)
        below += term
    return n


# --- Rework ----------------------------------------------------------------------------------------------
def find_rework(counted: list[Deploy], incidents: list[Incident], corrections: dict) -> None:
    """Rollbacks, hotfixes, deploys with `fixes`, deploys that remedy an earlier one by `reverts`, and fixes
    forward: the last deploy that began while an incident of an earlier one was open, at most 60 minutes
    before its end, also where that incident makes no deploy fail."""
    for d in counted:
        if d.mends or d.fixes or d.reverted:
            d.rework = "rework"
        said = what(corrections, d.id + " rework")
        if said:
            d.rework = "rework" if said == "rework" else ""
    already = [d for d in counted if d.rework == "rework"]
    for i in incidents:
        if i.deploy is None or i.end is None or i.void:
            continue
        such = [
            d
            for d in counted
            if d.target == i.deploy.target
            and d.order > i.deploy.order
            and i.start <= d.time < i.end
            and i.end - d.time <= HOUR
            and d.kind not in ("late", "forward")
        ]
        if such and not any(d in already for d in such) and not what(corrections, such[-1].id + " rework"):
            such[-1].rework = "inferred"


# --- Corrections -----------------------------------------------------------------------------------------
def what(corrections: dict, key: str) -> str:
    """What a person says about an event. It takes precedence over all rules."""
    return (corrections.get(key) or [""])[0]


# --- The answer ------------------------------------------------------------------------------------------
Chosen = Callable[[Deploy | Incident], bool]


class Reference:
    """All five figures: for one selection, or with `over` for any part of the same history."""

    def __init__(
        self, events: list[dict], selection: dict, settings: dict, corrections: dict | None = None
    ) -> None:
        corrections = corrections or {}
        self.selection, self.settings = selection, settings
        self.window = window = settings["window_hours"] * HOUR
        now = read_period(selection, settings).now
        every = sorted(
            (read_deploy(e, settings) for e in events if e["kind"] == "deployed"), key=lambda d: d.order
        )
        name_services(every)
        classify(every, settings)
        take_lists(every)
        self.counted = counted = [d for d in every if d.kind != "repeat" and d.time <= now]
        for target in {d.target for d in counted}:
            find_new([d for d in counted if d.target == target], every)
        find_remedies(counted, every, window)
        self.seen = [e for e in events if seconds(e["time"]) <= now]
        self.incidents = occurrences(self.seen, corrections, settings)
        attribute(self.incidents, counted, corrections, window)
        judge(counted, corrections, settings)
        find_rework(counted, self.incidents, corrections)

        repo = repo_name(selection.get("repo"))
        place = place_of(plain_name(selection.get("environment")), settings)
        service = plain_name(selection.get("service"))

        def matches(x: Deploy | Incident) -> bool:
            """It fits the parameters of the request. Without `environment`, that is production."""
            return (not repo or x.repo == repo) and x.place == place and (not service or x.service == service)

        self.matches: Chosen = matches
        self.observes: Callable[[str], bool] = lambda name: not repo or name == repo
        self.whole = True  # not a bucket or rolling weeks, for which chance is not known

    def over(
        self,
        began: str,
        ended: str | None,
        matches: Chosen,
        observes: Callable[[str], bool],
        *,
        whole: bool = True,
    ) -> Reference:
        """The same history for a span of time and a group of events, with the days of some repositories."""
        part = copy(self)
        part.selection = {"now": self.selection["now"], "from": began, "to": ended or ""}
        part.matches, part.observes, part.whole = matches, observes, whole
        return part

    def figures(self) -> dict[str, Any]:
        period = read_period(self.selection, self.settings)
        chosen = [d for d in self.counted if self.matches(d) and period.holds(d.time)]
        unlinked = [
            i for i in self.incidents if i.deploy is None and self.matches(i) and period.holds(i.start)
        ]
        firsts = [seconds(e["time"]) for e in self.seen if self.observes(repo_name(e.get("repo")))]
        first = min((t for t in firsts if period.to is None or t < period.to), default=None)
        period.observed = period.start if first is None else max(period.start, period.midnight(first))
        return {
            "deploymentFrequency": frequency(chosen, first, period),
            "changeLeadTime": lead_time(chosen),
            "changeFailRate": fail_rate(
                chosen, self.counted, self.incidents, unlinked, period, self.window, whole=self.whole
            ),
            "failedDeploymentRecoveryTime": recovery(chosen),
            "deploymentReworkRate": rework_rate(chosen),
        }
