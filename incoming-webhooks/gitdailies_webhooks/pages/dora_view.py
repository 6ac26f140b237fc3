"""What the DORA page's template is given: words, addresses and drawings, made of what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived.dora_page import Overview
from gitdailies_webhooks.derived.queries import Question
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS, Period
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.timeline import ENDED, LISTED, PENDING, SUCCEEDED, Listed
from gitdailies_webhooks.figures.trend import Bucket
from gitdailies_webhooks.pages import timeline
from gitdailies_webhooks.pages.axis import thinned
from gitdailies_webhooks.pages.cards import cards
from gitdailies_webhooks.pages.event_titles import subject
from gitdailies_webhooks.pages.formatting import address, count, decimal, duration, edge, moment

PRESETS = (7, 30, 90, 365)
_MOST_REPOS, _MOST_TICKS = 500, 5

# Figures are hardly ever older than two seconds; where they are, somebody sends a long history.
_BEHIND_US = 10_000_000
_TITLES = {kind.word: kind.title for kind in KINDS}

# How the beginning of a bucket is written: under a chart, and in a table.
_SHORT = {
    "day": "{0.day} {0:%b}",
    "week": "{0.day} {0:%b}",
    "month": "{0:%b} {0.year}",
    "quarter": "{0:%b} {0.year}",
    "year": "{0.year}",
    "decade": "{0.year}",
    "century": "{0.year}",
    "millennium": "{0.year}",
}
_LONG = {
    "day": "{0:%a} {0.day} {0:%b} {0.year}",
    "week": "{0.day} {0:%b} {0.year}",
    "quarter": "{0:%b} {0.year}",
}
_HEADINGS = {"day": "Day", "week": "Week of", "quarter": "Quarter from", "decade": "Decade from"}


def form(asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form and the choice of periods show."""
    where = {name: asked.get(name, "") for name in ("repo", "environment", "service", "now")}
    days = asked.get("days") or str(DEFAULT_DAYS)
    plain = not (asked.get("from") or asked.get("to"))
    return {
        "asked": asked,
        "presets": [
            (address(where, days=str(preset)), preset, plain and days == str(preset)) for preset in PRESETS
        ],
        "repos": (),
        "environments": (),
        "services": (),
    }


def context(
    found: Overview, asked: Mapping[str, str], question: Question, settings: FigureSettings
) -> dict[str, Any]:
    """Return everything that the page shows."""
    span, zone = question.selection.period, settings.zone
    as_of = to_us(parse(found.answer["asOf"], "asOf"))
    narrowed = partial(_narrowed, asked, span)
    listed = [_listed(event, found.events, zone) for event in found.timeline.listed]
    total = sum(found.timeline.counts.values())
    course = found.trend
    labels = [_SHORT[course.unit].format(bucket.local_begin) for bucket in course.buckets]
    return {
        **form(asked),
        "shown": True,
        "place": found.answer["filter"],
        "period": _period(span, settings),
        "as_of": moment(as_of, zone),
        "behind": span.now - as_of > _BEHIND_US,
        "young": _young(course.buckets, found.began_at, zone),
        "cards": cards(
            found.answer["figures"],
            course,
            labels,
            began_at=found.began_at,
            window=duration(found.answer["windowSeconds"]),
        ),
        "heading": _HEADINGS.get(course.unit, course.unit.capitalize()),
        "buckets": [_bucket(course.unit, bucket, narrowed) for bucket in course.buckets],
        "word": course.unit,
        "lanes": timeline.lanes(found.timeline, span, found.events, narrowed),
        "ticks": timeline.ticks(span, _moments(course.buckets, labels)),
        "listed": listed,
        "total": count(total),
        "left": count(total - len(listed)) if total > LISTED else "",
        "empty": total == 0,
        "elsewhere": _elsewhere(found, asked, span, zone),
        "anything": bool(found.repos),
        "repos": found.repos,
        "links": [(address(asked, repo=name), name) for name in found.repos[:_MOST_REPOS]],
        "more_repos": max(len(found.repos) - _MOST_REPOS, 0),
        "environments": found.environments,
        "services": sorted({str(body["service"]) for body in found.events.values() if body.get("service")}),
    }


def _narrowed(asked: Mapping[str, str], span: Period, began_at: int, ended_at: int | None) -> str:
    """Return the address of the page for a part of the period."""
    over = ended_at is not None and ended_at <= span.until
    until = edge(ended_at, span.zone) if ended_at is not None and over else asked.get("to")
    return address(asked, days=None, **{"from": edge(began_at, span.zone), "to": until})


def _period(span: Period, settings: FigureSettings) -> dict[str, Any]:
    return {
        "from": moment(span.began_at, span.zone),
        "until": moment(span.until, span.zone),
        "over": span.until == span.ended_at,
        "days": decimal(span.days),
        "zone": settings.timezone,
    }


def _young(buckets: Sequence[Bucket], began_at: int | None, zone: tzinfo) -> str:
    """Say since when there is anything, where whole buckets lie before that."""
    if began_at is None or len(buckets) < 2 or began_at < buckets[1].period.began_at:
        return ""
    return moment(began_at, zone)


def _bucket(word: str, bucket: Bucket, narrowed: Any) -> dict[str, Any]:
    return {
        "title": _LONG.get(word, _SHORT[word]).format(bucket.local_begin),
        "href": narrowed(bucket.period.began_at, bucket.period.ended_at),
        "whole": bucket.whole,
    }


def _moments(buckets: tuple[Bucket, ...], labels: list[str]) -> dict[int, str]:
    # What begins with the period but not with a day or a week would stand too near to the next.
    found = {
        bucket.period.began_at: label
        for bucket, label in zip(buckets, labels, strict=True)
        if bucket.whole or bucket is not buckets[0] or len(buckets) == 1
    }
    wanted = set(thinned(list(found.values()), _MOST_TICKS))
    return {at: label for at, label in found.items() if label in wanted}


def _listed(event: Listed, events: Mapping[str, Mapping[str, Any]], zone: tzinfo) -> dict[str, Any]:
    body = events.get(event.id, {"id": event.id, "kind": "", "seq": 0})
    about = subject(body)
    state = event.state
    if event.ended_at is not None:
        state = f"{state} after {duration((event.ended_at - event.at) / 1_000_000)}"
    return {
        "seq": body["seq"],
        "kind": body["kind"],
        "title": _TITLES.get(body["kind"], body["kind"]),
        "short": about.short,
        "repo": body.get("repo", ""),
        "service": body.get("service", ""),
        "at": moment(event.at, zone),
        "iso": datetime.isoformat(parse(str(body["time"]), "time")) if "time" in body else "",
        "state": state,
        "bad": event.state not in (SUCCEEDED, PENDING, ENDED),
    }


def _elsewhere(
    found: Overview, asked: Mapping[str, str], span: Period, zone: tzinfo
) -> list[tuple[str, str]]:
    """Say where there may be something, for a page that has nothing to show."""
    links = []
    if found.began_at is not None and found.began_at < span.began_at:
        since = address(asked, days=None, to=None, now=None, **{"from": edge(found.began_at, zone)})
        links.append((since, f"since the first event here, {moment(found.began_at, zone)}"))
    here = found.answer["filter"]
    if here["service"]:
        links.append((address(asked, service=None), "every service"))
    if here["repo"]:
        links.append((address(asked, repo=None, service=None), "every repository"))
    links += [
        (address(asked, environment=name), f"environment {name}")
        for name in found.environments
        if name.casefold() != here["environment"].casefold()
    ]
    return links
