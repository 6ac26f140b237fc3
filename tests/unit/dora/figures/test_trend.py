"""Buckets of a period and tracks of events: nothing is lost or counted twice."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from gitdailies_dora.figures.answers import rolling
from gitdailies_dora.figures.answers.selection import Period, at_local_time, parse_period
from gitdailies_dora.figures.answers.tracks import (
    LISTED,
    SLOTS,
    DeployRow,
    IncidentRow,
    rows_of,
    tracks_of,
)
from gitdailies_dora.figures.answers.trend import MAX_BUCKETS, buckets
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_server.storage.timestamps import from_us
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.figures.asking import Computed, compute, us
from tests.support.figures.histories import HISTORIES, QUESTIONS
from tests.support.forms import examples

BERLIN = ZoneInfo("Europe/Berlin")
SHORT = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=24))

Events = list[dict[str, Any]]
crowded = settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def inputs(computed: Computed) -> tuple[list[DeployRow], list[IncidentRow], Period, int]:
    rows = rows_of(computed.facts, computed.selection)
    return *rows, computed.selection.period, computed.settings.window_us


def shown(text: str) -> datetime:
    """A local time, in no particular zone."""
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
    period = Period(began, max(ended, began + 1) if over else None, now, ZoneInfo(zone))
    cut = [bucket.period for bucket in buckets(period)[1]]
    assert len(cut) <= MAX_BUCKETS
    edges = [part.began_at for part in cut]
    assert edges == sorted(set(edges))
    assert edges[0] == period.began_at
    assert [part.ended_at for part in cut] == [*edges[1:], period.ended_at]
    passed = sum(part.days for part in cut)
    assert passed == pytest.approx(period.days, abs=1e-6)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_on_which_the_clock_is_set_is_one_bucket(day: str, hours: int) -> None:
    """The day of 23 hours, and that of 25, are whole buckets of one day, cut at midnight."""
    noon = us(f"{day}T12:00:00+00:00")
    period = parse_period("", "", noon + us("1970-01-04T00:00:00+00:00"), BERLIN, 7)
    unit, cut = buckets(period)
    bucket = next(bucket for bucket in cut if noon in bucket.period)
    assert (unit, bucket.whole, bucket.period.days) == ("day", True, 1.0)
    assert f"{bucket.local_begin:%Y-%m-%d %H:%M}" == f"{day} 00:00"
    assert bucket.period.ended_at - bucket.period.began_at == hours * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("began", "expected", "count"),
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
def test_the_unit_suits_the_period(began: str, expected: str, count: int) -> None:
    """A month is cut into days, a quarter into weeks, a year into months, an age into centuries."""
    unit, cut = buckets(parse_period(began, "", us("2026-04-01T12:00:00+02:00"), BERLIN))
    assert (unit, len(cut)) == (expected, count)
    assert not cut[-1].whole


def test_a_bucket_is_whole_if_the_period_includes_all_of_it() -> None:
    """The first week of a period that begins on a Thursday is partial; the last, up to a Monday, is whole."""
    now = us("2026-08-01T00:00:00+00:00")
    cut = buckets(parse_period("2026-01-01", "2026-04-06", now, BERLIN))[1]
    assert [bucket.whole for bucket in cut] == [False, *[True] * 13]
    assert cut[0].local_begin == shown("2025-12-29")
    assert from_us(cut[1].period.began_at) == from_us(at_local_time(shown("2026-01-05"), BERLIN))


def test_a_month_that_has_just_begun_is_filled_up_to_four_weeks() -> None:
    """Three days of a month are not a point of their own: its span reaches four weeks back."""
    now, day = us("2026-04-04T00:00:00+00:00"), 86_400_000_000
    unit, cut = buckets(Period(now - 365 * day, None, now))
    spans = [rolling.begin_of(one.period, timedelta(weeks=4)) for one in cut[-3:]]
    assert unit == "month"
    ends = [us(f"2026-0{month}-01T00:00:00+00:00") for month in (3, 4)]
    assert spans == [ends[0] - 28 * day, ends[1] - 31 * day, now - 28 * day]


@given(st.integers(0, 400))
def test_the_first_days_of_the_calendar_have_a_span(days: int) -> None:
    """A span in the year 1 begins before the calendar, and no error comes of it."""
    began = us("0001-01-02T00:00:00+00:00") + days * 86_400_000_000
    span = timedelta(weeks=4)
    assert rolling.begin_of(Period(began, None, began), span) == began - span // timedelta(microseconds=1)


@crowded
@given(HISTORIES, QUESTIONS)
def test_every_event_is_in_one_mark_of_its_track(events: Events, question: dict[str, str]) -> None:
    """The marks of a track hold each of its events once, and a bar holds the events between its times."""
    computed = compute(events, question, SHORT)
    deploys, incidents, period, window = inputs(computed)
    drawn = tracks_of(deploys, incidents, period, window)
    tracks: dict[str, list[Any]] = {
        "incidents": incidents,
        "failed": [row for row in deploys if row.failed],
        "deploys": [row for row in deploys if not row.failed],
    }
    assert drawn.counts == {track: len(rows) for track, rows in tracks.items()}
    for track, rows in tracks.items():
        marks = drawn.tracks[track]
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
def test_the_list_of_the_timeline_holds_the_newest_events(events: Events, question: dict[str, str]) -> None:
    """The list holds the newest deploys and incidents, in the state that the figures count."""
    computed = compute(events, question, SHORT)
    deploys, incidents, period, window = inputs(computed)
    listed = tracks_of(deploys, incidents, period, window).listed
    rows: list[Any] = [*deploys, *incidents]
    expected = sorted([(row.at, row.id) for row in rows], reverse=True)[:LISTED]
    assert [(event.at, event.id) for event in listed] == expected
    if len(listed) == len(deploys) + len(incidents):
        rate = computed.answer().change_fail_rate
        states = [event.state for event in listed]
        failed = states.count("failed") + states.count("may have failed")
        assert failed == rate.failed + rate.failed_pending
        assert states.count("pending") == rate.pending
        assert sum("unlinked" in state for state in states) == rate.unlinked


def test_a_huge_history_is_few_marks_and_a_short_list() -> None:
    """Fifty thousand deploys are at most a mark a slot and a list of fifty, and none is lost."""
    began = us("2026-01-01T00:00:00+00:00")
    deploys = [DeployRow(f"d{n:05}", began + n * 100_000_000, n % 9 == 0) for n in range(50_000)]
    period = Period(began, None, deploys[-1].at, BERLIN)
    drawn = tracks_of(deploys, [], period, 1)
    assert {track: len(marks) for track, marks in drawn.tracks.items()} == {
        "incidents": 0,
        "failed": SLOTS,
        "deploys": SLOTS,
    }
    assert sum(mark.events for marks in drawn.tracks.values() for mark in marks) == 50_000
    assert len(drawn.listed) == LISTED
