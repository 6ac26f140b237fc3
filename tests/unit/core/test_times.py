"""Moments: read from RFC 3339 and from epoch numbers, written in UTC."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.values import lenient_times, times
from hypothesis import given

ODD = json.loads((Path(__file__).parent / "data/odd_values.json").read_text("utf-8"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEEN = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-04T09:12:41Z", SEEN),
        ("2026-03-04T14:42:41+05:30", SEEN),
        ("2026-03-03T22:12:41-11:00", SEEN),
        ("2026-03-04T09:12:41-00:00", SEEN),
        ("2026-03-04T09:12:41.5Z", SEEN + timedelta(milliseconds=500)),
        ("2026-03-04T09:12:41.123456789Z", SEEN + timedelta(microseconds=123456)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_rfc3339_is_read(text: str, expected: datetime) -> None:
    """A time with a zone becomes the moment it names, cut to microseconds, in UTC."""
    read = times.parse(text, "at")

    assert read == expected
    assert read.tzinfo == UTC


@pytest.mark.parametrize("text", [*ODD["no moments"], "", None, 7, True, []])
def test_what_is_no_rfc3339_is_refused(text: Any) -> None:
    """Anything else is refused with the place, the expectation and the value."""
    with pytest.raises(ValueError, match=r"^event\.at: expected a time like 2026-03-04T09:12:41Z, got "):
        times.parse(text, "event.at")


@given(moments)
def test_a_moment_that_is_written_is_read_again(moment: datetime) -> None:
    """Writing loses nothing, and takes one of three lengths."""
    text = times.text_of(moment)

    assert times.parse(text, "at") == moment
    assert len(text) in (20, 24, 27)


@given(moments, st.integers(-1439, 1439))
def test_a_moment_is_written_in_utc(moment: datetime, minutes: int) -> None:
    """The zone it is given in does not show."""
    elsewhere = timezone(timedelta(minutes=minutes))

    assert times.text_of(moment.astimezone(elsewhere)) == times.text_of(moment)


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [(0, "0999-03-04T09:12:41Z"), (500_000, "0999-03-04T09:12:41.500Z"), (7, "0999-03-04T09:12:41.000007Z")],
)
def test_digits_are_written_as_needed(microseconds: int, expected: str) -> None:
    """Fractions have no, three or six digits, and a year always four."""
    assert times.text_of(SEEN.replace(year=999, microsecond=microseconds)) == expected


def test_a_naive_moment_is_not_written() -> None:
    """A time without a zone would mean the zone of the machine."""
    with pytest.raises(ValueError, match="expected an aware time, got a naive one"):
        times.text_of(SEEN.replace(tzinfo=None))


def test_no_moment_is_written_as_none() -> None:
    """An absent moment stays absent."""
    assert (times.optional_text(None), times.optional_text(SEEN)) == (None, "2026-03-04T09:12:41Z")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (10**8, EPOCH + timedelta(seconds=10**8)),
        (10**11 - 1, EPOCH + timedelta(seconds=10**11 - 1)),
        (10**11, EPOCH + timedelta(milliseconds=10**11)),
        (10**17 - 1, EPOCH + timedelta(microseconds=10**17 - 1)),
        (10**17, EPOCH + timedelta(microseconds=10**14)),
        (1_772_615_561_204_999_999, EPOCH + timedelta(microseconds=1_772_615_561_204_999)),
    ],
)
def test_the_ranges_of_epoch_units_meet(number: int, expected: datetime) -> None:
    """Each unit ends where the next begins, and nanoseconds are cut."""
    assert lenient_times.from_epoch(number, "at") == expected


@pytest.mark.parametrize(
    "number",
    [
        *(0, 10**8 - 1, 10**20, -1_772_615_561, 10**400, 1e400, float("nan"), -1.5, True, None, [], {}),
        *("", "-1", "²" * 10, "١٧٧٢٦١٥٥٦١", "1_772_615_561", "9" * 5000, "1e9e9", "0x7", "1e99", "nan"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else f"{value.bit_length()} bits",
)
def test_what_is_no_epoch_number_is_refused(number: Any) -> None:
    """Too small, too large or no number at all: refused with the place."""
    with pytest.raises(ValueError, match=r"^date: expected seconds, milliseconds, .*, got "):
        lenient_times.from_epoch(number, "date")


@pytest.mark.parametrize("number", [1772615561.25, "1772615561.25", 1772615561250.0, "1.77261556125e9"])
def test_a_fraction_of_an_epoch_number_is_exact(number: Any) -> None:
    """A fraction of a second is read as it is written."""
    assert lenient_times.from_epoch(number, "at") == datetime(2026, 3, 4, 9, 12, 41, 250_000, tzinfo=UTC)
