"""`gitdailies teams import`: read catalogs from files, and print `teams` of gitdailies.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.commands import team_catalogs as catalogs
from gitdailies_cli.commands.team_catalogs import Found

KINDS = BACKSTAGE, CODEOWNERS, CSV = "backstage", "codeowners", "csv"
_BETWEEN_DOCUMENTS = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


@click.group()
def teams() -> None:
    """Show the teams of a catalog as `teams` of gitdailies.yml.

    \b
    gitdailies teams import --from backstage catalog/
    """


@teams.command("import")
@click.option(
    "--from",
    "kind",
    type=click.Choice([BACKSTAGE, CODEOWNERS, CSV]),
    required=True,
    help="what the files are",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
def import_(kind: str, files: tuple[str, ...]) -> None:
    """Print the teams of a catalog as YAML. What it left out, and why, goes to standard error.

    Backstage: catalog-info.yaml files, or folders with them. CSV: a table with the columns repo, team and, if
    wanted, service. CODEOWNERS: REPOSITORY=FILE, since the file does not name its repository.

    \b
    gitdailies teams import --from backstage catalog/
    gitdailies teams import --from codeowners larkspur/checkout-api=.github/CODEOWNERS
    gitdailies teams import --from csv teams.csv
    """
    text, left_out = catalogs.as_yaml(found for file in files for found in _read(kind, file))
    for one in left_out:
        click.echo(output.printable(f"left out: {one.what}: {one.why}"), err=True)
    if not text:
        raise UsageError("teams: no repository of a team was found; see the lines above")
    click.echo(text, nl=False)


def _read(kind: str, file: str) -> Iterator[Found]:
    if kind == CODEOWNERS:
        repo, equals, path = file.partition("=")
        if not (equals and repo and path):
            raise UsageError(f"FILE: expected REPOSITORY=FILE, got {got(file)}")
        yield from catalogs.from_codeowners(repo, _text(Path(path)))
    elif kind == CSV:
        try:
            yield from catalogs.from_csv(_text(Path(file)))
        except ValueError as error:
            raise UsageError(f"{file}: {error}") from None
    else:
        for catalog in _catalogs(Path(file)):
            yield from catalogs.from_backstage(_documents(catalog))


def _catalogs(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml") and one.is_file())
    if not found:
        raise UsageError(f"{path}: expected files that end in .yaml, got none")
    return found


def _documents(path: Path) -> Iterator[Any]:
    from gitdailies_connection.config import yaml_document

    text = _text(path)
    for part in _BETWEEN_DOCUMENTS.split(text):
        if part.strip():
            value = yaml_document.parse(part, str(path)).value
            if value is not None:
                yield value


def _text(path: Path) -> str:
    from gitdailies_connection.config import yaml_document

    return yaml_document.read_text(path)
