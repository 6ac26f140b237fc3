"""`gitdailies relay`: the server, and what one asks of its store beside it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_connection.config.errors import did_you_mean
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times

from gitdailies_cli import find_config, incident_timeline, output, relay_status

if TYPE_CHECKING:
    from gitdailies_server.storage.database import Database

_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="gitdailies.yml; default: the one here"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
# What is pasted may have a space around it; no vendor's id has.
_ID = str.strip
DESTINATION = "default"


@click.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def relay(ctx: click.Context, config: Path | None) -> None:
    """Run the relay, or ask about a running or stopped one.

    \b
    gitdailies relay --config gitdailies.yml
    gitdailies relay status --config gitdailies.yml
    """
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    from gitdailies_relay import server
    from gitdailies_server.logging import setup

    from gitdailies_cli import process

    setup.configure()
    configuration = find_config.load_configuration(config)

    async def serve(signals: process.Signals) -> None:
        await server.serve(
            configuration,
            os.environ,
            ready=lambda address: click.echo(f"relay listens on {address}/hooks/NAME"),
            stop=signals.stop,
            reload=lambda: find_config.load_configuration(config),
            reloading=signals.reloading(),
        )

    process.run(serve)


def _store(ctx: click.Context, config: Path | None) -> Database:
    from gitdailies_relay.store.store import database_of, reading
    from gitdailies_server.storage.sqlite import file_exists

    store = find_config.load_configuration(config or ctx.obj).relay.store
    database = database_of(store)
    if store.path is not None and not file_exists(store.path):
        raise _never_started(database, "no such file")
    with reading(database) as session:
        if not database.has_table(session, "deliveries"):
            raise _never_started(database, "none of its tables")
    return database


def _never_started(database: Database, found: str) -> UsageError:
    return UsageError(f"{database}: expected the store of a relay, got {found}; was it ever started?")


def _server(ctx: click.Context, config: Path | None) -> dict[str, Any] | None:
    from gitdailies_relay.operations import reports

    settings = find_config.load_configuration(config or ctx.obj).relay
    return relay_status.server(settings, reports.place(settings.store))


@relay.command(short_help="whether the server runs, what waits, whether delivery is paused")
@_CONFIG
@_JSON
@click.pass_context
def status(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Say whether the server runs, what waits, what was set aside, and whether delivery is paused."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    database = _store(ctx, config)
    with reading(database) as session:
        told = reports.standing(database, session)
    told["server"] = _server(ctx, config)
    if as_json:
        output.as_json(told)
        return
    output.pairs(relay_status.pairs(told, find_config.load_configuration(config or ctx.obj).relay.status))
    for what in ("deliveries", "replays"):
        rows = [(s, o, n) for s, outcomes in told[what].items() for o, n in outcomes.items()]
        output.table(what, ("source", "outcome", "count"), rows)


@relay.command(short_help="lines to paste for services that have none")
@_CONFIG
@_JSON
@click.pass_context
def unmapped(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Print lines for the services that have none, to paste into gitdailies.yml.

    \b
    gitdailies relay unmapped              then: a repository for each, SIGHUP to the relay,
    gitdailies relay replay --unmapped     and what was kept is counted
    """
    from gitdailies_core.incidents.routing import FALLBACK
    from gitdailies_relay.operations.unmapped import lines, services
    from gitdailies_relay.store.store import reading

    configuration = find_config.load_configuration(config or ctx.obj)
    with reading(_store(ctx, config)) as session:
        found = services(session, configuration.sources, configuration.routes)
    if as_json:
        output.as_json([service.told() for service in found])
        return
    for line in lines(found, fallback=FALLBACK in configuration.routes.table):
        click.echo(line)


