"""Turn the data of the overview into what its template shows. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gitdailies_core.values.deploy_target import EXAMPLE

from gitdailies_dora.derived.read.figures.names import MOST_SEEN, Choices
from gitdailies_dora.derived.read.figures.overview import Overview
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.comparison import is_clear
from gitdailies_dora.figures.answers.numbers import FIGURES, ChangeFailRate, ratio
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.answers.series import ALL, Summary
from gitdailies_dora.figures.answers.sums import Key
from gitdailies_dora.figures.answers.tally import Tally, median
from gitdailies_dora.figures.answers.trend import Bucket
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.words.quick_check import quick_check
from gitdailies_dora.figures.words.rates import LEAST_FOR_PERCENT, fail_rate
from gitdailies_dora.pages.charts import sparks
from gitdailies_dora.pages.frame import formatting, phrases
from gitdailies_dora.pages.frame.event_links import EVENTS_BEHIND, Piece, open_incidents_url, urls_of_counts
from gitdailies_dora.pages.overview.cards import CardContext
from gitdailies_dora.pages.overview.chance_view import explained
from gitdailies_dora.pages.overview.overview_cards import Units, cards

# The most repositories on a page.
ROWS = 50
# A screen on a wall cannot be scrolled. A line for a team takes as much room as one for a repository.
WALL_LINES = 10
# The right end of the intervals of fail rates, if the common rate is not higher.
_USUAL_TOP = 0.4
SHOWN, _OUTSIDE = 10, 5

# The label of a bucket by its unit: under a chart, and in a table.
BUCKET_LABELS = {
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


# Ways to sort rows, by the word in the address: the heading of the column, and what decides. A larger value
# comes first, and a row without one last. The first way holds unless another is asked for. `name` sorts by
# the alphabet.
SORTS: Mapping[str, tuple[str, Callable[[Tally, int], float | None]]] = {
    "deploys": ("Deploys", lambda found, _: found.deploys),
    "name": ("Repository", lambda _found, _: None),
    "lead": ("Lead time", lambda found, _: median(found.lead_times)),
    "fail": ("Fail rate", lambda found, _: ratio(found.failed, found.settled)),
    "recovery": ("Recovery", lambda found, _: median(found.recoveries)),
    "rework": ("Rework", lambda found, _: ratio(found.rework, found.deploys)),
    "open": ("Open now", lambda _, open_now: open_now),
}
FIRST_SORT = next(iter(SORTS))

# What the rows are: repositories by team, repositories of all teams in one order, or teams.
BY_TEAM, FLAT, TEAMS_ONLY = "by-team", "repositories", "teams"
LAYOUTS = {BY_TEAM: "Repositories by team", FLAT: "Repositories of all teams", TEAMS_ONLY: "Teams only"}


def context(
    found: Overview,
    filters: Mapping[str, str],
    settings: FigureSettings,
    *,
    sort: str,
    page: int,
    on_wall: bool,
) -> dict[str, Any]:
    """Return everything that the overview shows besides the form."""
    question, read, known = found.question, found.found, found.question.teams_known
    teams = sorted(question.teams, key=known.position)
    layout = filters.get("rows", BY_TEAM) if known and not on_wall else BY_TEAM
    rows = _sorted(found, sort, layout)
    pages: list[Sequence[Key]] = [rows]
    if on_wall:
        pages = wall_pages(rows, with_teams=bool(known))
    elif layout != TEAMS_ONLY:
        pages = [rows[at : at + ROWS] for at in range(0, max(len(rows), 1), ROWS)]
    page = min(page, len(pages))
    (environment,) = (name or settings.production_name for name in question.environments)
    whole = _summary(found, ALL, (ALL,))
    drawn = _Drawing(found, filters, environment, whole, settings.window_us)
    shown = pages[page - 1]
    active = {key[1] for key in rows}
    zone = settings.zone
    words = f" incident{'' if found.open_now[ALL] == 1 else 's'} open now"
    groups = _by_team(found, rows, shown, drawn, layout)
    observed = phrases.observed(whole.total.deployment_frequency, zone)
    listed = {} if on_wall else drawn.listed(question.period)
    units = _by_unit(found, drawn, listed=bool(listed))
    shown_in = CardContext(formatting.window(settings.window.total_seconds()), observed, listed)
    return {
        "place": {"environment": environment, "team": ", ".join(map(known.title, teams)), "repo": ""},
        "empty": not rows,
        "as_of": formatting.moment(read.as_of, zone),
        "behind": question.period.now - read.as_of > formatting.BEHIND_US,
        "period": period_words(question.period, settings),
        "before": None
        if read.planned.before is None
        else formatting.moment(read.planned.before.began_at, zone),
        "before_since": whole.before and phrases.observed(whole.before.deployment_frequency, zone),
        "observed": observed,
        "decide": listed.get("May have failed", ""),
        "cards": cards(whole, drawn.open_now(found.open_now[ALL], words), units, shown_in),
        "chance": explained(whole.total.change_fail_rate, read.sums.shares((ALL,), question.period)),
        "counts_of": listed,
        "unit": question.interval,
        "sorts": [
            (word, title, formatting.dora_url(filters, sort=word, page=None), word == sort)
            for word, (title, _) in SORTS.items()
        ],
        "sort": sort,
        "common": None if drawn.common is None else formatting.unbroken(formatting.percent(drawn.common)),
        "top": formatting.unbroken(f"0 to {drawn.top * 100:.0f} %"),
        "teams": groups,
        "with_ranges": any(row and row["range"] for one in groups for row in (one["total"], *one["rows"])),
        "layouts": [
            (title, formatting.dora_url(filters, rows=one, page=None), one == layout)
            for one, title in LAYOUTS.items()
        ],
        "layout": LAYOUTS[layout] if known else "Repositories",
        "sorted_by": "Sort within each team by" if known and layout == BY_TEAM else "Sort by",
        "with_teams": bool(known),
        "unknown": found.unknown,
        "alone": found.alone,
        "lines": (),
        "changed": phrases.changed_settings(
            (one for one in found.changed if question.teams or not one.subject.startswith("teams")), zone
        ),
        "number": formatting.count(len(active)),
        "quick_check": quick_check(whole.total),
        "outside": _outside(found, drawn, len(active)),
        "in_two": len(rows) - len(active),
        "idle": [
            (formatting.dora_url(filters, repo=name, sort=None, page=None), name)
            for repo in question.selected(sorted(found.names.keys() - active), ALL)
            for name in (found.names[repo],)
        ],
        "page": page,
        "pages": len(pages),
        "newer": formatting.dora_url(filters, page=str(page - 1)) if page > 1 else "",
        "older": formatting.dora_url(filters, page=str(page + 1)) if page < len(pages) else "",
        "turned": formatting.dora_url(filters, page=str(page % len(pages) + 1)) if len(pages) > 1 else "",
        **seen_environments(found.choices, filters),
        "is_production": question.environments == {PRODUCTION},
    }


def bucket_title(unit: str, bucket: Bucket) -> str:
    """Return the name of a bucket in a table: 23 Nov 2026."""
    return _LONG.get(unit, BUCKET_LABELS[unit]).format(bucket.local_begin)


def wall_pages(rows: Sequence[Key], *, with_teams: bool) -> list[Sequence[Key]]:
    """Cut the rows into pages that fill a screen, together with the lines of their teams.

    A team continues on the next page where its first row would be the last line.
    """
    pages: list[list[Key]] = [[]]
    lines = 0
    for before, key in zip([None, *rows], rows, strict=False):
        new = with_teams and (not pages[-1] or before is None or before[0] != key[0])
        if lines + 1 + new > WALL_LINES:
            pages.append([])
            lines, new = 0, with_teams
        pages[-1].append(key)
        lines += 1 + new
    return [*pages]


def _sorted(found: Overview, sort: str, layout: str) -> list[Key]:
    """Return the keys of rows: teams in the order of the file, and their repositories as asked.

    In another layout, all repositories are as asked, or all teams. An incident is open now, whatever the
    period is. So its repository has a row without deploys, too.
    """
    read, known = found.found, found.question.teams_known
    keys = {*read.keys, *(key for key in found.open_now if key != ALL)}
    of_team = {team: [key for key in keys if key[0] == team] for team, *_ in keys}

    def order(together: Sequence[Key], name: str) -> tuple[Any, ...]:
        value = None
        if sort != "name":
            (total,) = read.sums.together([together], read.planned.total)
            value = SORTS[sort][1](total, sum(found.open_now[one] for one in together))
        return value is None, -(value or 0), name.casefold()

    def of_row(key: Key) -> tuple[Any, ...]:
        team: tuple[Any, ...] = (known.position(key[0]),)
        if layout == TEAMS_ONLY:
            team = order(of_team[key[0]], known.title(key[0]))
        row = order([key], found.names.get(key[1], key[1]))
        return (*row, *team) if layout == FLAT else (*team, *row)

    return sorted(keys, key=of_row)


class _Drawing:
    """What the drawings of all rows have in common."""

    def __init__(
        self, found: Overview, filters: Mapping[str, str], environment: str, whole: Summary, window_us: int
    ) -> None:
        self.filters = filters
        self.place = {name: filters[name] for name in ("team", "service") if name in filters}
        self.environment = environment
        self.whole = whole
        # One unit for all rows, on every page: that of the mean row with deploys.
        often, read = self.whole.total.deployment_frequency.value or 0, found.found
        deploying = sum(map(any, read.sums.deploys([(key,) for key in read.keys], [read.planned.total])))
        self.unit = formatting.rate_unit(often / max(deploying, 1))
        self.common = whole.total.change_fail_rate.value
        self.top = 1.0 if (self.common or 0) > _USUAL_TOP * 0.75 else _USUAL_TOP
        self.titles = [bucket_title(found.question.interval, one) for one, _ in found.found.planned.buckets]
        self.window = window_us

    def listed(
        self, period: Period, labels: Sequence[str] = tuple(EVENTS_BEHIND), **place: str
    ) -> dict[str, str]:
        """Return the addresses of the lists of counts; none of an earlier moment."""
        if self.filters.get("now"):
            return {}
        named = {**self.place, **place, "environment": self.environment}
        return urls_of_counts(named, period, self.window, labels)

    def row(
        self, found: Overview, keys: Sequence[Key], title: str, href: str, *, of_team: bool = False
    ) -> dict[str, Any]:
        """Return one row: a repository, or a team with the keys of its repositories."""
        question, read = found.question, found.found
        figures = _summary(found, keys[0][:1] if of_team else keys[0], keys)
        total = figures.total
        frequency, lead, fail = total.deployment_frequency, total.change_lead_time, total.change_fail_rate
        recovery, rework = total.failed_deployment_recovery_time, total.deployment_rework_rate
        observed = phrases.observed(frequency, question.period.zone)
        often, within = phrases.frequency(frequency, observed, self.unit)
        (counts,) = read.sums.deploys([keys], [part for _, part in read.planned.buckets])
        whole = [bucket.whole for bucket, _ in read.planned.buckets]
        place = {"team": keys[0][0]} if question.teams_known else {}
        place |= {} if of_team else {"repo": title}
        return {
            "title": title,
            "href": href,
            "rate": often,
            "deploys": within or (formatting.count(frequency.deploys) if frequency.deploys else ""),
            "spark": sparks.bars(
                f"deploys by {question.interval}, since {self.titles[0]}: {', '.join(map(str, counts))}",
                counts,
                whole,
            ),
            "listed": self.listed(question.period, **place),
            "lead": formatting.duration(lead.median),
            "commits": formatting.amount(lead.commits, "commit", "commits") if lead.commits else "",
            "fail": formatting.unbroken_units(fail_rate(fail)),
            "range": self._interval(fail),
            "recovery": formatting.duration(recovery.median),
            "recovered": f"{formatting.count(recovery.recovered)} recovered" if recovery.recovered else "",
            "by_remedy": "" if recovery.recovered else phrases.by_remedy(recovery.by_remedy),
            "rework": formatting.unbroken_units(formatting.fraction(rework.rework, rework.deploys)),
            "inferred": formatting.amount(rework.inferred, "inferred fix", "inferred fixes")
            if rework.inferred
            else "",
            "open": self.open_now(sum(found.open_now[key] for key in keys), **place),
            "changes": {figure: _clear(figures, figure, self.unit) for figure in FIGURES},
        }

    def open_now(self, number: int, words: str = "", **place: str) -> Piece:
        """Return the number of open incidents, as a link to their list unless it is of an earlier moment."""
        listed = number and not self.filters.get("now")
        href = open_incidents_url(self.environment, **{**self.place, **place}) if listed else ""
        return Piece(formatting.count(number) + words, href)

    def _interval(self, fail: ChangeFailRate) -> Any:
        low, high = fail.range.low, fail.range.high
        is_few = fail.settled < LEAST_FOR_PERCENT
        if is_few or low is None or high is None:
            return ""
        return sparks.interval(fail_rate(fail), low, fail.value, high, common=self.common, top=self.top)


def _summary(found: Overview, group: Key, keys: Sequence[Key]) -> Summary:
    """Return the figures of a group, which several keys make, and what became of them."""
    question, read = found.question, found.found
    first = series.first_of(question, read.firsts, group)
    shown = series.summary(question, read.planned, read.sums, keys, first)
    return shown._replace(change=found.clear.changes.get(group))


def _clear(figures: Summary, figure: str, unit: tuple[int, str]) -> str:
    """Write what became of a figure, if that is clear; else ""."""
    if figures.change is None or figures.before is None:
        return ""
    if not is_clear(figures.change.by_figure[figure]):
        return ""
    return phrases.change(figure, figures.change, figures.before, unit)


def _by_team(
    found: Overview, rows: Sequence[Key], shown: Sequence[Key], drawn: _Drawing, layout: str
) -> list[dict[str, Any]]:
    """Return the groups of one page, each with its rows; without teams, there is one without a title."""
    teams, in_rows = found.question.teams_known, Counter(key[1] for key in rows)

    def row(key: Key) -> dict[str, Any]:
        name = found.names.get(key[1], key[1])
        own = [one.services for one in teams.decisions(key[1], key[0]) if one.belong]
        part = f"only {', '.join(own)}" if own else "shared by several teams"
        shown = drawn.row(found, [key], name, _repo_url(drawn, name))
        return {**shown, "part": part if in_rows[key[1]] > 1 else ""}

    if layout == FLAT:
        return [{"total": None, "rows": list(map(row, shown))}] if shown else []
    groups: list[dict[str, Any]] = []
    for team in dict.fromkeys(key[0] for key in shown):
        keys = [key for key in rows if key[0] == team]
        href = formatting.dora_url(drawn.filters, team=team, page=None)
        title = f"{teams.title(team)}\u00a0({formatting.count(len(keys))})"
        if keys[0] not in shown:
            title += ", continued"
        groups.append(
            {
                "total": drawn.row(found, keys, title, href, of_team=True) if teams else None,
                "rows": [row(key) for key in shown if key[0] == team] if layout == BY_TEAM else [],
            }
        )
    return groups


def _repo_url(drawn: _Drawing, name: str) -> str:
    return formatting.dora_url(drawn.filters, repo=name, team=None, sort=None, page=None)


def _outside(found: Overview, drawn: _Drawing, number: int) -> dict[str, Any] | None:
    """Say which fail rates of a *number* of repositories differ from the common one."""
    if not drawn.whole.total.change_fail_rate.settled or number < 2:
        return None
    # A repository is in the rows of several teams.
    names = [found.names.get(repo, repo) for repo in dict.fromkeys(key[1] for key in found.clear.apart)]
    return {
        "number": formatting.count(len(names)),
        "of": formatting.count(number),
        "names": [(_repo_url(drawn, name), name) for name in names[:_OUTSIDE]],
        "more": max(len(names) - _OUTSIDE, 0),
    }


def _by_unit(found: Overview, drawn: _Drawing, *, listed: bool) -> Units:
    """Return the sums of all repositories in each unit of the period."""
    read = found.found
    return Units(
        found.question.interval,
        read.sums.each([ALL], [part for _, part in read.planned.buckets]),
        [bucket.whole for bucket, _ in read.planned.buckets],
        drawn.titles,
        [drawn.listed(bucket.period) for bucket, _ in read.planned.buckets] if listed else [],
    )


def seen_environments(choices: Choices, filters: Mapping[str, str]) -> dict[str, Any]:
    """Return environments with events as links to their figures, and how many more. Examples are left out."""
    found = [one for one in choices.seen if one[0] != EXAMPLE.environment]
    return {
        "seen": [
            (
                formatting.dora_url(filters, environment=name, page=None),
                f"{name} ({formatting.count(number)}{'+' if number == MOST_SEEN else ''})",
            )
            for name, number in found[:SHOWN]
        ],
        "more_seen": max(len(found) - SHOWN, 0),
    }


def period_words(period: Period, settings: FigureSettings) -> dict[str, Any]:
    """Return a period as a page shows it, in the time zone of days."""
    return {
        "from": formatting.moment(period.began_at, period.zone),
        "until": formatting.moment(period.until, period.zone),
        "over": period.until == period.ended_at,
        "days": formatting.days(period.days),
        "zone": settings.timezone,
    }
