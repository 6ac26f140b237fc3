"""`gitdailies keys`: the webhook keys in a store of the DORA server."""

from typing import TYPE_CHECKING

import click
from gitdailies_core.values import times

from gitdailies_cli import output
from gitdailies_cli.commands.run.dora import STORE, database
from gitdailies_cli.common_options import JSON, parsed_time, person

if TYPE_CHECKING:
    from gitdailies_core.values.secret import Secret
    from gitdailies_dora.accounts.keys.webhook_key import Key

_STORE = click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")


@click.group()
def keys() -> None:
    """Create, list, replace and delete webhook keys.

    \b
    gitdailies keys create ci
    gitdailies keys create payments --repo 'larkspur/pay-*' --environment staging
    """


@keys.command()
@click.argument("name")
@_STORE
@click.option(
    "--allow",
    multiple=True,
    help="send, read, delete, correct, or one kind of event to send; repeatable; default: send",
)
@click.option(
    "--repo",
    "repos",
    multiple=True,
    metavar="NAME",
    help="only these repositories, such as larkspur/pay-*",
)
@click.option("--environment", "environments", multiple=True, metavar="NAME", help="only these environments")
@click.option("--expires", help="such as 2027-01-01T00:00:00Z; default: never")
@click.option("--quiet", is_flag=True, help="print only the key")
@JSON
def create(
    name: str,
    store: str,
    allow: tuple[str, ...],
    repos: tuple[str, ...],
    environments: tuple[str, ...],
    expires: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Create the key NAME and print it, once."""
    from gitdailies_dora.accounts.keys.key_store import create_key
    from gitdailies_dora.accounts.keys.webhook_key import Limits

    until = None if expires is None else parsed_time(expires, "--expires")
    limits = Limits.make(repos, environments)
    secret, key = create_key(database(store), name, allow, until, person(), limits)
    _show_once(secret, key, quiet=quiet, as_json=as_json)


@keys.command()
@click.argument("name")
@_STORE
@click.option("--old-until", help="how long the old key works; default: a week")
@click.option("--quiet", is_flag=True, help="print only the key")
@JSON
def replace(name: str, store: str, old_until: str | None, quiet: bool, as_json: bool) -> None:
    """Create a key with the permissions of NAME, and print it.

    Both work for a week. Move every program to the new one in that time.
    """
    from gitdailies_dora.accounts.keys.key_store import replace_key

    until = None if old_until is None else parsed_time(old_until, "--old-until")
    secret, key, old = replace_key(database(store), name, until, person())
    _show_once(secret, key, quiet=quiet, as_json=as_json)
    if not (quiet or as_json):
        until_text = output.time_for_people(times.optional_text(old.expires_at))
        click.echo(f"The old one is now {old.name!r}. It works until {until_text}.")


def _show_once(secret: "Secret", key: "Key", *, quiet: bool, as_json: bool) -> None:
    if quiet:
        click.echo(secret.reveal())
    elif as_json:
        limits = {field: list(names) for field, names in key.limits._asdict().items() if names}
        shown = {"name": key.name, "key": secret.reveal(), "allow": sorted(key.allow), **limits}
        output.as_json(shown)
    else:
        click.echo(f"{secret.reveal()}\n")
        click.echo("Shown only once. Send it in the header webhook-key.")


@keys.command(name="list")
@_STORE
@JSON
def list_(store: str, as_json: bool) -> None:
    """List active keys, their permissions and their last use."""
    from gitdailies_dora.accounts.keys.key_store import list_keys

    found = list_keys(database(store))
    if as_json:
        output.as_json({"keys": [_fields(key) for key in found]})
    elif not found:
        click.echo("no keys; create one with `gitdailies keys create NAME`")
    else:
        columns = ("name", "key", "permissions", "only for", "created", "by", "last used", "expires")
        output.table("webhook keys", columns, [_for_people(_fields(key)) for key in found])


def _for_people(fields: dict[str, str | None]) -> list[str | None]:
    return [output.time_for_people(value) if name.endswith("At") else value for name, value in fields.items()]


def _fields(key: "Key") -> dict[str, str | None]:
    return {
        "name": key.name,
        "key": key.shown,
        "allow": ", ".join(sorted(key.allow)),
        "limits": ", ".join(key.limits.repos + key.limits.environments),
        "createdAt": times.text_of(key.created_at),
        "createdBy": key.created_by,
        "lastUsedAt": times.optional_text(key.last_used_at),
        "expiresAt": times.optional_text(key.expires_at),
    }


@keys.command()
@click.argument("name")
@_STORE
def delete(name: str, store: str) -> None:
    """Delete the key NAME. Every server refuses it from now on."""
    from gitdailies_dora.accounts.keys.key_store import delete_key

    key = delete_key(database(store), name, person())
    click.echo(f"deleted: {key.name} ({key.shown})")
