"""Why an event counts or not, as incoming webhooks say it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import click
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.events.events import INCIDENT_RESOLVED

from gitdailies_cli import output
from gitdailies_cli.receiver import why_lines
from gitdailies_cli.receiver.read_server import ReadServer

# Events lie in or after this year, so that the period leaves none out.
_FIRST_DAY = "2000-01-01"


class Reasons(NamedTuple):
    """An event as the receiver has it, its verdicts, and what is related to it."""

    event: Mapping[str, Any]
    verdicts: list[Mapping[str, Any]]
    related: Mapping[str, Any]


def of_receiver(server: ReadServer, id_: str, environment: str = "") -> Reasons | None:
    """Return what the receiver says about an event, or about an incident: its newest start, else its end.

    None if it knows neither.
    """
    detail = _detail(server, f"/api/events/{quote(id_, safe='')}")
    if detail is None:
        detail = _detail(server, f"/api/incidents/{quote(id_, safe='')}")
    if detail is None and (end := _newest_end(server, id_)):
        detail = _detail(server, f"/api/events/{quote(end, safe='')}")
    if detail is None:
        return None
    event = detail["event"]
    asked = {"id": event["id"], "from": _FIRST_DAY, "environment": environment}
    answer = server.ask("/api/metrics/why?" + urlencode({name: text for name, text in asked.items() if text}))
    with suppress(UnreadableBody, LookupError, TypeError):
        return Reasons(event, list(answer.json()["events"][0]["verdicts"]), detail["related"])
    raise server.unexpected("the reasons of an event")


def _newest_end(server: ReadServer, id_: str) -> str:
    """Return the id of the event that resolved an incident without a start, or ""."""
    asked = {"kind": INCIDENT_RESOLVED, "q": id_, "direction": "backward", "limit": "100"}
    answer = server.ask_about("/api/events?" + urlencode(asked))
    if answer is None:
        return ""
    with suppress(UnreadableBody, LookupError, TypeError):
        return next((str(one["id"]) for one in answer.json()["events"] if one["incidentId"] == id_), "")
    raise server.unexpected("a list of events")


def _detail(server: ReadServer, path: str) -> dict[str, Any] | None:
    answer = server.ask_about(path)
    if answer is None:
        return None
    with suppress(UnreadableBody):
        body = answer.json()
        if isinstance(body, dict) and {"event", "related"} <= body.keys():
            return body
    raise server.unexpected("an event")


def show(found: Reasons, *, as_json: bool) -> None:
    """Print what the receiver says."""
    if as_json:
        output.as_json(found._asdict())
        return
    for line in why_lines.lines(found.event, found.verdicts):
        click.echo(output.printable(line))
