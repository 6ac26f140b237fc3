"""`gitdailies why`: why an event counts or not. The receiver is asked first, then the store of the relay."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import click
import msgspec
from gitdailies_core.error_text import got
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_core.events.events import INCIDENT_RESOLVED

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import JSON
from gitdailies_cli.receiver import why_lines
from gitdailies_cli.receiver.read_server import ReadServer, find_server, server_options

if TYPE_CHECKING:
    from gitdailies_connection.relay.answers import Explanation
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


@click.command()
@click.argument("id_", metavar="ID", type=str.strip)
@click.option("--environment", default="", help="count in this environment; default: production")
@server_options
@JSON
def why(
    id_: str, environment: str, url: str | None, key_env: str, config: Path | None, as_json: bool
) -> None:
    """Say why an event counts in the figures or not, and what to do.

    ID is an event's, or an incident's at its vendor. Another one, such as a delivery's, is looked up as by
    `gitdailies relay explain`.

    \b
    gitdailies why deploy-2026-03-04-1
    gitdailies why Q1LARK7XW2M4CD
    """
    not_asked: GitDailiesError | None = None
    try:
        found = _of_receiver(find_server(url, key_env, config), id_, environment)
    except GitDailiesError as error:
        found, not_asked = None, error
    if found is not None:
        _show(found, as_json=as_json)
        return
    stored = _of_relay(id_, config)
    if stored is None:
        if not_asked is not None:
            raise not_asked
        raise UsageError(
            "ID: expected an event or an incident that the receiver or the relay here knows, "
            f"got {got(id_)}; the page Deliveries, under Refused requests, lists what was refused at once"
        )
    if not_asked is not None:
        click.echo(f"note: the receiver was not asked: {output.printable(str(not_asked))}", err=True)
    from gitdailies_cli.relay import options, timeline

    head = "" if not_asked else "The receiver has no such event or incident. "
    lines = [f"{head}The relay knows:", *timeline.explanation_lines(stored)]
    options.show({"relay": stored}, lines, as_json=as_json)


def _of_relay(id_: str, config: Path | None) -> Explanation | None:
    """Return what the relay of this machine knows; None if there is no relay, or if it knows nothing."""
    if find_config.find(config) is None:
        return None
    try:
        from gitdailies_cli.relay import timeline

        return timeline.explanation(find_config.load_configuration(config), id_)
    except (UsageError, ImportError):
        # No relay has used its store, or the relay is not installed here.
        return None


def _of_receiver(server: ReadServer, id_: str, environment: str) -> WhyAnswer | None:
    """Return what the receiver says about an event or an incident; None if it knows neither.

    For an incident, these are all its starts, the newest first, else its end.
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


def _show(found: WhyAnswer, *, as_json: bool) -> None:
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
