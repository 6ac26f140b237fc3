"""`gitdailies keys`: webhook keys of an incoming-webhooks store."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times

from gitdailies_cli import output
from gitdailies_cli.commands.webhooks import STORE, database

if TYPE_CHECKING:
    from gitdailies_webhooks.accounts.keys import Key

_STORE = click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")


@click.group()
def keys() -> None:
    """Create, list and delete webhook keys; a key is shown once, when it is made.

    \b
    gitdailies keys create ci --store sqlite:webhooks.db
    """


@keys.command()
@click.argument("name")
@_STORE
@click.option(
    "--allow",
    multiple=True,
    help="send, read, delete, or a kind of event that it may send; may repeat; default: send",
)
@click.option("--expires", help="refuse it from this time on, as 2027-01-01T00:00:00Z")
@click.option("--quiet", is_flag=True, help="print the key alone")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def create(
    name: str, store: str, allow: tuple[str, ...], expires: str | None, quiet: bool, as_json: bool
) -> None:
    """Make the key NAME and print it, this once."""
    from gitdailies_webhooks.accounts.key_store import create_key

    secret, key = create_key(database(store), name, allow, _time(expires), _person())
    if quiet:
        click.echo(secret.reveal())
    elif as_json:
        output.as_json({"name": key.name, "key": secret.reveal(), "allow": sorted(key.allow)})
    else:
        click.echo(f"{secret.reveal()}\n")
        click.echo("this is the only time that it is shown; send it in the header webhook-key")


@keys.command(name="list")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_(store: str, as_json: bool) -> None:
    """List live keys: names, when they were last used, what they may do."""
    from gitdailies_webhooks.accounts.key_store import list_keys

    found = list_keys(database(store))
    if as_json:
        output.as_json({"keys": [_told(key) for key in found]})
    elif not found:
        click.echo("no keys; make one with `gitdailies keys create NAME`")
    else:
        columns = ("name", "key", "may", "created", "by", "last used", "expires")
        output.table("webhook keys", columns, [_shown(_told(key)) for key in found])


def _shown(told: dict[str, str | None]) -> list[str | None]:
    return [output.moment(value) if name.endswith("At") else value for name, value in told.items()]


def _told(key: Key) -> dict[str, str | None]:
    return {
        "name": key.name,
        "key": key.shown,
        "allow": ", ".join(sorted(key.allow)),
        "createdAt": times.text_of(key.created_at),
        "createdBy": key.created_by,
        "lastUsedAt": times.optional_text(key.last_used_at),
        "expiresAt": times.optional_text(key.expires_at),
    }


@keys.command()
@click.argument("name")
@_STORE
def delete(name: str, store: str) -> None:
    """Delete the key NAME: every server refuses it from now on."""
    from gitdailies_webhooks.accounts.key_store import delete_key

    key = delete_key(database(store), name, _person())
    click.echo(f"deleted: {key.name} ({key.shown})")


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else times.parse(text, "--expires")
    except ValueError as error:
        raise UsageError(str(error)) from None


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
