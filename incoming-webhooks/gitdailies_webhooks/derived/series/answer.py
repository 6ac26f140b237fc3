"""Answers to questions about series, from the derived rows: no event is read, and nothing is derived.

While the rows are for other settings, the events answer, if they are not too many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived.repositories import MOST_EVENTS
from gitdailies_webhooks.derived.series import sums
from gitdailies_webhooks.derived.series.names import Names
from gitdailies_webhooks.derived.series.question import cursor, rolling_text
from gitdailies_webhooks.derived.series.sums import first_times
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.figures import series
from gitdailies_webhooks.figures.metrics import FREQUENCY
from gitdailies_webhooks.figures.series import MOST_NUMBERS, MOST_ROLLING, Plan, SeriesQuestion
from gitdailies_webhooks.figures.settings import DEFINITIONS, FigureSettings
from gitdailies_webhooks.figures.sums import Key, Sums

_NARROW = "choose a longer interval, a shorter period, or fewer repositories, teams or services"


class Read(NamedTuple):
    """What a question found: the sums of each group, and the groups in order.

    `firsts` are the times of the first event of each repository. Every event received before `as_of` is in
    the sums.
    """

    planned: Plan
    sums: Sums
    keys: list[Key]
    firsts: dict[str, int]
    as_of: int


def read(
    session: Session,
    question: SeriesQuestion,
    settings: FigureSettings,
    most: int | None = MOST_EVENTS,
) -> Read:
    """Add up what a question asks for; raises Refusal for too many groups and buckets."""
    planned = series.plan(question)
    _refuse_many(1, planned)
    firsts = first_times(session)
    found, as_of = sums.read(session, question, planned, settings, most)
    keys = series.ordered(question, planned, found)
    _refuse_many(len(keys), planned)
    return Read(planned, found, keys, firsts, as_of)


def answer(
    session: Session,
    question: SeriesQuestion,
    settings: FigureSettings,
    *,
    limit: int,
    after: Key | None = None,
    most: int | None = MOST_EVENTS,
) -> dict[str, Any]:
    """Return the body of `GET /api/metrics/series`: a page of groups, and `next` for the following one."""
    found = read(session, question, settings, most)
    keys = found.keys if after is None else _behind(question, found.keys, after)
    page = keys[:limit]
    confidence = series.confidence_of(found.keys)
    groups = series.answer(question, found.planned, found.sums, page, found.firsts, confidence)
    names = Names(session, question, settings)
    period, before = question.period, found.planned.before
    return {
        "definitions": DEFINITIONS,
        "asOf": text_of(from_us(found.as_of)),
        "timeZone": settings.timezone,
        "windowSeconds": settings.window.total_seconds(),
        "by": list(question.by),
        "interval": question.interval or None,
        "rolling": rolling_text(question.rolling_weeks),
        "from": text_of(from_us(period.began_at)),
        "to": None if period.ended_at is None else text_of(from_us(period.ended_at)),
        "now": text_of(from_us(period.now)),
        "before": None if before is None else {"from": text_of(from_us(before.began_at))},
        "confidence": confidence if question.compare else None,
        "filter": names.filters(),
        "groups": [{"by": names.of(group.pop("key")), **group} for group in groups],
        "next": cursor(page[-1]) if len(keys) > limit else None,
    }


def version(answered: dict[str, Any]) -> str:
    """Return a short text that changes with the numbers of an answer, and with the minute that it is of.

    The days of a period that is not over grow all the time. Within a minute, the difference is not visible.
    """
    minute = answered["asOf"][:16]
    counted = [_lasting(group) for group in answered["groups"]]
    lasting = {**answered, "groups": counted, "asOf": minute, "now": minute, "from": answered["from"][:16]}
    if answered["before"] is not None:
        lasting["before"] = answered["before"]["from"][:16]
    return sha256(orjson.dumps(lasting)).hexdigest()[:24]


def _lasting(group: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of a group without those that grow with every moment."""
    spans = [group["total"], *group["buckets"]]
    if group.get("before") is not None:
        spans.append(group["before"])
    return {"by": group["by"], "change": group.get("change"), "spans": [_counted(span) for span in spans]}


def _counted(span: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of a span without its beginning, its days, and what is divided by them."""
    frequency = {**span[FREQUENCY], "value": None, "days": None}
    rolled = {**span["rolling"], "from": None} if "rolling" in span else None
    return {**span, "from": None, FREQUENCY: frequency, "rolling": rolled}


def _behind(question: SeriesQuestion, keys: Sequence[Key], after: Key) -> Sequence[Key]:
    return keys[bisect_right(keys, question.order(after), key=question.order) :]


def _refuse_many(groups: int, planned: Plan) -> None:
    buckets = max(len(planned.buckets), 1)
    if groups * buckets > MOST_NUMBERS:
        raise refusal(
            "request",
            f"interval: expected at most {MOST_NUMBERS:,} groups times buckets, got {groups:,} × {buckets:,};"
            f" {_NARROW}",
        )
    sums = sum(map(len, planned.rolling))
    if groups * sums > MOST_ROLLING:
        raise refusal(
            "request",
            f"rolling: expected at most {MOST_ROLLING:,} groups times sums, got {groups:,} × {sums:,};"
            f" choose a shorter span, {_NARROW.removeprefix('choose ')}",
        )
