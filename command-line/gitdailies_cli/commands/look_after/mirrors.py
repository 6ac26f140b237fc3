"""`gitdailies mirrors fetch`: make and fetch the mirrors of `dora.mirrors`, for lead times from git."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
from gitdailies_connection.config.load import load_dora
from gitdailies_connection.config.sections.settings import MIRROR_NAME
from gitdailies_core.errors import DeliveryError, UsageError

from gitdailies_cli import find_config, output
from gitdailies_cli.receiver.read_server import find_server, groups_of, server_options

REPO = "{repo}"
_SECONDS = 600


@click.group()
def mirrors() -> None:
    """Look after the mirrors of repositories, which give lead times.

    \b
    gitdailies mirrors fetch --from "https://github.com/{repo}.git"
    """


@mirrors.command()
@server_options
@click.option(
    "--from",
    "address",
    default="",
    help=f"clone missing mirrors from this address, with {REPO} replaced; needs a credential helper or SSH",
)
@click.option("--repo", "names", multiple=True, help="also this repository; repeatable")
def fetch(url: str | None, key_env: str, config: Path | None, address: str, names: tuple[str, ...]) -> None:
    """Fetch each mirror of gitdailies.yml. With --from, make those that are missing, too.

    For a line like "larkspur/*", these are the repositories that the DORA server knows. It reads new
    mirrors after `gitdailies reload`. Run this every few minutes.

    \b
    gitdailies mirrors fetch
    gitdailies mirrors fetch --from "https://github.com/{repo}.git"
    """
    expected = f"an address with {REPO} and without a password, like https://github.com/{REPO}.git"
    try:
        password = urlsplit(address).password
    except ValueError:
        raise UsageError(f"--from: expected {expected}, got one that cannot be read") from None
    if address and (REPO not in address or password):
        raise UsageError(f"--from: expected {expected}")
    path = find_config.find(config)
    if path is None:
        raise UsageError("no gitdailies.yml was found: name it with --config")
    settings = load_dora(path)
    paths = dict(settings.mirrors)
    if address and settings.mirror_folders:
        known = (group["repo"] for group, _ in groups_of(find_server(url, key_env, config), "by=repo"))
        paths |= {
            repo: mirror
            for repo, mirror in _of_folders(settings.mirror_folders, (*names, *known))
            if repo.casefold() not in settings.mirrors
        }
    failed = sum(not _fetched(repo, mirror, address) for repo, mirror in sorted(paths.items()))
    if failed:
        raise DeliveryError(f"{failed} of {output.counted(len(paths), 'mirror')} could not be fetched")


def _of_folders(folders: Mapping[str, Path], repos: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield where the mirror of each repository belongs, if there is a line for its owner."""
    for repo in repos:
        owner, _, name = repo.rpartition("/")
        if folder := folders.get(owner.casefold()):
            yield repo, folder.with_name(folder.name.replace(MIRROR_NAME, name))


def _fetched(repo: str, mirror: Path, address: str) -> bool:
    """Fetch a mirror, or make it from an *address*; whether that worked."""
    inside = mirror / ".git"
    if mirror.exists():
        git, did = ["--git-dir", str(inside if inside.exists() else mirror), "fetch", "--quiet"], "fetched"
    elif address:
        # The commits of deleted branches stay.
        git = ["clone", "--quiet", "--mirror", "--config", "gc.pruneExpire=never", "--"]
        git, did = [*git, address.replace(REPO, repo), str(mirror)], "made"
    else:
        click.echo(output.printable(f"{repo}: {mirror}: no such mirror; --from creates it"), err=True)
        return False
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *git],  # noqa: S607
            env=environ,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        reason = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    click.echo(output.printable(f"{repo}: {reason[-300:] or did}"), err=bool(reason))
    return not reason
