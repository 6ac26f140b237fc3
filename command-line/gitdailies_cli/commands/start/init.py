"""`gitdailies init`: write a first gitdailies.yml, which names its schema to editors, and files of secrets.

On a terminal it asks. With options, or elsewhere, it asks nothing.
"""

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import click
from gitdailies_connection import published
from gitdailies_core.errors import ConfigurationError, UsageError

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.private_files import write_once
from gitdailies_cli.commands.start import first_sources
from gitdailies_cli.commands.start.demo import SEND_KEY
from gitdailies_cli.find_config import KEY_VARIABLE, URL_VARIABLE

_SCHEMA = "gitdailies.schema.json"
_LOCAL = "http://127.0.0.1:8700/webhooks"


@dataclass(frozen=True)
class Choices:
    """What a first file has: an address, a key or none yet, sources, the repository of services."""

    url: str
    key: str = ""
    sources: tuple[str, ...] = ()
    repo: str = ""


def schema_address() -> str:
    """Return where an editor finds the schema: at the address of the release, else in this package."""
    # A release has an address, so that the line means the same on every machine.
    return published.address("Schema") or Path(str(files("gitdailies_cli.commands") / _SCHEMA)).as_uri()


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path), default=Path(find_config.FILE))
@click.option("--url", default="", help="the address for events")
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="a tool with webhooks, such as pagerduty; repeatable",
)
@click.option("--repo", default="", help="every service's repository, as owner/name")
@click.option("--force", is_flag=True, help="overwrite an existing file, but no secrets")
def init(file: Path, url: str, sources: tuple[str, ...], repo: str, force: bool) -> None:
    """Write a commented first gitdailies.yml to FILE. On a terminal it asks what to write.

    \b
    gitdailies init --source pagerduty --repo larkspur/checkout-api
    """
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not (url or sources or repo)
    if file.exists() and not force:
        raise UsageError(f"{file}: this file exists; --force overwrites it")
    address = url or os.environ.get(URL_VARIABLE, "") or _LOCAL
    choices = Choices(address, sources=tuple(dict.fromkeys(sources)), repo=repo)
    if asks:
        choices = _asked(choices, file)
    text = _text(choices, file)
    made = _write_files(choices, file, text, force=force)
    output.lines(made)
    click.echo(f"wrote {file}; now {'' if asks else 'edit it, then '}run `gitdailies check {file}`")


def _asked(choices: Choices, file: Path) -> Choices:
    """Ask for each choice until it is one that gitdailies.yml can hold; Enter takes what is in brackets."""
    click.echo("Enter takes what is in brackets. Nothing is written before the last answer.\n")

    def ask(question: str, chosen: Callable[[str], Choices], default: str = "") -> Choices:
        while True:
            found = chosen(click.prompt(question, default=default, show_default=bool(default)))
            try:
                _text(found, file)
            except UsageError as error:
                click.echo(f"  {error}", err=True)
            else:
                return found

    choices = ask("Address for events", lambda url: replace(choices, url=url), choices.url)
    key = click.prompt(
        f"Webhook key, not shown while you type [the variable {KEY_VARIABLE}]",
        default="",
        show_default=False,
        hide_input=True,
    )
    choices = replace(choices, key=key.strip())
    choices = ask(
        "Tools that send webhooks, with spaces between; `gitdailies sources` lists them [none]",
        lambda names: replace(choices, sources=tuple(dict.fromkeys(names.replace(",", " ").split()))),
    )
    return ask(
        "Repository that incidents of every service count for, as owner/name [none]",
        lambda repo: replace(choices, repo=repo.strip()),
    )


def _text(choices: Choices, file: Path) -> str:
    """Return the text of the file, which was read without a fault; raises UsageError."""
    from gitdailies_connection.config.load import read
    from gitdailies_connection.config.template import first_file

    def text(chosen: Mapping[str, Sequence[str]] | None) -> str:
        return first_file(
            url=choices.url,
            key={"file": SEND_KEY} if choices.key else {"env": KEY_VARIABLE},
            schema=schema_address(),
            chosen=chosen,
            repo=choices.repo,
        )

    try:
        read(text(None), file)
    except ConfigurationError as error:
        where = "--repo" if choices.repo and ".repo:" in str(error) else "--url"
        raise UsageError(*(f"{where}: {complaint}" for complaint in error.complaints)) from None
    chosen: dict[str, Sequence[str]] = {}
    for name in choices.sources:

        def check(lines: Sequence[str], name: str = name) -> None:
            read(text({name: lines}), file)

        needed = first_sources.settings_of(name, check)
        chosen[name] = [*needed, *first_sources.route_example(name, _setup(name))]
    return text(chosen or None)


def _setup(name: str) -> str:
    """Return how a tool of a pack is set up, or "" for one with an adapter in code."""
    from gitdailies_core.sources import registry

    if name not in registry.pack_names():
        return ""
    from gitdailies_sources import shipped

    return str(shipped.document(name).value.get("setup", ""))


def _write_files(choices: Choices, file: Path, text: str, *, force: bool) -> list[str]:
    """Write gitdailies.yml and the files of its secrets. Return what to say about these files."""
    said = []
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
        if choices.key:
            write_once(file.parent / SEND_KEY, lambda: choices.key)
        for name in choices.sources:
            path = file.parent / first_sources.secret_file(name)
            made = write_once(path, lambda: secrets.token_urlsafe(32))
            said.append(f"{path} holds a random secret: {_hand_over(name)}" if made else f"{path} is kept")
            if first_sources.route_example(name, _setup(name)):
                said.append(
                    f"{name} reports more than deploys: say under route in {file} what counts, and where"
                )
    except FileExistsError:
        raise UsageError(f"{file}: this file exists; --force overwrites it") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot write it: {(error.strerror or '').lower()}") from None
    return said


def _hand_over(name: str) -> str:
    """Say how a tool and the relay come to have the same secret."""
    from gitdailies_core.sources import registry
    from gitdailies_core.sources.connecting import GROUP as CONNECT

    if name in registry.names(CONNECT):
        return f"`gitdailies connect {name}` gives {name} the right one, or do it by hand"
    text = f"give it to {name}, or write the one that {name} shows there"
    return f"{text}; `gitdailies sources show {name}` says how" if name in registry.pack_names() else text
