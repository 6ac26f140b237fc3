"""`gitdailies why`: why an event counts or not. The receiver is asked first, then the store of the relay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.error_text import got
from gitdailies_core.errors import GitDailiesError, UsageError

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import JSON
from gitdailies_cli.receiver import reasons
from gitdailies_cli.receiver.read_server import find_server, server_options

if TYPE_CHECKING:
    from gitdailies_connection.relay.answers import Explanation


@click.command()
@click.argument("id_", metavar="ID", type=str.strip)
@click.option("--environment", default="", help="count in this environment; default: production")
@server_options
@JSON
def why(
    id_: str, environment: str, url: str | None, key_env: str, config: Path | None, as_json: bool
) -> None:
    """Say why an event counts in the figures or not, and what to do.

    ID is an event's, or that of an incident at its vendor. If the receiver does not know it, it is looked
    up in the relay's store, as `gitdailies relay explain` does: then it may be a delivery, too.

    \b
    gitdailies why deploy-2026-03-04-1
    gitdailies why Q1LARK7XW2M4CD
    """
    not_asked: GitDailiesError | None = None
    try:
        found = reasons.of_receiver(find_server(url, key_env, config), id_, environment)
    except GitDailiesError as error:
        found, not_asked = None, error
    if found is not None:
        reasons.show(found, as_json=as_json)
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
