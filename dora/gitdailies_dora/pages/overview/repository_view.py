"""Turn the data of the DORA page into what its template shows: text, addresses and drawings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from gitdailies_core.events.events import INCIDENT_STARTED, KINDS
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.accounts.audit import AuditLine
from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.derived.read.figures.names import Choices
from gitdailies_dora.derived.read.figures.repository_page import RepositoryPage, TimelineEvent
from gitdailies_dora.derived.read.question import Question
from gitdailies_dora.figures.answers.numbers import FIGURES
from gitdailies_dora.figures.answers.selection import DEFAULT_DAYS, Period
from gitdailies_dora.figures.answers.tracks import ENDED, LISTED, PENDING, SUCCEEDED, Listed
from gitdailies_dora.figures.answers.trend import Bucket
from gitdailies_dora.figures.history.settings import DEFINITIONS, PRODUCTION, FigureSettings
from gitdailies_dora.figures.words.quick_check import quick_check
from gitdailies_dora.pages.charts import tracks
from gitdailies_dora.pages.charts.axis import thinned
from gitdailies_dora.pages.charts.figure_charts import GRAY, Trends
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import Piece, link, open_incidents_url, urls_of_counts
from gitdailies_dora.pages.frame.event_titles import title_of
from gitdailies_dora.pages.frame.formatting import (
    BEHIND_US,
    count,
    dora_url,
    duration,
    moment,
    rate_unit,
    url_time,
    window,
)
from gitdailies_dora.pages.overview import overview_view
from gitdailies_dora.pages.overview.cards import LAYOUTS, CardContext, cards
from gitdailies_dora.pages.overview.chance_view import explained

PRESETS = (7, 30, 90, 365)
_EXPORTS = (("csv", "CSV"), ("json", "JSON"), ("md", "Markdown"))
_MOST_REPOS, _MOST_TICKS = 500, 5

_TITLES = {kind.word: kind.title for kind in KINDS}

# What the page calls a state elsewhere, too.
_STATES = {SUCCEEDED: "did not fail", PENDING: "too new to tell"}
_HEADINGS = {"day": "Day", "week": "Week of", "quarter": "Quarter from", "decade": "Decade from"}


def form(filters: Mapping[str, str], choices: Choices | None = None) -> dict[str, Any]:
    """Return what the form and the choice of periods show; *choices* are the names to choose from."""
    same = {name: text for name, text in filters.items() if name not in ("days", "from", "to", "page")}
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
        "repos": choices.repos if choices else (),
        "environments": choices.environments if choices else (),
        "services": (),
        "seen": (),
    }


def context(
    found: RepositoryPage,
    filters: Mapping[str, str],
    question: Question,
    unit: str,
    settings: FigureSettings,
    open_now: int,
) -> dict[str, Any]:
    """Return everything that the page shows; buckets are of a *unit*, and *open_now* incidents are open."""
    chosen, zone = question.selection, settings.zone
    period, teams = chosen.period, chosen.teams
    services = {service or None for _, service in found.live.values()}
    owners = sorted({key for one in services for key in teams.of(chosen.repo or "", one)})
    part_url = partial(_part_url, filters, period)
    listed = [_listed(event, found.events, zone) for event in found.tracks.listed]
    total = sum(found.tracks.counts.values())
    cut = [one.bucket for one in found.buckets]
    figures, before, changed = found.figures
    often = rate_unit(figures.deployment_frequency.value)
    observed = phrases.observed(figures.deployment_frequency, zone)
    place = ("repo", "service", "team", "environment")
    filled = {name: getattr(found.target, name) or "" for name in place}
    on_wall = bool(filters.get("view"))
    listed_at, *listed_in = (
        urls_of_counts(filled, one, settings.window_us) if question.live and not on_wall else {}
        for one in (period, *(bucket.period for bucket in cut))
    )
    buckets = [_bucket(unit, *one, part_url) for one in zip(cut, listed_in, strict=True)]
    # Their list is about the present moment.
    opened_now = Piece(count(open_now), open_incidents_url(**filled) if open_now and question.live else "")
    heading, settled_until = _HEADINGS.get(unit, ""), period.now - settings.window_us
    trends = trends_of(unit, cut, found.began_at, settled_until, found.changed, heading)
    # A screen shows no titles of incidents.
    trends = trends._replace(listed=listed_in, outages=() if on_wall else _outages(found, cut))
    in_words = CardContext(window(settings.window.total_seconds()), observed, listed_at)
    repos = found.choices.repos
    return {
        **form(filters, found.choices),
        "shown": True,
        "place": found.target,
        "team_title": teams.title(chosen.team) if chosen.team else "",
        "period": overview_view.period_words(period, settings),
        "as_of": moment(found.as_of, zone),
        "definitions": DEFINITIONS,
        "behind": period.now - found.as_of > BEHIND_US,
        "observed": observed,
        "quick_check": quick_check(figures),
        "changed": phrases.changed_settings(found.changed, zone),
        "open_now": opened_now,
        "before": None if found.before is None else moment(found.before, zone),
        "before_since": before and phrases.observed(before.deployment_frequency, zone),
        "changes": {}
        if before is None or changed is None
        else {figure: phrases.change(figure, changed, before, often) for figure in FIGURES},
        "cards": cards(figures, found.buckets, trends, in_words, opened_now),
        "live": _live(found, settings),
        "owners": [(dora_url({"team": key}), teams.title(key)) for key in owners if teams],
        "untold": found.untold,
        "chance": explained(figures.change_fail_rate, found.shares),
        "decide": listed_at.get("May have failed", ""),
        "heading": heading or unit.capitalize(),
        "buckets": buckets,
        "counts_of": listed_at,
        "word": unit,
        "gray": GRAY,
        "has_line": any(layout.drawn(one).rolled is not None for one in found.buckets for layout in LAYOUTS),
        "tracks": tracks.tracks(found.tracks, period, found.events, part_url),
        "ticks": tracks.ticks(period, _tick_labels(cut, trends.labels)),
        "listed": listed,
        "total": count(total),
        "left": count(total - len(listed)) if total > LISTED else "",
        "empty": total == 0,
        "unknown": found.unknown,
        "elsewhere": _elsewhere(found, filters, period, zone),
        "anything": bool(repos),
        "links": [(dora_url(filters, repo=name), name) for name in repos[:_MOST_REPOS]],
        "more_repos": max(len(repos) - _MOST_REPOS, 0),
        **overview_view.seen_environments(found.choices, filters),
        "is_production": chosen.environment == PRODUCTION,
        "services": sorted({one.about.service for one in found.events.values() if one.about.service}),
    }


def trends_of(
    unit: str,
    cut: Sequence[Bucket],
    began_at: int | None,
    settled_until: int,
    changed: Sequence[AuditLine],
    heading: str = "",
) -> Trends:
    """Return what charts draw over buckets of a *unit*; they begin with the first event."""
    # "Week of 2 Mar 2026", and a day by its name alone.
    before = f"{heading} " if " " in heading else ""
    return Trends(
        unit=unit,
        buckets=cut,
        labels=[overview_view.BUCKET_LABELS[unit].format(bucket.local_begin) for bucket in cut],
        titles=[before + overview_view.bucket_title(unit, bucket) for bucket in cut],
        counted=[began_at is not None and bucket.period.until >= began_at for bucket in cut],
        settled_until=settled_until,
        marks=marks(cut, [(to_us(one.at), phrases.setting(one.subject)) for one in reversed(changed)]),
    )


def _outages(found: RepositoryPage, cut: Sequence[Bucket]) -> list[tuple[float, str]]:
    named = found.events
    incidents = [
        (one.at, title_of(about).short)
        for one in found.tracks.listed
        if one.id in named and (about := named[one.id].about).kind == INCIDENT_STARTED
    ]
    return marks(cut, incidents)


def marks(cut: Sequence[Bucket], moments: Sequence[tuple[int, str]]) -> list[tuple[float, str]]:
    """Return where moments are, in buckets from the left, with their names."""
    return [
        (number + (at - period.began_at) / (period.until - period.began_at), name)
        for number, period in enumerate(bucket.period for bucket in cut)
        for at, name in moments
        if period.began_at <= at < period.until
    ]


def _live(found: RepositoryPage, settings: FigureSettings) -> list[dict[str, Any]]:
    """Return what is live in each environment: the deploy, since when, and its run; production is first."""
    in_order = sorted(found.live.items(), key=lambda one: (one[1][0] != PRODUCTION, one[1]))
    return [
        {
            "place": ", ".join(
                filter(None, [settings.production_name if where == PRODUCTION else where, service])
            ),
            "deploy": link(event.about),
            "since": moment(to_us(parse(event.about.time, "time")), settings.zone),
            "run": event.run,
            "url": event.about.url if event.about.url.startswith(("https://", "http://")) else "",
        }
        for id_, (where, service) in in_order
        if (event := found.events.get(id_))
    ]


def _part_url(filters: Mapping[str, str], period: Period, began_at: int, ended_at: int | None) -> str:
    """Return the address of the page for a part of the period."""
    over = ended_at is not None and ended_at <= period.until
    until = url_time(ended_at, period.zone) if ended_at is not None and over else filters.get("to")
    return dora_url(filters, days=None, **{"from": url_time(began_at, period.zone), "to": until})


def _bucket(unit: str, bucket: Bucket, listed: Mapping[str, str], part_url: Any) -> dict[str, Any]:
    return {
        "listed": listed,
        "title": overview_view.bucket_title(unit, bucket),
        "href": part_url(bucket.period.began_at, bucket.period.ended_at),
        "whole": bucket.whole,
    }


def _tick_labels(buckets: Sequence[Bucket], labels: Sequence[str]) -> dict[int, str]:
    # The first bucket has no label if it is not whole: the label would be too close to the next.
    found = {
        bucket.period.began_at: label
        for bucket, label in zip(buckets, labels, strict=True)
        if bucket.whole or bucket is not buckets[0] or len(buckets) == 1
    }
    wanted = set(thinned(list(found.values()), _MOST_TICKS))
    return {at: label for at, label in found.items() if label in wanted}


def _listed(event: Listed, events: Mapping[str, TimelineEvent], zone: tzinfo) -> dict[str, Any]:
    seq, about, _ = events.get(event.id, TimelineEvent(0, EventReference(id=event.id, kind="", time="")))
    state = _STATES.get(event.state, event.state)
    if event.ended_at is not None:
        state, *link = state.split(", ")
        state = ", ".join([f"{state} after {duration((event.ended_at - event.at) / 1_000_000)}", *link])
    return {
        "seq": seq,
        "kind": about.kind,
        "title": _TITLES.get(about.kind, about.kind),
        "short": title_of(about).short,
        "repo": about.repo,
        "service": about.service,
        "at": moment(event.at, zone),
        "iso": datetime.isoformat(parse(about.time, "time")) if about.time else "",
        "state": state,
        "bad": event.state not in (SUCCEEDED, PENDING, ENDED),
    }


def _elsewhere(
    found: RepositoryPage, filters: Mapping[str, str], period: Period, zone: tzinfo
) -> list[tuple[str, str]]:
    """Return addresses, each with its text, where an empty page may find events."""
    links = []
    if found.began_at is not None and found.began_at < period.began_at:
        since = dora_url(filters, days=None, to=None, now=None, **{"from": url_time(found.began_at, zone)})
        links.append((since, f"since the first event, {moment(found.began_at, zone)}"))
    here, choices = found.target, found.choices
    if here.service:
        links.append((dora_url(filters, service=None), "all services"))
    if here.repo:
        links.append((dora_url(filters, repo=None, service=None), "all repositories"))
    there = [name for name, _ in choices.seen[: overview_view.SHOWN]]
    if not there and found.began_at is None and not (here.repo or here.service):
        own = (here.environment or "").casefold()
        there = [name for name in choices.environments if name.casefold() != own]
    links += [(dora_url(filters, environment=name), f"environment {name}") for name in there]
    return links