@relay.command(short_help="events that were set aside, deliveries that were kept")
@_CONFIG
@_JSON
@click.pass_context
def failed(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """List events that were set aside and deliveries that were kept, with their reasons."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    with reading(_store(ctx, config)) as connection:
        told = reports.failed(connection)
    if as_json:
        output.as_json(told)
        return
    if not told["buried"] and not told["kept"]:
        click.echo("nothing was set aside or kept")
    at = output.moment
    rows = [(e["id"], e["incident"], at(e["storedAt"]), e["attempts"], e["reason"]) for e in told["buried"]]
    output.table("events set aside", ("event", "incident", "stored", "attempts", "reason"), rows)
    rows = [(d["delivery"], d["source"], at(d["receivedAt"]), d["why"], d["reason"]) for d in told["kept"]]
    output.table("deliveries kept", ("delivery", "source", "received", "why", "reason"), rows)


@relay.command(short_help="the story of an incident, a delivery or an event")
@click.argument("id_", metavar="ID", type=_ID)
@_CONFIG
@_JSON
@click.pass_context
def explain(ctx: click.Context, id_: str, config: Path | None, as_json: bool) -> None:
    """Tell the story of an incident: deliveries, decisions, periods, events, attempts.

    ID is the incident's, as its vendor has it, or that of a delivery or an event of it; one that the
    store does not know ends with 2.
    JSON is one object; where a delivery is of several incidents, `others` lists what is told of the rest.
    `paused` and `server` are those of `status`: what is held up waits for them.

    \b
    gitdailies relay explain Q1LARK7XW2M4CD
    """
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    with reading(_store(ctx, config)) as connection:
        told = reports.stories(connection, id_)
        paused = reports.paused(connection)
    if not told:
        raise UsageError(f"ID: expected an incident, a delivery or an event of this store, got {got(id_)}")
    delivery = {"paused": paused, "server": _server(ctx, config)}
    if as_json:
        output.as_json({**told[0], "others": told[1:], **delivery})
        return
    for one in told:
        for line in incident_timeline.lines(one, relay_status.held(delivery)):
            click.echo(output.printable(line))


@relay.command(short_help="translate kept deliveries anew, send again what was set aside")
@click.option("--id", "id_", metavar="TEXT", type=_ID, help="a delivery or an event")
@click.option("--source", help="a source of gitdailies.yml")
@click.option("--since", help="received at or after this time, as 2026-03-04T09:00:00Z")
@click.option("--until", help="received before this time")
@click.option("--unmapped", is_flag=True, help="only deliveries of services that had no line")
@click.option("--all", "everything", is_flag=True, help="all that was kept or set aside")
@_CONFIG
@_JSON
@click.pass_context
def replay(
    ctx: click.Context,
    id_: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    unmapped: bool,
    everything: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Translate kept deliveries anew and put events that were set aside back in their place.

    \b
    gitdailies relay replay --unmapped     after a line under services was added
    gitdailies relay replay --source pagerduty --since 2026-03-04T09:00:00Z
    """
    from gitdailies_relay.operations.replay import Selection, summary
    from gitdailies_relay.operations.replay import replay as again

    if not (id_ or source or since or until or unmapped or everything):
        raise UsageError("replay: expected --id, --source, --since, --until, --unmapped or --all, got none")
    database = _store(ctx, config)
    configuration = find_config.load_configuration(config or ctx.obj)
    sources = configuration.sources
    if source is not None and source not in sources:
        known = ", ".join(sources)
        raise UsageError(
            f"--source: expected one of {known}, got {got(source)}{did_you_mean(source, sources)}"
        )
    selection = Selection(id_, source, _time(since, "--since"), _time(until, "--until"), unmapped)
    begin, end = selection.span
    if since and until and begin >= end:
        raise UsageError(f"--since: expected a time before that of --until, {until}, got {since}")
    replayed = again(database, sources, configuration.routes, selection)
    if id_ is not None and not (replayed.deliveries or replayed.events or replayed.left_out):
        raise UsageError(
            f"--id: expected a delivery that is kept or an event that was set aside, got {got(id_)}; "
            "`gitdailies relay failed` lists them"
        )
    if as_json:
        output.as_json(
            {
                "deliveries": [
                    {"delivery": a.delivery, "events": list(a.events), "reasons": list(a.reasons)}
                    for a in replayed.deliveries
                ],
                "events": list(replayed.events),
                "leftOut": list(replayed.left_out),
            }
        )
        return
    for line in summary(replayed) or ["nothing to replay"]:
        click.echo(output.printable(line))


@relay.command(short_help="stop delivering; deliveries are still accepted")
@click.option("--reason", default="by hand", help="what status will say")
@_CONFIG
@click.pass_context
def pause(ctx: click.Context, reason: str, config: Path | None) -> None:
    """Stop delivering; deliveries are still accepted and stored."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import pause as stop
    from gitdailies_relay.store.store import transaction

    with transaction(_store(ctx, config)) as connection:
        before = reports.paused(connection)
        stop(connection, DESTINATION, "manual", reason)
        now = reports.paused(connection)
    if before == now:
        click.echo(f"nothing changed, delivery is {output.printable(relay_status.pauses(before))}")
        return
    click.echo("paused: deliveries are accepted and wait; `gitdailies relay resume` sends them")
    if before:
        click.echo(f"before, it was {output.printable(relay_status.pauses(before))}")


@relay.command(short_help="deliver again, at once")
@_CONFIG
@click.pass_context
def resume(ctx: click.Context, config: Path | None) -> None:
    """Deliver again, at once, whatever the destination was paused by."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import resume as start
    from gitdailies_relay.store.store import transaction

    with transaction(_store(ctx, config)) as connection:
        before = reports.paused(connection)
        start(connection, DESTINATION)
    click.echo("resumed" if before else "delivery was not paused; what waits is tried at once")


def _time(text: str | None, where: str) -> datetime | None:
    try:
        return None if text is None else times.parse(text, where)
    except ValueError as error:
        raise UsageError(str(error)) from None
