"""The course of the figures and the line of events: nothing is lost or counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from gitdailies_server.storage.timestamps import from_us
from gitdailies_webhooks.figures.metrics import IncidentRow, Row, rows_of
from gitdailies_webhooks.figures.period import Span, from_clock, span
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.figures.timeline import LISTED, SLOTS, timeline
from gitdailies_webhooks.figures.trend import MOST, Course, buckets, course
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.figures.asking import Asked, ask, us
from tests.figures.histories import HISTORIES, QUESTIONS
from tests.support.forms import examples

BERLIN = ZoneInfo("Europe/Berlin")
SHORT = Settings(timezone="Europe/Berlin", window=timedelta(hours=24))

# What is counted in one bucket and in no other, by figure.
COUNTED = {
    "deploymentFrequency": ("numerator",),
    "changeLeadTime": ("count", "unknownDeploys", "unknownCommits"),
    "changeFailRate": ("numerator", "denominator", "pending", "failedYoung", "unlinked"),
    "failedDeploymentRecoveryTime": ("count", "open", "withoutIncident"),
    "deploymentReworkRate": ("numerator", "denominator"),
}
Events = list[dict[str, Any]]
crowded = settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def drawn(asked: Asked) -> tuple[list[Row], list[IncidentRow], Span, int]:
    return *rows_of(asked.facts, asked.selection), asked.selection.span, asked.settings.window_us


def added(told: Course, figure: str, name: str) -> int:
    return sum(part[figure][name] for part in told.figures)


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_numbers_of_the_course_add_up_to_the_figures(events: Events, question: dict[str, str]) -> None:
    """Whatever a figure counts is counted in exactly one bucket of its course, pending and unlinked too."""
    asked = ask(events, question, SHORT)
    told, whole = course(*drawn(asked)), asked.figures()
    for figure, names in COUNTED.items():
        for name in names:
            assert (figure, name, added(told, figure, name)) == (figure, name, whole[figure][name])
    days = sum(part["deploymentFrequency"]["denominator"] or 0 for part in told.figures)
    assert days == pytest.approx(whole["deploymentFrequency"]["denominator"] or 0)


def shown(text: str) -> datetime:
    """What a clock shows, wherever it stands."""
    return datetime.fromisoformat(text)


MOMENTS = st.datetimes(shown("0001-01-03"), shown("9999-12-28"))
NEAR = st.datetimes(shown("2011-12-20"), shown("2012-01-20"))
ZONES = st.sampled_from(("UTC", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Apia"))


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(MOMENTS | NEAR, min_size=3, max_size=3), ZONES, st.booleans(), st.randoms())
@example([shown("2011-12-28"), shown("2012-01-02"), shown("2012-01-09")], "Pacific/Apia", True, None)
def test_a_period_is_cut_without_a_seam(moments: list[datetime], zone: str, over: bool, chance: Any) -> None:
    """Buckets follow each other without gap or overlap from the period's beginning to its end."""
    if chance is not None:
        chance.shuffle(moments)
    first, second, ended = (us(moment.isoformat() + "+00:00") for moment in moments)
    began, now = min(first, second), max(first, second)
    period = Span(began, max(ended, began + 1) if over else None, now, ZoneInfo(zone))
    cut = [bucket.span for bucket in buckets(period)[1]]
    assert len(cut) <= MOST
    edges = [part.began_at for part in cut]
    assert edges == sorted(set(edges))
    assert edges[0] == period.began_at
    assert [part.ended_at for part in cut] == [*edges[1:], period.ended_at]
    passed = sum(part.days or 0 for part in cut)
    assert passed == pytest.approx(period.days or 0, abs=1e-6)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_on_which_the_clock_is_set_is_one_bucket(day: str, hours: int) -> None:
    """The day of 23 hours, and that of 25, are whole buckets of one day, cut at midnight."""
    noon = us(f"{day}T12:00:00+00:00")
    period = span("", "", noon + us("1970-01-04T00:00:00+00:00"), BERLIN, 7)
    word, cut = buckets(period)
    bucket = next(bucket for bucket in cut if noon in bucket.span)
    assert (word, bucket.whole, bucket.span.days) == ("day", True, 1.0)
    assert f"{bucket.shown:%Y-%m-%d %H:%M}" == f"{day} 00:00"
    assert bucket.span.ended_at - bucket.span.began_at == hours * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("began", "word", "count"),
    [
        ("2026-03-25", "day", 8),
        ("2026-03-02", "day", 31),
        ("2026-01-01", "week", 14),
        ("2025-04-01", "month", 13),
        ("2020-01-01", "quarter", 26),
        ("2000-01-01", "year", 27),
        ("1900-01-01", "decade", 13),
        ("0001-01-03", "century", 21),
    ],
)
def test_the_unit_suits_the_period(began: str, word: str, count: int) -> None:
    """A month is cut into days, a quarter into weeks, a year into months, an age into centuries."""
    told, cut = buckets(span(began, "", us("2026-04-01T12:00:00+02:00"), BERLIN))
    assert (told, len(cut)) == (word, count)
    assert not cut[-1].whole


