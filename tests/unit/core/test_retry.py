"""The retry decision, as a table over every status, and Retry-After in all its forms."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.ci.sending.receiver import Answer
from gitdailies_core.retry import (
    GIVE_UP_AGE_SECONDS,
    Again,
    Done,
    GiveUp,
    Outcome,
    Pause,
    decide,
)
from gitdailies_core.values.http_answers import (
    LONGEST_DELAY_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    retry_after_seconds,
    wait_seconds,
)
from hypothesis import given

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
YOUNG = NOW - timedelta(minutes=1)
OLD = NOW - timedelta(seconds=GIVE_UP_AGE_SECONDS)


def verdict(
    outcome: Outcome, *, first_attempt_at: datetime = YOUNG, attempt: int = 3, jitter: float = 0.5
) -> Any:
    return decide(outcome, attempt=attempt, first_attempt_at=first_attempt_at, now=NOW, jitter=lambda: jitter)


def expected_of(status: int) -> str:
    """The meaning of each status, written independently of the code."""
    if status in range(200, 300):
        return "done"
    if status in (401, 403):
        return "pause: key"
    if status in range(300, 400) or status in (404, 405, 410):
        return "pause: address"
    if status in (402, 407, 423, 424, 451):
        return "pause: receiver"
    if status in (408, 425, 429) or status >= 500:
        return "again"
    return "give up"


def shown(found: Any) -> str:
    match found:
        case Done():
            return "done"
        case Pause(what=what):
            return f"pause: {what}"
        case Again():
            return "again"
    return "give up"


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_decision(status: int) -> None:
    """The table of the module's docstring holds for every status there is."""
    assert shown(verdict(Outcome(status))) == expected_of(status)


@pytest.mark.parametrize("outcome", [Outcome(None, "timed out"), Outcome(503), Outcome(429, "", "60")])
def test_a_try_is_given_up_at_its_age_and_not_before(outcome: Outcome) -> None:
    """A second before the age an event is tried again; from the age on it is given up, with the reason."""
    before = verdict(outcome, first_attempt_at=OLD + timedelta(seconds=1))
    after = verdict(outcome, first_attempt_at=OLD, attempt=99)

    assert isinstance(before, Again)
    assert after == GiveUp(f"given up after 99 attempts in 7 days: {before.reason}")


@pytest.mark.parametrize("attempt", [1, 9, 10])
def test_an_age_alone_gives_nothing_up(attempt: int) -> None:
    """With fewer than ten attempts the age may come from a clock that was wrong for a moment."""
    found = verdict(Outcome(500), first_attempt_at=OLD - timedelta(days=100), attempt=attempt)
    assert isinstance(found, GiveUp if attempt >= 10 else Again)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_success_that_is_a_web_page_is_none(status: int) -> None:
    """A sign-in page or a captive portal answers 200, and has not taken the event."""
    assert verdict(Outcome(status)) == Done()
    found = verdict(Outcome(status, "Sign in", is_html=True))
    reason = f"the address is wrong (answered {status} with a web page: Sign in)"
    assert found == Pause("address", reason)


@pytest.mark.parametrize("status", [200, 401, 404, 422])
def test_age_changes_no_other_decision(status: int) -> None:
    """A refused key pauses an old event too, and does not make it a dead letter."""
    assert verdict(Outcome(status), first_attempt_at=OLD) == verdict(Outcome(status))


def test_a_decision_says_what_was_answered() -> None:
    """The reason contains the status and the text of the receiver."""
    assert verdict(Outcome(422, "repo: unknown")) == GiveUp("answered 422: repo: unknown")
    assert verdict(Outcome(401)) == Pause("key", "the key is refused (answered 401)")
    assert verdict(Outcome(404)) == Pause("address", "the address is wrong (answered 404)")
    page = "the address is wrong (answered 405); that of a DORA server ends with /webhooks"
    assert verdict(Outcome(405)) == Pause("address", page)
    assert [verdict(Outcome(None, text)).reason for text in ("", "refused")] == ["no answer", "refused"]


@pytest.mark.parametrize("attempt", [1, 2, 3, 8, 9, 10, 1000, 10**9])
def test_delays_grow_to_a_bound(attempt: int) -> None:
    """Full jitter: from nothing up to a bound that doubles until it is the longest delay."""
    bound = min(2.0 ** min(attempt - 1, 20), LONGEST_DELAY_SECONDS)

    for jitter in (0.0, 0.25, 0.999):
        found = verdict(Outcome(503), attempt=attempt, jitter=jitter)
        assert found.at - NOW == timedelta(seconds=bound * jitter)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("007", 7),
        ("3600", 3600),
        ("3601", 3600),
        ("999999999", 3600),
        ("9" * 5000, 3600),
        ("-7", 0),
        ("+7", 0),
        ("7.5", 0),
        ("1e3", 0),
        ("٧", 0),
        ("²", 0),
        ("soon", 0),
        ("7, 8", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=900), usegmt=True), 3600),
        ("Wed, 04 Mar 2026 10:01:30 GMT", 90),
        ("Wednesday, 04-Mar-26 10:01:30 GMT", 90),
        ("Wed Mar  4 10:01:30 2026", 90),
        ("Wed, 04 Mar 2026 10:01:30 +0000", 90),
        ("Wed, 04 Mar 2026 11:01:30 +0100", 90),
        ("Wed, 04 Mar 2026 10:01:30 -0000", 90),
        ("Wed, 99 Mar 2026 10:01:30 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("2026-03-04T10:01:30Z", 0),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float) -> None:
    """Seconds and dates are honored up to an hour; past, absurd and unreadable ones count as now."""
    assert retry_after_seconds(value, NOW) == seconds


@given(st.one_of(st.text(), st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+\-\w]\w*")))
def test_any_retry_after_gives_a_bounded_delay(value: str) -> None:
    """No header can stop deliveries for more than an hour, or crash the decision."""
    assert 0 <= retry_after_seconds(value, NOW) <= LONGEST_RETRY_AFTER_SECONDS


def test_retry_after_is_the_least_delay() -> None:
    """The delay is at least Retry-After, and a longer delay of ours is not shortened."""
    for wish, expected in (("90", 90), ("2", 64)):
        found = wait_seconds(wish, attempt=8, now=NOW, jitter=lambda: 0.5)
        assert found == expected


@pytest.mark.parametrize("page", [False, True])
def test_a_step_takes_the_same_answers_for_success(page: bool) -> None:
    """A step asks its answer alone whether the event was taken. That agrees with the decision, always."""
    for status in (None, *range(100, 600)):
        taken = Answer(status, "", page=page).is_taken
        assert taken is isinstance(verdict(Outcome(status, is_html=page)), Done), status
