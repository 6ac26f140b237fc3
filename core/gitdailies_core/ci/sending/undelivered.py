"""What follows from an attempt whose event was not taken: another attempt, or the end with a reason.

This module is exempt from core's rule against I/O: a wait has a random length.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gitdailies_core.ci.reporting.report import DONE, NOT_DELIVERED, REFUSED, Attempted
from gitdailies_core.ci.sending.proxy import named
from gitdailies_core.ci.sending.receiver import Answer, Receiver, shown
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.values.http_answers import (
    ADDRESS,
    KEY,
    at_fault,
    blamed,
    described,
    is_final,
    retry_after_seconds,
    wait_seconds,
)

_CONFLICT = 409
# A token that is right, but for another repository or environment.
_FORBIDDEN = 403
# Waits grow to 16 s.
_GROWS_UNTIL = 5
# When a minute is nearly over, one attempt more is made, and has this time for its answer.
_LAST_SECONDS = 5.0
# Which input is probably wrong.
_CHECK = {KEY: "webhook-key", ADDRESS: "webhook-url"}


def after(
    event: Mapping[str, Any],
    answer: Answer,
    receiver: Receiver,
    attempt: int,
    *,
    now: datetime,
    until: datetime,
) -> Attempted | datetime:
    """Return when to try again, or how the sending ended.

    *attempt* counts from 1.
    """
    result = described(answer.status, answer.message, answer.page)

    def ended(code: int, message: str, **more: Any) -> Attempted:
        return Attempted(event, code, answer.status, attempt, message, **more)

    id_ = event.get("id", "")
    if answer.status == _CONFLICT and is_self_made(id_):
        # Such an id names one deploy, whatever else an attempt says about it.
        note = f"the receiver has {id_} already, with other content, and keeps the first"
        return ended(DONE, answer.message, unchanged=True, note=note)
    what = at_fault(answer.status, answer.page) if event else ""
    if what:
        code = REFUSED if what == KEY else NOT_DELIVERED
        if what == KEY and receiver.is_token:
            # The server says why in JSON. A page is that of a proxy before it.
            check = "" if answer.status == _FORBIDDEN and isinstance(answer.body, dict) else "auth"
            return ended(code, f"the ID token is refused ({result})", check=check)
        return ended(code, blamed(what, answer.status, result), check=_CHECK.get(what, ""))
    if is_final(answer.status):
        return ended(REFUSED, result)
    # Most events are taken at once, without a wait.
    import random

    waited = wait_seconds(
        answer.retry_after,
        attempt=min(attempt, _GROWS_UNTIL),
        now=now,
        jitter=lambda: (1 + random.random()) / 2,
    )
    at = now + timedelta(seconds=waited)
    last = until - timedelta(seconds=_LAST_SECONDS)
    if now < last < at and retry_after_seconds(answer.retry_after, now) <= (last - now).total_seconds():
        at = last
    if (receiver.retries is not None and attempt > receiver.retries) or answer.final or at >= until:
        attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
        later = ""
        if answer.retry_after and at >= until:
            later = f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
        return ended(NOT_DELIVERED, f"{result} ({attempts}){later}")
    return at


def no_answer(receiver: Receiver, seconds: float, proxy: SplitResult | None) -> Answer:
    """Return that nothing came within *seconds*."""
    through = f", through {named(proxy)}" if proxy else ""
    return Answer(None, f"{urlsplit(receiver.url).netloc}{through}: no answer within {seconds:g} s")


def unanswered(error: Exception, receiver: Receiver, proxy: SplitResult | None, *, connected: bool) -> Answer:
    """Return why there is no answer. A proxy that is not *connected* is at fault."""
    where = urlsplit(receiver.url).netloc
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name: a Python may be built without ssl.
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
