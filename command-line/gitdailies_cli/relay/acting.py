"""Subcommands that act on the store of a relay, which may be running: replay to discard, pause to confirm."""

from pathlib import Path

import click
from gitdailies_core.error_text import got
from gitdailies_core.errors import DeliveryError, UsageError

from gitdailies_cli import common_options, output
from gitdailies_cli.common_options import CONFIG, JSON
from gitdailies_cli.relay import options, status_text
from gitdailies_cli.relay.options import ID, SINCE, SOURCE, UNTIL

# Larger than any delivery that the relay accepts.
_LARGEST_BODY = 1024 * 1024


@click.command(short_help="translate stored deliveries again, send events again")
@click.option("--id", "id_", metavar="TEXT", type=ID, help="a delivery or an event")
@SOURCE
@SINCE
@UNTIL
@click.option("--unmapped", is_flag=True, help="only services that had no repository")
@click.option("--filtered", is_flag=True, help="what `only` kept back or no `route` names")
@click.option("--ignored", is_flag=True, help="what gave no event for another reason")
@click.option("--delivered", is_flag=True, help="events that the receiver took; ids stay")
@click.option("--all", "everything", is_flag=True, help="all, within the other options")
@click.option(
    "--body",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="a file in place of the body of --id",
)
@CONFIG
@JSON
def replay(
    id_: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    unmapped: bool,
    filtered: bool,
    ignored: bool,
    delivered: bool,
    everything: bool,
    body: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Translate stored deliveries again, and send events again.

    Without --filtered, --ignored and --delivered it takes quarantined deliveries and dead letters. You may
    repeat it: nothing counts twice. `gitdailies relay show DELIVERY --json` has the body for --body.

    \b
    gitdailies relay replay --unmapped     after you added lines under services
    gitdailies relay replay --filtered --since 2026-03-04T09:00:00Z
    gitdailies relay replay --id d0652f1a7c3b4e1f2a3b4c --body corrected.json
    """
    from gitdailies_core.reasons import FILTERED, UNMAPPED
    from gitdailies_relay.operations import replay as operation

    limited = bool(id_ or source or since or until or everything)
    if delivered and not limited:
        raise UsageError("--delivered: say which: --id, --source, --since, --until or --all")
    if not (limited or unmapped or filtered or ignored):
        raise UsageError(
            "replay: say what to replay: --id, --source, --since, --until, --unmapped, --filtered, --ignored"
            " or --all"
        )
    if body is not None and id_ is None:
        raise UsageError("--body: name the delivery with --id")
    configuration, database = options.opened(config, source)
    named = {
        UNMAPPED: unmapped,
        FILTERED: filtered,
        operation.IGNORED: ignored,
        operation.DELIVERED: delivered,
    }
    states = tuple(state for state, wanted in named.items() if wanted)
    selection = operation.ReplaySelection(
        id_,
        source,
        *options.span(since, until),
        states=states or (operation.QUARANTINED, operation.DEAD_LETTERS),
    )
    replayed = operation.replay(
        database,
        configuration.sources,
        configuration.routes,
        selection,
        body=None if body is None else _body(body),
    )
    if id_ is not None and not (replayed.deliveries or replayed.events or replayed.left_out):
        raise UsageError(
            f"--id: expected a quarantined delivery or a dead letter, got {got(id_)}; "
            "`gitdailies relay failed` lists them; for others add --filtered, --ignored or --delivered"
        )
    options.show(replayed, operation.summary(replayed) or ["nothing to replay"], as_json=as_json)


def _body(path: Path) -> bytes:
    read = common_options.body_of(str(path))
    if len(read) > _LARGEST_BODY:
        raise UsageError(f"--body: expected at most {_LARGEST_BODY} bytes, got more")
    return read


@click.command(short_help="send dead letters again")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=ID)
@SOURCE
@SINCE
@UNTIL
@click.option("--all", "everything", is_flag=True, help="all dead letters")
@CONFIG
@JSON
def requeue(
    ids: tuple[str, ...],
    source: str | None,
    since: str | None,
    until: str | None,
    everything: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Send dead letters again, in their old order, as if never tried.

    ID is an event, or a delivery with all its dead letters. Quarantined deliveries stay.

    \b
    gitdailies relay requeue --all
    gitdailies relay requeue incident-4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5
    """
    from gitdailies_relay.operations import replay as operation

    _one_way_to_choose("requeue", ids, source, since, until, everything)
    configuration, database = options.opened(config, source)
    begin, end = options.span(since, until)
    events: list[str] = []
    unknown: list[str] = []
    for id_ in ids or (None,):
        selection = operation.ReplaySelection(id_, source, begin, end, states=(operation.DEAD_LETTERS,))
        found = operation.replay(database, configuration.sources, configuration.routes, selection).events
        events += found
        unknown += [id_] if id_ is not None and not found else []
    lines = [f"{event}: requeued" for event in events] or ["nothing to requeue"]
    options.show({"events": events, "unknown": unknown}, lines, as_json=as_json)
    if unknown:
        raise UsageError(f"ID: expected dead letters, got {options.listed(unknown)}")


@click.command(short_help="give up dead letters and quarantined deliveries, with a reason")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=ID)
@click.option("--reason", required=True, help="why, for `relay show` and `relay explain`")
@SOURCE
@SINCE
@UNTIL
@click.option("--all", "everything", is_flag=True, help="all dead letters and quarantined deliveries")
@CONFIG
@JSON
def discard(
    ids: tuple[str, ...],
    reason: str,
    source: str | None,
    since: str | None,
    until: str | None,
    everything: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Discard dead letters and quarantined deliveries: no sending, no replay, no alert.

    ID is a delivery or an event, even one that waits. The store keeps it as long as what was delivered, with
    who discarded it and why.

    \b
    gitdailies relay discard d0652f1a7c3b4e1f2a3b4c --reason "a drill"
    gitdailies relay discard --source datadog --until 2026-03-04T09:00:00Z --reason "before the go-live"
    """
    from gitdailies_relay.operations.acting import discard_ids, discard_selected

    _one_way_to_choose("discard", ids, source, since, until, everything)
    if not reason.strip():
        raise UsageError("--reason: expected a text, got nothing")
    _, database = options.opened(config, source)
    begin, end = options.span(since, until)
    who = options.person()
    if ids:
        done = discard_ids(database, ids, person=who, reason=reason)
    else:
        done = discard_selected(database, source=source, since=begin, until=end, person=who, reason=reason)
    if done.unknown:
        raise UsageError(
            "ID: expected events that wait, dead letters or quarantined deliveries, got "
            f"{options.listed(done.unknown)}; nothing was discarded"
        )
    lines = [f"{id_}: discarded" for id_ in (*done.events, *done.deliveries)] or ["nothing to discard"]
    options.show({"events": done.events, "deliveries": done.deliveries}, lines, as_json=as_json)


def _one_way_to_choose(command: str, ids: tuple[str, ...], *limits: object) -> None:
    if not (ids or any(limits)):
        raise UsageError(f"{command}: say what: ids, --source, --since, --until or --all")
    if ids and any(limits):
        raise UsageError(f"{command}: name ids, or use --source, --since, --until or --all; not both")


@click.command(short_help="stop delivering; deliveries are still accepted")
@click.option("--reason", default="by hand", help="why, for `relay status`")
@click.option("--source", help="only the events of this source")
@CONFIG
def pause(reason: str, source: str | None, config: Path | None) -> None:
    """Stop delivering; deliveries are still accepted and stored.

    \b
    gitdailies relay pause --reason "receiver is being moved"
    gitdailies relay pause --source datadog --reason "monitors are being tuned"
    """
    from gitdailies_relay.operations import acting
    from gitdailies_server.storage.database import transaction

    _, database = options.opened(config, source)
    with transaction(database) as session:
        before, now = acting.pause(session, source, person=options.person(), reason=reason)
    if before == now:
        click.echo(f"nothing changed, delivery is {output.printable(status_text.pauses(before))}")
        return
    again = f"gitdailies relay resume{f' --source {source}' if source else ''}"
    what = f"paused {source}" if source else "paused"
    click.echo(f"{what}: deliveries are accepted and wait; `{again}` sends their events")
    if before:
        click.echo(f"before, it was {output.printable(status_text.pauses(before))}")


@click.command(short_help="end a pause, deliver at once")
@click.option("--source", help="only the pause of this source")
@CONFIG
def resume(source: str | None, config: Path | None) -> None:
    """End every pause, whatever caused it, and deliver at once, retries included."""
    from gitdailies_relay.operations import acting
    from gitdailies_server.storage.database import transaction

    _, database = options.opened(config, source)
    with transaction(database) as session:
        before, now = acting.resume(session, source, person=options.person())
    if before != now:
        click.echo("resumed")
    elif source:
        click.echo(f"{source} was not paused")
    else:
        click.echo("delivery was not paused; waiting events are sent at once")


@click.command(short_help="confirm a subscription that a vendor asks to confirm")
@click.argument("source")
@click.option("--show", "only_show", is_flag=True, help="print the addresses, and open none")
@CONFIG
@JSON
def confirm(source: str, only_show: bool, config: Path | None, as_json: bool) -> None:
    """Confirm the subscriptions of Amazon SNS to SOURCE.

    SNS first sends an address, and nothing else until it is opened. The command opens it only if it is
    Amazon's, and the topic is under `allowed` of the source. You may confirm twice.

    \b
    gitdailies relay confirm aws-sns --show
    gitdailies relay confirm aws-sns
    """
    from gitdailies_relay.intake import certificates
    from gitdailies_relay.operations.acting import CONFIRMED, note
    from gitdailies_relay.operations.stored_bodies import handshakes
    from gitdailies_relay.store.store import reading
    from gitdailies_server.storage.database import transaction

    settings, database = options.opened(config, source, "SOURCE")
    with reading(database) as session:
        asked = handshakes(session, settings.sources[source])
    wanted = [(one, one.address) for one in asked if one.address is not None]
    if not wanted and asked:
        raise UsageError(f"delivery {asked[0].delivery} is not confirmed: {asked[0].refusal}")
    if not wanted:
        hint = "" if settings.relay.filtered_days else "; set relay.filtered_days, so that it is stored"
        raise UsageError(f"{source}: nothing to confirm is stored; add the subscription at the vendor{hint}")
    for handshake, address in wanted:
        if not as_json:
            click.echo(output.printable(f"{handshake.topic} (delivery {handshake.delivery})"))
            click.echo(output.printable(f"  {address}"))
        if only_show:
            continue
        try:
            certificates.fetch(address)
        except DeliveryError as error:
            raise DeliveryError(
                f"{handshake.topic}: not confirmed: {error}; the address works for three days; after that,"
                " request the confirmation again at the vendor"
            ) from None
        with transaction(database) as session:
            note(session, CONFIRMED, [handshake.delivery], person=options.person(), reason="")
        if not as_json:
            click.echo("  confirmed")
    if as_json:
        options.show({"confirmed": not only_show, "handshakes": asked})
