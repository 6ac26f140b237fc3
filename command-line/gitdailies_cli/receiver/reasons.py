"""Why an event counts or not, as the DORA server says it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from gitdailies_core.events.events import INCIDENT_RESOLVED

from gitdailies_cli import output
from gitdailies_cli.receiver import why_lines
from gitdailies_cli.receiver.read_server import ReadServer

if TYPE_CHECKING:
    from gitdailies_dora.derived.read.answers import EventDetail, FigureVerdict, RelatedEvents

# Events lie in or after this year, so that the period leaves none out.
_FIRST_DAY = "2000-01-01"


class WhyAnswer(NamedTuple):
    """An event as the receiver has it, as JSON, its verdicts, and what is related to it.

    `others` are the other starts of an incident that was asked for.
    """

    event: str
    verdicts: tuple[FigureVerdict, ...]
    related: RelatedEvents
    others: tuple[WhyAnswer, ...] = ()


def of_receiver(server: ReadServer, id_: str, environment: str = "") -> WhyAnswer | None:
    """Return what the receiver says about an event or an incident; None if it knows neither.

    Of an incident, these are all its starts, the newest first, else its end.
    """
    others: tuple[WhyAnswer, ...] = ()
    detail = _detail(server, f"/api/events/{quote(id_, safe='')}")
    if detail is None:
        detail = _detail(server, f"/api/incidents/{quote(id_, safe='')}")
        starts = () if detail is None else detail.related.incidents
        found = (_detail(server, f"/api/events/{quote(one.id, safe='')}") for one in starts)
        others = tuple(_judged(server, one, environment) for one in found if one is not None)
    if detail is None and (end := _newest_end(server, id_)):
        detail = _detail(server, f"/api/events/{quote(end, safe='')}")
    return None if detail is None else _judged(server, detail, environment)._replace(others=others)


def _judged(server: ReadServer, detail: EventDetail, environment: str) -> WhyAnswer:
    from gitdailies_dora.derived.read.answers import JudgedEvents
    from gitdailies_dora.events.listing import texts_of

    event = bytes(detail.event).decode()
    asked = {"id": texts_of(event)["id"], "from": _FIRST_DAY, "environment": environment}
    answer = server.ask("/api/metrics/why?" + urlencode({name: text for name, text in asked.items() if text}))
    with suppress(msgspec.DecodeError, LookupError):
        judged = msgspec.json.decode(answer.body, type=JudgedEvents)
        return WhyAnswer(event, judged.events[0].verdicts, detail.related)
    raise server.unexpected("the reasons of an event")


def _newest_end(server: ReadServer, id_: str) -> str:
    """Return the id of the event that resolved an incident without a start, or ""."""
    from gitdailies_dora.api.events import EventList
    from gitdailies_dora.events.listing import texts_of

    asked = {"kind": INCIDENT_RESOLVED, "q": id_, "direction": "backward", "limit": "100"}
    answer = server.ask_about("/api/events?" + urlencode(asked))
    if answer is None:
        return ""
    with suppress(msgspec.DecodeError, LookupError):
        found = msgspec.json.decode(answer.body, type=EventList).events
        ends = [texts_of(bytes(one).decode()) for one in found]
        return next((one["id"] for one in ends if one["incidentId"] == id_), "")
    raise server.unexpected("a list of events")


def _detail(server: ReadServer, path: str) -> EventDetail | None:
    from gitdailies_dora.derived.read.answers import EventDetail

    answer = server.ask_about(path)
    if answer is None:
        return None
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(answer.body, type=EventDetail)
    raise server.unexpected("an event")


def show(found: WhyAnswer, *, as_json: bool) -> None:
    """Print what the receiver says."""
    from gitdailies_dora.derived.read.answers import EventReference
    from gitdailies_dora.events.listing import texts_of

    if as_json:
        others = [_as_json(one) for one in found.others]
        output.as_json(_as_json(found) | ({"others": others} if others else {}))
        return
    for one in (found, *found.others):
        output.lines(why_lines.lines(EventReference.of(texts_of(one.event)), one.verdicts))


def _as_json(found: WhyAnswer) -> dict[str, Any]:
    verdicts, related = msgspec.to_builtins(found.verdicts), msgspec.to_builtins(found.related)
    return {"event": json.loads(found.event), "verdicts": verdicts, "related": related}
