"""Times as other tools write them: each form seen is read, and nothing is guessed."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from gitdailies_core.values import lenient_times
from hypothesis import given
from hypothesis import strategies as st

MOMENT = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)

FORMS = json.loads((Path(__file__).parent / "data/odd_values.json").read_text("utf-8"))["moments of tools"]


@pytest.mark.parametrize("value", FORMS)
def test_a_form_that_a_tool_sends_is_read(value: object) -> None:
    """What is finer than a microsecond is cut."""
    found = lenient_times.read(value, "at")

    assert MOMENT - found < timedelta(microseconds=2)
    assert found <= MOMENT
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "form", "zone"),
    [
        ("2026-03-04 10:12:41", "", "Europe/Berlin"),
        ("2026-03-04T09:12:41", "", "UTC"),
        ("04.03.2026 10:12:41", "%d.%m.%Y %H:%M:%S", "Europe/Berlin"),
        ("04/Mar/2026:10:12:41 +0100", "%d/%b/%Y:%H:%M:%S %z", ""),
    ],
)
def test_a_zone_or_a_form_may_be_named(value: str, form: str, zone: str) -> None:
    """A zone in the text goes before the one that is named."""
    assert lenient_times.read(value, "at", form=form, zone=zone) == MOMENT
    if not form:
        assert lenient_times.read("2026-03-04T09:12:41Z", "at", zone=zone) == MOMENT


@pytest.mark.parametrize(
    ("value", "form", "zone", "message"),
    [
        ("2026-03-04 09:12:41", "", "", "which has no zone"),
        ("2026-03-04 09:12:41", "", "Mars/Base", "a zone like 'Europe/Berlin'"),
        ("2026-02-30T09:12:41Z", "", "", "at: expected a time like"),
        ("2026-03-04T09:12:41+24:00", "", "", "at: expected a time like"),
        ("0001-01-01T00:00:00+10:00", "", "", "at: expected a time like"),
        ("yesterday", "", "", "at: expected a time like"),
        (True, "", "", "at: expected a time like"),
        (None, "", "", "at: expected a time like"),
        (12, "", "", "at: expected seconds, milliseconds"),
        ("2026-03-04", "%d.%m.%Y", "UTC", "in the form '%d.%m.%Y'"),
        (7, "%d.%m.%Y", "UTC", "in the form '%d.%m.%Y'"),
        ("04.03.2026", "%d.%m.%Y", "", "expected a zone for the form"),
    ],
)
def test_what_is_no_time_is_refused(value: object, form: str, zone: str, message: str) -> None:
    """Nothing is guessed, and the message names the place."""
    with pytest.raises(ValueError, match=r"^at: expected") as raised:
        lenient_times.read(value, "at", form=form, zone=zone)

    assert message in str(raised.value)


WRITTEN = {
    "rfc": lambda t: t.isoformat(),
    "space": lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
    "no colon": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%f%z"),
    "east": lambda t: t.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(" "),
    "microseconds": lambda t: int(t.timestamp()) * 10**6 + t.microsecond,
    "nanoseconds": lambda t: str((int(t.timestamp()) * 10**6 + t.microsecond) * 1000 + 999),
    "seconds": lambda t: f"{int(t.timestamp())}.{t.microsecond:06d}",
}


@pytest.mark.parametrize("form", WRITTEN)
@given(microseconds=st.integers(1, 7 * 10**15))
def test_what_is_written_is_read_back(form: str, microseconds: int) -> None:
    """Every form keeps the microsecond, in the years 1973 to 2195."""
    moment = datetime(1973, 4, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

    assert lenient_times.read(WRITTEN[form](moment), "at") == moment
