"""`gitdailies init`: write a first gitdailies.yml, which names its schema to editors."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click
from gitdailies_connection import published
from gitdailies_core.errors import ConfigurationError, UsageError

from gitdailies_cli import find_config
from gitdailies_cli.send_events import KEY_VARIABLE, URL_VARIABLE

_SCHEMA = "gitdailies.schema.json"


def schema_address() -> str:
    """Return where an editor finds the schema: at the address of the release, else in this package."""
    # A release has an address, so that the line means the same on every machine.
    return published.address("Schema") or Path(str(files(__package__) / _SCHEMA)).as_uri()


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path), default=Path(find_config.FILE))
@click.option("--url", default="", help="the address for events")
@click.option("--force", is_flag=True, help="overwrite an existing file")
def init(file: Path, url: str, force: bool) -> None:
    """Write a commented first gitdailies.yml to FILE.

    \b
    gitdailies init
    """
    from gitdailies_connection.config.load import read
    from gitdailies_connection.config.template import first_file

    address = url or os.environ.get(URL_VARIABLE, "") or "http://127.0.0.1:8700/webhooks"
    text = first_file(url=address, key={"env": KEY_VARIABLE}, schema=schema_address())
    try:
        read(text, file)
    except ConfigurationError as error:
        raise UsageError(f"--url: {error}") from None
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UsageError(f"{file}: this file exists; --force overwrites it") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot write it: {(error.strerror or '').lower()}") from None
    click.echo(f"wrote {file}; now edit it, then run `gitdailies check {file}`")
