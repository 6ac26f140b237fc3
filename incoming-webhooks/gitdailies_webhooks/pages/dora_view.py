"""Turn the data of the DORA page into what its template shows: text, addresses and drawings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from gitdailies_connection.config.settings import NO_TEAM
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import parse
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived.dora_page import MOST_SEEN, Overview, overview
from gitdailies_webhooks.derived.question import Question
from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS, Period
from gitdailies_webhooks.figures.settings import PRODUCTION, FigureSettings
from gitdailies_webhooks.figures.teams import NO_TEAM_TITLE, Teams
from gitdailies_webhooks.figures.timeline import ENDED, LISTED, PENDING, SUCCEEDED, Listed
from gitdailies_webhooks.figures.trend import Bucket
from gitdailies_webhooks.pages import phrases, timeline
from gitdailies_webhooks.pages.axis import thinned
from gitdailies_webhooks.pages.cards import cards
from gitdailies_webhooks.pages.event_links import Piece, open_incidents_url
from gitdailies_webhooks.pages.event_titles import title_of
from gitdailies_webhooks.pages.figure_charts import GRAY, Trends
from gitdailies_webhooks.pages.formatting import count, days, dora_url, duration, moment, url_time, window
from gitdailies_webhooks.pages.overview_view import BEHIND_US

PRESETS = (7, 30, 90, 365)
_EXPORTS = (("csv", "CSV"), ("json", "JSON"), ("md", "Markdown"))
_MOST_REPOS, _MOST_TICKS, _SHOWN = 500, 5, 10

_TITLES = {kind.word: kind.title for kind in KINDS}

# The label of a bucket by its unit: under a chart, and in a table.
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
# What the page calls a state elsewhere, too.
_STATES = {SUCCEEDED: "did not fail"}
_HEADINGS = {"day": "Day", "week": "Week of", "quarter": "Quarter from", "decade": "Decade from"}


def team_choices(teams: Teams) -> list[tuple[str, str]]:
    """Return the key and the title of each team to choose from; none if there are no teams."""
    return [*teams.titles.items(), (NO_TEAM, NO_TEAM_TITLE)] if teams else []


def form(filters: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form and the choice of periods show."""
    same = {
        name: filters.get(name, "")
        for name in ("repo", "team", "environment", "service", "now", "sort", "view")
    }
    chosen = filters.get("days") or str(DEFAULT_DAYS)
    by_days = not (filters.get("from") or filters.get("to"))
    return {
        "filters": filters,
        "wrong": {},
        "leave": dora_url(filters, view=None),
        "wall": dora_url(filters, view="wall", page=None),
        "exports": [
            (dora_url(filters, sort=None, page=None, format=form).replace("/dora", "/dora/export", 1), title)
            for form, title in _EXPORTS
        ],
        "presets": [
            (dora_url(same, days=str(preset)), preset, by_days and chosen == str(preset))
            for preset in PRESETS
        ],
        "repos": (),
        "environments": (),
        "services": (),
        "seen": (),
    }


def shown(
    session: Session, filters: Mapping[str, str], question: Question, settings: FigureSettings, open_now: int
) -> dict[str, Any]:
    """Read and return everything that the page shows; *open_now* incidents are open."""
    return context(overview(session, question, settings), filters, question, settings, open_now)


def context(
    found: Overview, filters: Mapping[str, str], question: Question, settings: FigureSettings, open_now: int
) -> dict[str, Any]:
    """Return everything that the page shows."""
    period, zone = question.selection.period, settings.zone
    as_of = to_us(parse(found.answer["asOf"], "asOf"))
    part_url = partial(_part_url, filters, period)
    listed = [_listed(event, found.events, zone) for event in found.timeline.listed]
    total = sum(found.timeline.counts.values())
    trend = found.trend
    buckets = [_bucket(trend.unit, bucket, part_url) for bucket in trend.buckets]
    labels = [_SHORT[trend.unit].format(bucket.local_begin) for bucket in trend.buckets]
    figures, observed = found.answer["figures"], _observed(found.answer, zone)
    return {
        **form(filters),
        "shown": True,
        "place": found.answer["filter"],
        "team_title": _team(question),
        "period": _period(period, settings),
        "as_of": moment(as_of, zone),
        "definitions": found.answer["definitions"],
        "behind": period.now - as_of > BEHIND_US,
        "observed": observed,
        "open_now": count(open_now),
        "cards": cards(
            {**figures, metrics.FREQUENCY: {**figures[metrics.FREQUENCY], "observed": observed}},
            _trends(found, labels, [bucket["title"] for bucket in buckets], period.now - settings.window_us),
            window=window(found.answer["windowSeconds"]),
            # Their list is about the present moment.
            open_now=Piece(
                count(open_now), _open_incidents(found.answer["filter"]) if open_now and question.live else ""
            ),
        ),
        "heading": _HEADINGS.get(trend.unit, trend.unit.capitalize()),
        "buckets": buckets,
        "word": trend.unit,
        "gray": GRAY,
        "has_line": any(one.rolling is not None for beside in found.beside for one in beside.values()),
        "tracks": timeline.tracks(found.timeline, period, found.events, part_url),
        "ticks": timeline.ticks(period, _tick_labels(trend.buckets, labels)),
        "listed": listed,
        "total": count(total),
        "left": count(total - len(listed)) if total > LISTED else "",
        "empty": total == 0,
        "elsewhere": _elsewhere(found, filters, period, zone),
        "anything": bool(found.repos),
        "repos": found.repos,
        "links": [(dora_url(filters, repo=name), name) for name in found.repos[:_MOST_REPOS]],
        "more_repos": max(len(found.repos) - _MOST_REPOS, 0),
        "environments": found.environments,
        "seen": [
            (
                dora_url(filters, environment=name),
                f"{name} ({count(number)}{'+' if number == MOST_SEEN else ''})",
            )
            for name, number in found.seen[:_SHOWN]
        ],
        "more_seen": max(len(found.seen) - _SHOWN, 0),
        "is_production": question.selection.environment == PRODUCTION,
        "services": sorted({str(body["service"]) for body in found.events.values() if body.get("service")}),
    }


