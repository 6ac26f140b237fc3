"""`gitdailies events`: print what a server has received, and follow what comes."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
import msgspec
from gitdailies_core.errors import DeliveryError, Refused
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import text_of

from gitdailies_cli import output
from gitdailies_cli.common_options import ago
from gitdailies_cli.receiver import event_lines
from gitdailies_cli.receiver.read_server import CursorGone, ReadServer, find_server, server_options
from gitdailies_cli.reporting import option_names_in_errors

if TYPE_CHECKING:
    from gitdailies_dora.api.events import EventList
    from gitdailies_dora.derived.read.answers import EventReference

TABLE, LINES = "table", "json"
_PAGE = 500
# What a server calls the values of these options, with how each is named in an error.
_NAMES = {"from": "--since (a span like 7d, or a time)", "q": "--text"}
# How often a server is asked for new events.
FOLLOW_SECONDS = 2.0


@click.command()
@click.option("--follow", "-f", is_flag=True, help="go on with new events, until Ctrl-C")
@click.option("--kind", type=click.Choice([kind.word for kind in KINDS]), help="only this kind")
@click.option("--repo", default="", help="only this repository")
@click.option("--environment", default="", help="only this one, as events name it")
@click.option("--since", "from", help="not before 7d, 12h or 30m ago, a date or a time")
@click.option("--text", "q", default="", help="only events with this text anywhere")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=20,
    show_default=True,
    help="how many of the newest",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, LINES]),
    help="default: a table on a terminal, else a line of JSON for each event",
)
@server_options
def events(
    follow: bool,
    limit: int,
    form: str | None,
    url: str | None,
    key_env: str,
    config: Path | None,
    **given: str | None,
) -> None:
    """Print the newest events of a server, the newest last.

    \b
    gitdailies events --repo larkspur/checkout-api --since 7d
    gitdailies events --follow --kind deployed
    """
    filters = {name: value for name, value in given.items() if value}
    if began := ago(filters.get("from", ""), datetime.now(UTC)):
        filters["from"] = text_of(began)
    server = find_server(url, key_env, config)
    with option_names_in_errors(_NAMES):
        found, end, are_all = _newest(server, filters, limit)
    as_lines = form == LINES if form else not sys.stdout.isatty()
    columns = event_lines.Columns.of([named(event) for event in found])
    if not as_lines and (found or follow):
        click.echo(columns.line(event_lines.HEAD))
    elif not found and not follow:
        click.echo("no events match" if filters else "no event has arrived yet", err=True)
    _print(found, columns, as_lines=as_lines)
    if not are_all and not follow:
        click.echo(f"note: these are the newest {len(found)}; --limit prints more", err=True)
    while follow:
        time.sleep(FOLLOW_SECONDS)
        try:
            end = _print_new(server, filters, end, columns, as_lines=as_lines)
        except CursorGone:
            click.echo("note: the store of the server was restored; its newest events follow", err=True)
            found, end, _ = _newest(server, filters, limit)
            _print(found, columns, as_lines=as_lines)


def _newest(server: ReadServer, filters: Mapping[str, str], limit: int) -> tuple[list[str], str, bool]:
    """Return the newest events, oldest first, the cursor for later ones, and whether these are all."""
    found: list[str] = []
    ends: list[str] = []
    after: str | None = None
    while len(found) < limit:
        position = {} if after is None else {"after": after}
        page = _page(server, {**filters, **position, "direction": "backward"}, limit - len(found))
        found += _texts(page)
        ends.append(page.end)
        after = page.next
        if after is None:
            break
    return found[::-1], ends[0], after is None


def _print_new(
    server: ReadServer, filters: Mapping[str, str], end: str, columns: event_lines.Columns, *, as_lines: bool
) -> str:
    """Print what came after *end*, and return the new end. A server that does not answer is asked again."""
    try:
        while True:
            page = _page(server, {**filters, "after": end}, _PAGE)
            _print(_texts(page), columns, as_lines=as_lines)
            # Only the last page has an end: before it, events are missing.
            end = page.next or page.end
            if page.next is None:
                return end
    except (CursorGone, Refused):
        raise
    except DeliveryError as error:
        click.echo(f"note: {output.printable(str(error))}; asking again", err=True)
    return end


def _page(server: ReadServer, filters: Mapping[str, str], limit: int) -> "EventList":
    from gitdailies_dora.api.events import EventList

    asked = urlencode({**filters, "limit": str(min(limit, _PAGE))})
    answer = server.ask(f"/api/events?{asked}")
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(answer.body, type=EventList)
    raise server.unexpected("a list of events that begins with the newest; it may be an earlier version")


def _texts(page: "EventList") -> list[str]:
    return [bytes(event).decode() for event in page.events]


def named(event: str) -> "EventReference":
    """Return what names an event; *event* is its JSON."""
    from gitdailies_dora.derived.read.answers import EventReference
    from gitdailies_dora.events.listing import texts_of

    return EventReference.of(texts_of(event))


def _print(found: list[str], columns: event_lines.Columns, *, as_lines: bool) -> None:
    for event in found:
        if as_lines:
            output.as_line(json.loads(event))
        else:
            click.echo(columns.line(event_lines.cells(named(event))))
    sys.stdout.flush()
