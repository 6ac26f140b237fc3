"""Numbers, times and axes of the DORA page: a written time reads back, and an axis holds its values."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from gitdailies_dora.figures.answers import comparison
from gitdailies_dora.figures.answers.chance import Pools
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, FREQUENCY, LEAD_TIME, ByRemedy
from gitdailies_dora.figures.answers.report import SeriesChange
from gitdailies_dora.figures.answers.selection import parse_moment as read_moment
from gitdailies_dora.figures.answers.tally import Tally, figures_of
from gitdailies_dora.figures.words import durations, rates
from gitdailies_dora.pages.charts import axis
from gitdailies_dora.pages.frame import formatting, phrases
from gitdailies_dora.pages.overview import cards, overview_view
from hypothesis import given
from hypothesis import strategies as st

ZONES = st.sampled_from(("UTC", "Europe/Berlin", "America/Havana", "Asia/Beirut"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.4, "0.4 s"),
        (59, "59 s"),
        (59.7, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86400 * 2 + 3600 * 4 + 59, "2 d 4 h"),
        (86400 * 1234 + 7200, "1,234 d"),
    ],
)
def test_durations_are_written_with_two_units(seconds: float | None, text: str) -> None:
    """A duration has its two greatest units; the smaller one is left out if it is zero or negligible."""
    assert durations.duration(seconds) == text


@given(st.lists(st.integers(0, 5), max_size=60), st.booleans())
def test_a_page_of_the_wall_fits_with_its_teams(teams: list[int], with_teams: bool) -> None:
    """A page has at most ten lines with those of teams, and all but the last are full."""
    rows = [(f"team-{team}" if with_teams else "", f"repo-{at}") for at, team in enumerate(sorted(teams))]
    pages = overview_view.wall_pages(rows, with_teams=with_teams)
    assert [key for page in pages for key in page] == rows
    lines = [len(page) + (len({team for team, _ in page}) if with_teams else 0) for page in pages]
    assert max(lines) <= 10
    assert all(number >= 9 for number in lines[:-1])


def test_one_is_no_plural() -> None:
    """One of something has the word for one, and so has one day; everything else has the other word."""
    amounts = {0: "0 commits", 1: "1 commit", 1234: "1,234 commits"}
    assert {number: formatting.amount(number, "commit", "commits") for number in amounts} == amounts
    days = {1: "1 day", 1.001: "1 day", 0.5: "0.5 days", 90: "90 days"}
    assert {number: formatting.days(number) for number in days} == days
    medians = {1: "one commit", 2: "median of 2 commits", 1234: "median of 1,234 commits"}
    assert {number: phrases.median_of(number, "commit", "commits") for number in medians} == medians
    assert phrases.by_remedy(ByRemedy(60.0, 60.0, 1)) == "1\u00a0min, one remedied deploy"
    figures = figures_of(Tally(deploys=1, lead_times=np.array([60_000_000])), 30, None)
    assert phrases.value(FREQUENCY, figures) == "1 in 30 days, 1 deploy"
    assert phrases.value(LEAD_TIME, figures) == "1\u00a0min, 1 commit"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("recovered after 9 h 43 min, of 2 d 4 h", "recovered after 9_h_43_min, of 2_d_4_h"),
        ("46 % of 14 deploys in 30 days", "46_% of 14 deploys in 30 days"),
        ("1,234 d and 0.4 s", "1,234_d and 0.4_s"),
    ],
)
def test_a_number_is_not_parted_from_its_unit(text: str, shown: str) -> None:
    """No line ends within a duration or before a percent sign; other words part as usual."""
    assert formatting.unbroken_units(text) == shown.replace("_", "\u00a0")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("INC-162-169 of 2026-11-16 02:01 UTC.", "[INC-162-169] of [2026-11-16 02:01 UTC]."),
        ("<b> in eu-west-1", "&lt;b&gt; in [eu-west-1]"),
        ("of shop/queue-settlement-and-reconciliation", "of shop/queue-settlement-and-reconciliation"),
    ],
)
def test_no_line_ends_within_a_date_or_a_short_name(text: str, shown: str) -> None:
    """A date with its time and a short word with hyphens stay in one line; a long name may be broken."""
    expected = shown.replace("[", '<span class="whole">').replace("]", "</span>")
    assert formatting.kept_whole(text) == expected


@pytest.mark.parametrize(
    ("a_day", "text"),
    [(None, "–"), (2.5, "2.5 a day"), (0.5, "3.5 a week"), (0.05, "1.5 in 30 days"), (0, "none")],
)
def test_a_rate_is_written_for_a_fitting_unit_of_time(a_day: float | None, text: str) -> None:
    """A rate below one a day is written per week or per thirty days, and an unknown rate as a dash."""
    assert formatting.rate(a_day) == text


@pytest.mark.parametrize(
    ("some", "whole", "text"),
    [
        (2, 14, "2 of 14 failed (14 %)"),
        (1, 4, "1 of 4 failed"),
        (0, 5, "0 of 5 failed (0 %)"),
        (1, 1234, "1 of 1,234 failed (0.1 %)"),
    ],
)
def test_a_part_of_a_whole_has_both_numbers(some: int, whole: int, text: str) -> None:
    """A ratio is never without its numbers, and that of a few is in no percent."""
    assert formatting.out_of(some, whole, "failed") == text


@given(st.integers(-62_000_000_000_000_000, 250_000_000_000_000_000), ZONES, st.booleans())
def test_a_moment_in_an_address_is_read_as_the_same_moment(at: int, name: str, midnight: bool) -> None:
    """The beginning of a bucket is read back unchanged from its date or time in an address."""
    zone = ZoneInfo(name)
    if midnight:
        at -= at % 86_400_000_000
    assert read_moment(formatting.url_time(at, zone), "from", zone) == at


VALUES = st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=40)


@given(VALUES, st.sampled_from((axis.counts, axis.durations)))
def test_an_axis_holds_every_value(values: list[float | None], make) -> None:
    """An axis ends no lower than the greatest value, and has few labels, each another and in order."""
    scale = make(values)
    labels = [tick.label for tick in scale.ticks]
    given = [value for value in values if value is not None]
    assert scale.top >= max(given, default=0)
    assert 2 <= len(labels) == len(set(labels)) <= 6
    assert scale.low == (0 if make is axis.counts else max(scale.low, 1))
    assert scale.low <= max(min(given, default=scale.low), 1)
    heights = [scale.at(tick.value) for tick in scale.ticks]
    assert heights == sorted(set(heights))
    assert heights[-1] == 1
    assert all(0 <= scale.at(value) <= 1 for value in given)


def test_one_long_week_does_not_flatten_the_others() -> None:
    """On an axis from an hour to a week, an hour and four hours are far apart."""
    scale = axis.durations([3600, 4 * 3600, 6 * 86400])
    assert [tick.label for tick in scale.ticks] == ["1 h", "4 h", "12 h", "1 d", "3 d", "7 d"]
    assert scale.at(4 * 3600) > 0.25


@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=40))
def test_an_axis_of_ratios_ends_at_all(values: list[float | None]) -> None:
    """No axis of ratios goes beyond 100 %, and none ends below its greatest value or 20 %."""
    scale = axis.ratios(values)
    assert max((value for value in values if value is not None), default=0) <= scale.top + 1e-9
    assert 0.2 <= scale.top <= 1


@given(st.lists(st.text(min_size=1), max_size=40), st.integers(1, 6))
def test_labels_are_thinned_to_what_has_room(labels: list[str], most: int) -> None:
    """Of many labels every so-manieth is left, the first among them, never more than there is room for."""
    left = axis.thinned(labels, most)
    assert len(left) <= most
    assert left[:1] == labels[:1]


@pytest.mark.parametrize(
    ("word", "failed", "settled", "text"),
    [
        (comparison.FEW, 0, 0, "No earlier value to compare with"),
        (comparison.FEW, 1, 4, "too few to compare; before: 1\u00a0of\u00a04\u00a0failed"),
        (comparison.UNCLEAR, 7, 26, "no clear change; before: 7\u00a0of\u00a026\u00a0failed"),
        (comparison.HIGHER, 7, 26, "clearly higher; before: 7\u00a0of\u00a026\u00a0failed"),
    ],
)
def test_a_change_says_what_was_before(
    word: comparison.Verdict, failed: int, settled: int, text: str
) -> None:
    """A figure with too few events to compare says which there were before, and no line ends before a %."""
    before = figures_of(Tally(deploys=settled, evidence=(failed, 0, 0, 0)), 9, None)
    changed = SeriesChange("few", "few", word, "few", "few")
    assert phrases.change(FAIL_RATE, changed, before) == text


def test_a_short_period_is_not_few_deploys() -> None:
    """Deploys are compared by whole weeks, so a short period is too short, with however many deploys."""
    before = figures_of(Tally(deploys=413), 7.0, None)
    said = phrases.change(FREQUENCY, SeriesChange("few", "few", "few", "few", "few"), before)
    assert said == "fewer than 6 whole weeks to compare; before: 59\u00a0a\u00a0day, 413\u00a0deploys"


def test_a_percentile_needs_more_than_a_few() -> None:
    """With four recoveries, one in ten is none."""
    found = [
        figures_of(Tally(deploys=9, recoveries=np.full(number, 60_000_000)), 9, None) for number in (4, 5)
    ]
    (_, p90), *_ = cards.RECOVERY.counts
    assert [p90(one.failed_deployment_recovery_time) for one in found] == ["–", "1\u00a0min"]


def test_a_zone_is_named_as_its_clocks_call_it() -> None:
    """Summer and winter have names of their own."""
    berlin = ZoneInfo("Europe/Berlin")
    assert formatting.zone_name(1_770_000_000_000_000, berlin) == "CET"
    assert formatting.zone_name(1_780_000_000_000_000, berlin) == "CEST"


@pytest.mark.parametrize(("failed", "pending"), [(0, 2), (1, 0), (1, 1234)])
def test_the_youngest_deploys_are_told_apart(failed: int, pending: int) -> None:
    """The line about the last window says how many are too new to tell, and how many failed already."""
    unsettled = failed + pending
    found = figures_of(Tally(deploys=unsettled, unsettled=unsettled, failed_pending=failed), 9, None)
    assert cards.FAIL_RATE.headlines(found.change_fail_rate, cards.CardContext("24 h")) == [
        (f"{pending:,}", f"too new to tell, {failed} failed or may have failed in the last 24\u00a0h")
    ]


@pytest.mark.parametrize(
    ("settled", "evidence", "chance", "written", "rests_on"),
    [
        (0, (0, 0, 0, 0), 0.0, "–", "0 deploys: 0 failed for certain"),
        (
            90,
            (1, 0, 5, 0),
            0.0,
            "7 % failed",
            "6 failed for certain (5 rolled back or fixed, 1 named by an incident)",
        ),
        (
            90,
            (1, 0, 5, 8),
            6.0,
            "about 9 % failed, between 7 and 16 %",
            "about 6 of them would have had one",
        ),
        (300, (1, 0, 0, 0), 0.0, "0.3 % failed", "300 deploys: 1 failed for certain (1 named by"),
        (17, (1, 0, 5, 8), 6.0, "6 to 14 of 17 failed", "8 had an incident within 24 h"),
    ],
)
def test_a_fail_rate_says_how_sure_it_is(
    settled: int, evidence: tuple[int, ...], chance: float, written: str, rests_on: str
) -> None:
    """A rate has its range, that of few deploys is counts, and the line below says what it rests on."""
    one, expected = np.ones(1), np.array([[chance]])
    pools = Pools(one * 9, one, one, one * 0, np.array([[9.0]]), expected)
    found = figures_of(Tally(deploys=settled, evidence=evidence), 90, None, pools).change_fail_rate
    assert rates.fail_rate(found) == written
    bucket = figures_of(Tally(deploys=5, evidence=(1, 0, 0, 2)), 7, None).change_fail_rate
    assert rates.fail_rate(bucket) == "1 to 3 of 5 failed", "a bucket has no range of its own"
    assert rests_on in rates.behind(found, "24 h")


def test_what_chance_did_is_left_out_where_it_is_none() -> None:
    """Of incidents that came within the window, none by chance, no sentence says that about 0 did."""
    one, expected = np.ones(1), np.array([[0.2]])
    pools = Pools(one * 9, one, one, one * 0, np.array([[9.0]]), expected)
    found = figures_of(Tally(deploys=90, evidence=(1, 0, 5, 8)), 90, None, pools).change_fail_rate
    assert found.by_chance is not None
    assert rates.behind(found, "24 h").endswith("; 8 had an incident within 24 h")