def _trends(found: Overview, labels: list[str], titles: list[str], settled_until: int) -> Trends:
    """Return what the charts draw; they begin with the first event."""
    heading = _HEADINGS.get(found.trend.unit, "")
    # "Week of 2 Mar 2026", and a day by its name alone.
    before = f"{heading} " if " " in heading else ""
    began_at = found.began_at
    return Trends(
        trend=found.trend,
        beside=found.beside,
        labels=labels,
        titles=[before + title for title in titles],
        counted=[began_at is not None and bucket.period.until >= began_at for bucket in found.trend.buckets],
        settled_until=settled_until,
    )


def _team(question: Question) -> str:
    """Return the name of the team that is asked for, or ""."""
    selection = question.selection
    return "" if selection.team is None else selection.teams.title(selection.team)


def _open_incidents(place: Mapping[str, Any]) -> str:
    given = {name: place[name] for name in ("repo", "service", "team") if place[name]}
    return open_incidents_url(place["environment"], **given)


def _part_url(filters: Mapping[str, str], period: Period, began_at: int, ended_at: int | None) -> str:
    """Return the address of the page for a part of the period."""
    over = ended_at is not None and ended_at <= period.until
    until = url_time(ended_at, period.zone) if ended_at is not None and over else filters.get("to")
    return dora_url(filters, days=None, **{"from": url_time(began_at, period.zone), "to": until})


def _period(period: Period, settings: FigureSettings) -> dict[str, Any]:
    return {
        "from": moment(period.began_at, period.zone),
        "until": moment(period.until, period.zone),
        "over": period.until == period.ended_at,
        "days": days(period.days),
        "zone": settings.timezone,
    }


def _observed(answer: Mapping[str, Any], zone: tzinfo) -> dict[str, str] | None:
    """Return from when days count, and how many there are, if that is later than the period begins."""
    observed = answer["period"]["observedFrom"]
    if observed in (None, answer["period"]["from"]):
        return None
    return phrases.observed(observed, answer["figures"][metrics.FREQUENCY]["denominator"], zone)


def _bucket(word: str, bucket: Bucket, part_url: Any) -> dict[str, Any]:
    return {
        "title": _LONG.get(word, _SHORT[word]).format(bucket.local_begin),
        "href": part_url(bucket.period.began_at, bucket.period.ended_at),
        "whole": bucket.whole,
    }


def _tick_labels(buckets: tuple[Bucket, ...], labels: list[str]) -> dict[int, str]:
    # The first bucket has no label if it is not whole: the label would be too close to the next.
    found = {
        bucket.period.began_at: label
        for bucket, label in zip(buckets, labels, strict=True)
        if bucket.whole or bucket is not buckets[0] or len(buckets) == 1
    }
    wanted = set(thinned(list(found.values()), _MOST_TICKS))
    return {at: label for at, label in found.items() if label in wanted}


def _listed(event: Listed, events: Mapping[str, Mapping[str, Any]], zone: tzinfo) -> dict[str, Any]:
    body = events.get(event.id, {"id": event.id, "kind": "", "seq": 0})
    title = title_of(body)
    state = _STATES.get(event.state, event.state)
    if event.ended_at is not None:
        state = f"{state} after {duration((event.ended_at - event.at) / 1_000_000)}"
    return {
        "seq": body["seq"],
        "kind": body["kind"],
        "title": _TITLES.get(body["kind"], body["kind"]),
        "short": title.short,
        "repo": body.get("repo", ""),
        "service": body.get("service", ""),
        "at": moment(event.at, zone),
        "iso": datetime.isoformat(parse(str(body["time"]), "time")) if "time" in body else "",
        "state": state,
        "bad": event.state not in (SUCCEEDED, PENDING, ENDED),
    }


def _elsewhere(
    found: Overview, filters: Mapping[str, str], period: Period, zone: tzinfo
) -> list[tuple[str, str]]:
    """Return addresses, each with its text, where an empty page may find events."""
    links = []
    if found.began_at is not None and found.began_at < period.began_at:
        since = dora_url(filters, days=None, to=None, now=None, **{"from": url_time(found.began_at, zone)})
        links.append((since, f"since the first event, {moment(found.began_at, zone)}"))
    here = found.answer["filter"]
    if here["service"]:
        links.append((dora_url(filters, service=None), "all services"))
    if here["repo"]:
        links.append((dora_url(filters, repo=None, service=None), "all repositories"))
    there = [name for name, _ in found.seen[:_SHOWN]]
    if not there and found.began_at is None and not (here["repo"] or here["service"]):
        there = [name for name in found.environments if name.casefold() != here["environment"].casefold()]
    links += [(dora_url(filters, environment=name), f"environment {name}") for name in there]
    return links
