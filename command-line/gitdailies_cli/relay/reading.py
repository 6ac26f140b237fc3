"""Subcommands that read a relay's store: status, failed, show, explain, unmapped."""

from collections.abc import Sequence
from pathlib import Path

import click
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import CONFIG, JSON
from gitdailies_cli.relay import options, status_text, timeline
from gitdailies_cli.relay.options import ID


@click.command(short_help="is the server running, what waits, is delivery paused")
@CONFIG
@JSON
def status(config: Path | None, as_json: bool) -> None:
    """Show whether the server runs, what waits, dead letters, quarantine, pauses and sources."""
    from gitdailies_relay.operations.status import status as read
    from gitdailies_relay.store.store import reading

    settings, database = options.opened(config)
    with reading(database) as session:
        size, (server, silent) = database.size(session), options.server_of(settings)
        current = read(session, settings.sources, size, server, settings.routes.renames)
    if as_json:
        options.show(current)
        return
    output.pairs(status_text.pairs(current, settings.relay.status, silent))
    output.table("alerts", ("code", "what"), [(alert.code, alert.text) for alert in current.alerts])
    output.table("sources", ("source", "last delivery", ""), status_text.sources(current.sources))
    # A push of GitHub is two: one for its commits, and one for a route that may name its branch.
    for title, counts in (("messages", current.deliveries), ("replayed messages", current.replays)):
        rows = [(s, o, n) for s, outcomes in counts.items() for o, n in outcomes.items()]
        output.table(title, ("source", "outcome", "count"), rows)


@click.command(short_help="dead letters and quarantined deliveries")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="at most this many of each list",
)
@click.option("--after", default="0-0", help="where the previous page ended, as it says")
@CONFIG
@JSON
def failed(limit: int, after: str, config: Path | None, as_json: bool) -> None:
    """List dead letters and quarantined deliveries, with their reasons.

    A dead letter is an event that was refused or given up. A quarantined delivery could not be read or has
    no repository. Both wait until you requeue, replay or discard them.
    """
    from gitdailies_relay.operations import deliveries
    from gitdailies_relay.store.store import reading

    place = deliveries.place_of(after, "--after")
    with reading(options.store(find_config.load_configuration(config))) as session:
        page = deliveries.failed(session, limit, place)
    if as_json:
        options.show(page)
        return
    total, at = page.total, status_text.moment
    if not page.dead_letters and not page.quarantined:
        nothing = "no dead letters, no quarantined deliveries"
        click.echo("nothing more" if total.dead_letters or total.quarantined else nothing)
    rows = [(e.id, e.incident, at(e.stored_at), e.attempts, e.reason) for e in page.dead_letters]
    output.table(
        f"dead letters, {_shown(rows, total.dead_letters)}",
        ("event", "incident", "stored", "attempts", "reason"),
        rows,
    )
    waiting = [(d.delivery, d.source, at(d.received_at), d.code, d.reason) for d in page.quarantined]
    output.table(
        f"quarantined deliveries, {_shown(waiting, total.quarantined)}",
        ("delivery", "source", "received", "code", "reason"),
        waiting,
    )
    if page.next:
        click.echo(f"there are more: gitdailies relay failed --limit {limit} --after {page.next}")


def _shown(rows: Sequence[object], total: int) -> str:
    return f"{total:,}" if len(rows) == total else f"{len(rows):,} of {total:,}"


@click.command(short_help="a delivery: its body, headers, events, and the receiver's answers")
@click.argument("id_", metavar="DELIVERY", type=ID)
@CONFIG
@JSON
def show(id_: str, config: Path | None, as_json: bool) -> None:
    """Show a delivery: what came, what was decided, and each attempt to send its events.

    DELIVERY is its id, or that of one of its events. If it was quarantined, filtered or ignored, its body and
    headers, without the proof, are printed as they came, names of people included. If it was counted, only
    its events are stored.

    \b
    gitdailies relay show d0652f1a7c3b4e1f2a3b4c
    """
    from gitdailies_relay.operations import deliveries
    from gitdailies_relay.store.store import reading

    settings, database = options.opened(config)
    with reading(database) as session:
        found = deliveries.one(session, id_, settings.routes, settings.path, bodies=True)
    if found is None:
        raise UsageError(f"DELIVERY: expected a delivery or an event of this store, got {got(id_)}")
    options.show(found, timeline.delivery_lines(found), as_json=as_json)


@click.command(short_help="the timeline of an incident, a delivery or an event")
@click.argument("id_", metavar="ID", type=ID)
@CONFIG
@JSON
def explain(id_: str, config: Path | None, as_json: bool) -> None:
    """Show the timeline of an incident or of deploys: deliveries, decisions, occurrences, events, attempts.

    ID is an incident's at its vendor, a delivery's or an event's; for deploys, repository and environment.
    In the JSON, `others` lists further incidents of a delivery, and `paused` and `server` say why an event
    may wait. `gitdailies why` explains events that came by no relay.

    \b
    gitdailies relay explain Q1LARK7XW2M4CD
    gitdailies relay explain 'larkspur/checkout-api production'
    """
    found = timeline.explanation(find_config.load_configuration(config), id_)
    if found is None:
        raise UsageError(
            f"ID: expected an incident, a delivery or an event of this store, got {got(id_)}; "
            "events that were sent to the receiver without the relay are only there: ask it with "
            "`gitdailies why`, which needs a key that may read"
        )
    options.show(found, timeline.explanation_lines(found), as_json=as_json)


@click.command(short_help="lines to paste for services without a repository")
@CONFIG
@JSON
def unmapped(config: Path | None, as_json: bool) -> None:
    """Print a line for each service without a repository, to paste into gitdailies.yml.

    \b
    gitdailies relay unmapped              paste, add the repositories, run gitdailies reload
    gitdailies relay replay --unmapped     count what was quarantined
    """
    from gitdailies_relay.operations.services import lines_to_paste, unmapped_services
    from gitdailies_relay.store.store import reading

    configuration, database = options.opened(config)
    with reading(database) as session:
        found = unmapped_services(session, configuration.sources, configuration.routes)
    lines = lines_to_paste(found, fallback=configuration.routes.has_fallback)
    options.show(found, lines, as_json=as_json)