def test_whole_is_what_the_period_holds_from_beginning_to_end() -> None:
    """The first week of a period that begins on a Thursday is in part, one that ends on a Monday is whole."""
    now = us("2026-08-01T00:00:00+00:00")
    cut = buckets(span("2026-01-01", "2026-04-06", now, BERLIN))[1]
    assert [bucket.whole for bucket in cut] == [False, *[True] * 13]
    assert cut[0].shown == shown("2025-12-29")
    assert from_us(cut[1].span.began_at) == from_us(from_clock(shown("2026-01-05"), BERLIN))


@crowded
@given(HISTORIES, QUESTIONS)
def test_every_event_stands_in_one_mark_of_its_lane(events: Events, question: dict[str, str]) -> None:
    """The marks of a lane hold all of its events, each once, and the part a mark leads to holds as many."""
    asked = ask(events, question, SHORT)
    deploys, incidents, period, window = drawn(asked)
    line = timeline(deploys, incidents, period, window)
    lanes: dict[str, list[Any]] = {
        "incidents": incidents,
        "failed": [row for row in deploys if row.failed],
        "deploys": [row for row in deploys if not row.failed],
    }
    assert line.counts == {lane: len(rows) for lane, rows in lanes.items()}
    for lane, rows in lanes.items():
        marks = line.lanes[lane]
        assert len(marks) <= SLOTS
        assert sum(mark.events for mark in marks) == len(rows)
        alone = {mark.id: mark.began_at for mark in marks if mark.id is not None}
        assert alone.items() <= {row.id: row.at for row in rows}.items()
        for mark in marks:
            if mark.id is None:
                held = [row for row in rows if mark.began_at <= row.at < mark.ended_at]
                assert len(held) == mark.events > 1


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_list_below_the_line_is_of_the_newest(events: Events, question: dict[str, str]) -> None:
    """The list holds the newest deploys and incidents, in the state that the figures count."""
    asked = ask(events, question, SHORT)
    deploys, incidents, period, window = drawn(asked)
    listed = timeline(deploys, incidents, period, window).listed
    rows: list[Any] = [*deploys, *incidents]
    expected = sorted([(row.at, row.id) for row in rows], reverse=True)[:LISTED]
    assert [(event.at, event.id) for event in listed] == expected
    if len(listed) == len(deploys) + len(incidents):
        rate = asked.figures()["changeFailRate"]
        states = [event.state for event in listed]
        assert states.count("failed") == rate["numerator"]
        assert states.count("pending") == rate["pending"]
        assert sum("unlinked" in state for state in states) == rate["unlinked"]


def test_a_huge_history_is_few_marks_and_a_short_list() -> None:
    """Fifty thousand deploys are at most a mark a slot and a list of fifty, and none is lost."""
    began = us("2026-01-01T00:00:00+00:00")
    deploys = [
        Row(f"d{n:05}", began + n * 100_000_000, False, n % 9 == 0, False, 0, "", None, False)
        for n in range(50_000)
    ]
    period = Span(began, None, deploys[-1].at, BERLIN)
    line = timeline(deploys, [], period, 1)
    assert {lane: len(marks) for lane, marks in line.lanes.items()} == {
        "incidents": 0,
        "failed": SLOTS,
        "deploys": SLOTS,
    }
    assert sum(mark.events for marks in line.lanes.values() for mark in marks) == 50_000
    assert len(line.listed) == LISTED
