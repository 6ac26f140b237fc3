"""The subcommand that answers a vendor's handshake: confirm."""

from __future__ import annotations

from pathlib import Path

import click
from gitdailies_core.error_text import got
from gitdailies_core.errors import DeliveryError, UsageError
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_cli import output
from gitdailies_cli.relay import options
from gitdailies_cli.relay.options import CONFIG, JSON


@click.command(short_help="confirm a subscription that a vendor asks to confirm")
@click.argument("source")
@click.option("--show", "only_show", is_flag=True, help="print the addresses, and open none")
@CONFIG
@JSON
@click.pass_context
def confirm(ctx: click.Context, source: str, only_show: bool, config: Path | None, as_json: bool) -> None:
    """Confirm the subscriptions of Amazon SNS to SOURCE.

    SNS sends a request with an address, and sends nothing else until the address was opened. It is
    opened only if it is one of Amazon SNS, and if the topic is under `allowed` of the source. No
    redirect is followed. It does no harm to confirm twice.

    \b
    gitdailies relay confirm aws-sns --show
    gitdailies relay confirm aws-sns
    """
    from gitdailies_relay.intake import certificates
    from gitdailies_relay.operations.acting import CONFIRMED, note
    from gitdailies_relay.operations.stored_bodies import handshakes
    from gitdailies_relay.store.store import reading
    from gitdailies_server.storage.database import transaction

    settings = options.configuration(ctx, config)
    if source not in settings.sources:
        near = did_you_mean(source, settings.sources)
        raise UsageError(f"SOURCE: expected one of {', '.join(settings.sources)}, got {got(source)}{near}")
    database = options.store(ctx, config)
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
                f"{handshake.topic}: not confirmed: {error}; the address works for three days, after that"
                " request the confirmation again at the vendor"
            ) from None
        with transaction(database) as session:
            note(session, CONFIRMED, [handshake.delivery], person=options.person(), reason="")
        if not as_json:
            click.echo("  confirmed")
    if as_json:
        options.print_json({"confirmed": not only_show, "handshakes": asked})
