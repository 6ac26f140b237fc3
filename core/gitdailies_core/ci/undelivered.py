"""What follows from an attempt whose event was not taken: another attempt, or the end with a reason.

This module is exempt from core's rule against I/O: a wait has a random length.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gitdailies_core.ci.proxy import named
from gitdailies_core.ci.receiver import Answer, Receiver, shown
from gitdailies_core.ci.report import DONE, NOT_DELIVERED, REFUSED, Attempted
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.retry import ADDRESS, KEY, Again, Done, Outcome, Pause, decide

_CONFLICT = 409
# Which input is probably wrong.
_CHECK = {KEY: "webhook-key", ADDRESS: "webhook-url"}


def after(
    event: Event,
    answer: Answer,
    receiver: Receiver,
    attempt: int,
    *,
    since: datetime,
    now: datetime,
    until: datetime,
) -> Attempted | datetime:
    """Return when to try again, or how the sending ended.

    *attempt* counts from 1, and the first was made at *since*.
    """
    verdict = decide(
        Outcome(answer.status, answer.message, answer.retry_after, answer.page),
        attempt=attempt,
        first_attempt_at=since,
        now=now,
        jitter=_jitter,
    )
    assert not isinstance(verdict, Done)  # `send` returned before

    def ended(code: int, message: str, **more: Any) -> Attempted:
        return Attempted(event, code, answer.status, attempt, message, **more)

    if answer.status == _CONFLICT and event.id and is_self_made(event.id):
        # Such an id names one deploy, whatever else an attempt says of it.
        note = f"the receiver has {event.id} already, with other content, and keeps the first"
        return ended(DONE, answer.message, unchanged=True, note=note)
    if isinstance(verdict, Pause):
        code = REFUSED if verdict.what == KEY else NOT_DELIVERED
        return ended(code, verdict.reason, check=_CHECK.get(verdict.what, ""))
    if not isinstance(verdict, Again):
        return ended(REFUSED, verdict.reason)
    if attempt > receiver.retries or answer.final or verdict.at >= until:
        attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
        later = ""
        if answer.retry_after and verdict.at >= until:
            later = f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
        return ended(NOT_DELIVERED, f"{verdict.reason} ({attempts}){later}")
    return verdict.at


def no_answer(receiver: Receiver, seconds: float, proxy: SplitResult | None) -> Answer:
    """Return that nothing came within *seconds*."""
    through = f", through {named(proxy)}" if proxy else ""
    return Answer(None, f"{urlsplit(receiver.url).netloc}{through}: no answer within {seconds:g} s")


def unanswered(error: Exception, receiver: Receiver, proxy: SplitResult | None, *, connected: bool) -> Answer:
    """Return why there is no answer. A proxy that is not *connected* is at fault."""
    where = urlsplit(receiver.url).netloc
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name, so that this module need not import ssl.
        message = shown(str(getattr(error, "verify_message", error)), receiver.key)
        remedy = "SSL_CERT_FILE names the file of a company's own authority"
        return Answer(None, f"{where}: certificate not trusted: {message}; {remedy}", final=True)
    late = isinstance(error, TimeoutError)
    if late and (connected or not proxy):
        return no_answer(receiver, receiver.timeout_seconds, proxy)
    if proxy and not connected:
        where = f"{named(proxy)}, on the way to {where}"
    if late:
        return Answer(None, f"{where}: no answer within {receiver.timeout_seconds:g} s")
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Answer(
        None, f"{where}: {shown(message, receiver.key).lower()}", final=isinstance(error, ValueError)
    )


def _jitter() -> float:
    import random

    return random.random()
