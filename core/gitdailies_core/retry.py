"""Decide what to do after a delivery attempt: done, retry, pause or give up. Pure.

| answer                                   | decision                                       |
| ---------------------------------------- | ---------------------------------------------- |
| 2xx                                      | done                                           |
| 2xx with a web page                      | pause: the address is wrong                    |
| none, 408, 425, 429, 5xx                 | retry, until the give-up age                   |
| 401, 403                                 | pause: the key is refused                      |
| 3xx, 404, 405, 410                       | pause: the address is wrong                    |
| 402, 407, 423, 424, 451                  | pause: the receiver takes no events            |
| any other                                | give up: the receiver refuses this event       |

The caller retries with exponential backoff and full jitter. A caller that sends events of several
incidents may take a pause as the fault of one event, as long as it does not know better.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gitdailies_core.values.http_answers import at_fault, blamed, described, is_final, wait_seconds

GIVE_UP_AGE_SECONDS = 7 * 86400.0
# An age alone may come from a clock that was wrong for a moment. So many attempts take minutes.
LEAST_ATTEMPTS = 10


@dataclass(frozen=True)
class Outcome:
    """The result of one attempt: an HTTP status, or None with the `error` when no answer came.

    `is_html` says that the answer is a 2xx with a web page (`html_answer`). `answer` is the beginning
    of its body, on one line and without secrets, where a person may want to see it.
    """

    status: int | None
    error: str = ""
    retry_after: str = ""
    is_html: bool = False
    # What is only shown to people makes no other outcome.
    answer: str = field(default="", compare=False)


@dataclass(frozen=True)
class Done:
    """The receiver has the event."""


@dataclass(frozen=True)
class Again:
    """Retry at `at`, aware UTC."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Pause:
    """Send nothing until that changes. `what` is KEY, ADDRESS or RECEIVER."""

    what: str
    reason: str


@dataclass(frozen=True)
class GiveUp:
    """The receiver will never accept this event. It becomes a dead letter with this reason."""

    reason: str


Verdict = Done | Again | Pause | GiveUp


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    first_attempt_at: datetime,
    now: datetime,
    jitter: Callable[[], float],
    give_up_age_seconds: float = GIVE_UP_AGE_SECONDS,
) -> Verdict:
    """Decide after attempt number *attempt*, counted from 1. *jitter* returns a number in [0, 1).

    The age counts from the first attempt, not from when the event was stored. Waiting for
    earlier events is not a failure.
    """
    status = outcome.status
    result = describe(outcome)
    if status is not None and 200 <= status < 300 and not outcome.is_html:
        return Done()
    if what := at_fault(status, outcome.is_html):
        return Pause(what, blamed(what, status, result))
    if is_answer(outcome):
        return GiveUp(result)
    age_seconds = (now - first_attempt_at).total_seconds()
    if attempt >= LEAST_ATTEMPTS and age_seconds >= give_up_age_seconds:
        return GiveUp(f"given up after {attempt} attempts in {give_up_age_seconds / 86400:g} days: {result}")
    delay = wait_seconds(outcome.retry_after, attempt=attempt, now=now, jitter=jitter)
    return Again(now + timedelta(seconds=delay), result)


def describe(outcome: Outcome) -> str:
    """Return what was answered, as a short text."""
    return described(outcome.status, outcome.error, outcome.is_html)


def is_answer(outcome: Outcome) -> bool:
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return is_final(outcome.status)
