"""`gitdailies relay`: run the server, and read or change its store."""

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
    "--config", type=click.Path(path_type=Path), help="gitdailies.yml; default: the one in this folder"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
# A pasted id may have spaces around it. No vendor's id has any.
_ID = str.strip
DESTINATION = "default"


@click.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def relay(ctx: click.Context, config: Path | None) -> None:
    """Run the relay, or ask about one that is running or stopped.

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

    database = database_of(store := find_config.load_configuration(config or ctx.obj).relay.store)
    if store.path is not None and not file_exists(store.path):
        raise _never_started(database, "the file does not exist")
    with reading(database) as session:
        if not database.has_table(session, "deliveries"):
            raise _never_started(database, "it has none of a relay's tables")
    return database


def _never_started(database: Database, reason: str) -> UsageError:
    return UsageError(f"{database}: no relay has used this store yet, {reason}; start the relay first")


def _server(ctx: click.Context, config: Path | None) -> dict[str, Any] | None:
    from gitdailies_relay.operations import reports

    settings = find_config.load_configuration(config or ctx.obj).relay
    return relay_status.server(settings, reports.store_location(settings.store))


@relay.command(short_help="is the server running, what waits, is delivery paused")
@_CONFIG
@_JSON
@click.pass_context
def status(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Show whether the server runs, what waits, dead letters, quarantine, and pauses."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    database = _store(ctx, config)
    with reading(database) as session:
        current = reports.status_with_size(database, session)
    current["server"] = _server(ctx, config)
    if as_json:
        output.as_json(current)
        return
    output.pairs(relay_status.pairs(current, find_config.load_configuration(config or ctx.obj).relay.status))
    for title in ("deliveries", "replays"):
        rows = [(s, o, n) for s, outcomes in current[title].items() for o, n in outcomes.items()]
        output.table(title, ("source", "outcome", "count"), rows)


@relay.command(short_help="lines to paste for services without a repository")
@_CONFIG
@_JSON
@click.pass_context
def unmapped(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Print a line for each service without a repository, to paste into gitdailies.yml.

    \b
    gitdailies relay unmapped              paste, add the repositories, send SIGHUP to the relay
    gitdailies relay replay --unmapped     count what was quarantined
    """
    from gitdailies_core.incidents.routing import FALLBACK
    from gitdailies_relay.operations.unmapped import lines, services
    from gitdailies_relay.store.store import reading

    configuration = find_config.load_configuration(config or ctx.obj)
    with reading(_store(ctx, config)) as session:
        found = services(session, configuration.sources, configuration.routes)
    if as_json:
        output.as_json([service.to_json() for service in found])
        return
    for line in lines(found, fallback=FALLBACK in configuration.routes.table):
        click.echo(line)


@relay.command(short_help="dead letters and quarantined deliveries")
@_CONFIG
@_JSON
@click.pass_context
def failed(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """List dead letters and quarantined deliveries, with their reasons.

    A dead letter is an event that the receiver refused or that was given up. A quarantined delivery
    could not be read or has no repository.
    """
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    with reading(_store(ctx, config)) as connection:
        report = reports.failed(connection)
    if as_json:
        output.as_json(report)
        return
    dead_letters, quarantined, at = report["deadLetters"], report["quarantined"], output.moment
    if not dead_letters and not quarantined:
        click.echo("no dead letters, no quarantined deliveries")
    rows = [(e["id"], e["incident"], at(e["storedAt"]), e["attempts"], e["reason"]) for e in dead_letters]
    output.table("dead letters", ("event", "incident", "stored", "attempts", "reason"), rows)
    rows = [(d["delivery"], d["source"], at(d["receivedAt"]), d["code"], d["reason"]) for d in quarantined]
    output.table("quarantined deliveries", ("delivery", "source", "received", "code", "reason"), rows)


@relay.command(short_help="the timeline of an incident, a delivery or an event")
@click.argument("id_", metavar="ID", type=_ID)
@_CONFIG
@_JSON
@click.pass_context
def explain(ctx: click.Context, id_: str, config: Path | None, as_json: bool) -> None:
    """Show the timeline of an incident: deliveries, decisions, occurrences, events, attempts.

    ID is the incident's, as its vendor writes it, or that of one of its deliveries or events. An id
    that the store does not know exits with 2. JSON is one object. Where a delivery is about several
    incidents, `others` lists the rest. `paused` and `server` are those of `status`, because what is
    held up waits for them.

    \b
    gitdailies relay explain Q1LARK7XW2M4CD
    """
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import reading

    with reading(_store(ctx, config)) as connection:
        timelines = reports.timelines(connection, id_)
        paused = reports.paused(connection)
    if not timelines:
        raise UsageError(f"ID: expected an incident, a delivery or an event of this store, got {got(id_)}")
    delivery = {"paused": paused, "server": _server(ctx, config)}
    if as_json:
        output.as_json({**timelines[0], "others": timelines[1:], **delivery})
        return
    for timeline in timelines:
        for line in incident_timeline.lines(timeline, relay_status.held_up_by(delivery)):
            click.echo(output.printable(line))


@relay.command(short_help="translate quarantined deliveries again, requeue dead letters")
@click.option("--id", "id_", metavar="TEXT", type=_ID, help="a delivery or an event")
@click.option("--source", help="a source of gitdailies.yml")
@click.option("--since", help="received at or after this time, as 2026-03-04T09:00:00Z")
@click.option("--until", help="received before this time")
@click.option("--unmapped", is_flag=True, help="only deliveries of services that had no repository")
@click.option("--all", "everything", is_flag=True, help="all dead letters and quarantined deliveries")
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
    """Translate quarantined deliveries again, and put dead letters back into their place.

    \b
    gitdailies relay replay --unmapped     after you added lines under services
    gitdailies relay replay --source pagerduty --since 2026-03-04T09:00:00Z
    """
    from gitdailies_relay.operations.replay import Selection, summary
    from gitdailies_relay.operations.replay import replay as run

    if not (id_ or source or since or until or unmapped or everything):
        raise UsageError("replay: say what to replay: --id, --source, --since, --until, --unmapped or --all")
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
    replayed = run(database, sources, configuration.routes, selection)
    if id_ is not None and not (replayed.deliveries or replayed.events or replayed.left_out):
        raise UsageError(
            f"--id: expected a quarantined delivery or a dead letter, got {got(id_)}; "
            "`gitdailies relay failed` lists them"
        )
    if as_json:
        output.as_json(
            {
                "deliveries": [
                    {"delivery": a.delivery, "events": list(a.events), "reasons": list(a.texts)}
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
@click.option("--reason", default="by hand", help="the reason that status shows")
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
    click.echo("paused: deliveries are accepted and wait; `gitdailies relay resume` sends their events")
    if before:
        click.echo(f"before, it was {output.printable(relay_status.pauses(before))}")


@relay.command(short_help="end a pause, deliver at once")
@_CONFIG
@click.pass_context
def resume(ctx: click.Context, config: Path | None) -> None:
    """End a pause, whatever caused it, and deliver at once."""
    from gitdailies_relay.operations import reports
    from gitdailies_relay.store.store import resume as start
    from gitdailies_relay.store.store import transaction

    with transaction(_store(ctx, config)) as connection:
        before = reports.paused(connection)
        start(connection, DESTINATION)
    click.echo("resumed" if before else "delivery was not paused; waiting events are sent at once")


def _time(text: str | None, where: str) -> datetime | None:
    try:
        return None if text is None else times.parse(text, where)
    except ValueError as error:
        raise UsageError(str(error)) from None
