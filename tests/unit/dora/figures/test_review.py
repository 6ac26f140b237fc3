"""The review: which week, and which lines there are."""

from zoneinfo import ZoneInfo

import pytest
from gitdailies_dora.figures.words.review import (
    ENVIRONMENT,
    SERVICE,
    SLOWEST_CHANGES,
    Pair,
    SlowChange,
    doubles,
    event_of,
    new_names,
    slowest,
    week_of,
)
from gitdailies_dora.figures.words.silence import REPORTER, Sighting
from hypothesis import given
from hypothesis import strategies as st

from tests.support.figures.asking import us

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400_000_000
# A Thursday.
NOW = us("2026-11-26T12:00+00:00")


def test_a_week_is_from_monday_to_sunday_in_the_time_zone() -> None:
    """A week is that of ISO 8601, by the server's clock; without a name it is the last whole one."""
    week = week_of("2026-W47", NOW, BERLIN)
    assert week.period.began_at == us("2026-11-15T23:00+00:00")
    assert week.period.ended_at == us("2026-11-22T23:00+00:00")
    assert (week.name_before, week.next_name) == ("2026-W46", "2026-W48")
    assert week_of("", NOW, BERLIN) == week
    assert week_of("2026-W53", us("2027-01-05T12:00+00:00"), BERLIN).next_name == "2027-W01"
    weeks = week.weeks_before()
    assert (len(weeks), weeks[-1][1]) == (4, week.period.began_at)
    # The clock is set back in the first of them.
    assert [(end - begin) / DAY for begin, end in weeks] == [7 + 1 / 24, 7, 7, 7]
    assert week_of("2026-W43", NOW, BERLIN).period.days == 7


@pytest.mark.parametrize(
    "text", ["2026-47", "2026-W54", "2026-W00", "last", "1999-W01", "2026-W49", "9999-W01"]
)
def test_a_wrong_week_is_refused(text: str) -> None:
    """A week that does not exist, or that has not begun, is refused with what was expected."""
    with pytest.raises(ValueError, match=r"week: expected a week .*, got "):
        week_of(text, NOW, BERLIN)


def sighting(id_: str, at: int = 0, **names_: str) -> Sighting:
    given_ = {"repo": "a/b", "environment": "", "service": "", "reporter": "", **names_}
    return Sighting(id_, at, **given_)


def test_names_that_were_here_before_are_not_new() -> None:
    """New are environments but production, services and reporters that the repository did not have."""
    week = [
        sighting("1", environment="staging"),
        sighting("2", service="api", reporter="step/ci"),
        sighting("3", environment="staging", service="web"),
        sighting("4", repo="new/one", environment="preview", service="x"),
    ]
    known = {(SERVICE, "a/b", "api")}
    assert [(new.what, new.name, new.deploys, new.first) for new in new_names(week, known, {"a/b"})] == [
        (ENVIRONMENT, "staging", 2, "1"),
        (REPORTER, "step/ci", 1, "2"),
        (SERVICE, "web", 1, "3"),
        (ENVIRONMENT, "preview", 1, "4"),
    ]


def test_pairs_are_counted_by_their_reporters() -> None:
    """Two reporters have one line, whichever of them comes first; a pair counts once."""
    pairs = [
        Pair("1", "2", "a/b", "relay", "step"),
        Pair("2", "1", "a/b", "step", "relay"),
        Pair("3", "4", "a/b", "relay", "step"),
        Pair("5", "6", "a/c", "relay", "step"),
    ]
    found = doubles(pairs)
    assert [(one.repo, one.reporter, one.other_reporter, one.times, one.last.id) for one in found] == [
        ("a/b", "relay", "step", 2, "3"),
        ("a/c", "relay", "step", 1, "5"),
    ]


MINUTE = 60_000_000


@given(
    st.lists(
        st.builds(
            SlowChange, st.sampled_from("abcdefghijkl"), st.integers(0, 9), st.integers(0, 20 * MINUTE)
        ),
        max_size=20,
        unique_by=lambda change: change.deploy,
    )
)
def test_the_slowest_changes_are_the_slowest(changes: list[SlowChange]) -> None:
    """At most five deploys are listed, each once, and no deploy that is left out was a minute slower."""
    found = slowest(changes)
    assert len({one.deploy for one in found}) == len(found) <= SLOWEST_CHANGES
    minutes = [one.lead_time // MINUTE for one in found]
    shown = {one.deploy for one in found}
    left_out = [one.lead_time // MINUTE for one in changes if one.deploy not in shown]
    assert not left_out or max(left_out) <= min(minutes)
    assert minutes == sorted(minutes, reverse=True)


@pytest.mark.parametrize(
    ("key", "event"),
    [
        ("failed:deploy/1:a", "deploy/1:a"),
        ("silent:2026-W47:repository:larkspur/shop:", ""),
        ("silent:2026-W47:source::pagerduty", ""),
        *((key, None) for key in ("failed:", "failed", "", "other:1", "silent:2026-W47", "silent:W47:a:b:c")),
    ],
)
def test_a_key_names_an_event_or_a_week(key: str, event: str | None) -> None:
    """The key of a line says which event or week it is about; another text is no key."""
    assert event_of(key) == event
