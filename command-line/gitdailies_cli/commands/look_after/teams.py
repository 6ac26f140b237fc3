"""`gitdailies teams import`: read catalogs from files, and print `teams` of gitdailies.yml."""

from collections.abc import Iterator
from pathlib import Path

import click
from gitdailies_connection.config.document import yaml_document
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.commands.catalogs import teams as catalogs
from gitdailies_cli.commands.catalogs.files import catalog_files, documents
from gitdailies_cli.commands.catalogs.teams import Found
from gitdailies_cli.common_options import naming

KINDS = BACKSTAGE, CODEOWNERS, CSV = "backstage", "codeowners", "csv"


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
    type=click.Choice(KINDS),
    required=True,
    help="what the files are",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
def import_(kind: str, files: tuple[str, ...]) -> None:
    """Print the teams of a catalog as YAML. What is left out, and why, goes to standard error.

    Backstage: catalog-info.yaml files or folders. CSV: a table with the columns repo, team and, optionally,
    service. CODEOWNERS: REPOSITORY=FILE.

    \b
    gitdailies teams import --from backstage catalog/
    gitdailies teams import --from codeowners larkspur/checkout-api=.github/CODEOWNERS
    gitdailies teams import --from csv teams.csv
    """
    text, left_out = catalogs.as_yaml(found for file in files for found in _read(kind, file))
    output.lines((f"left out: {one.what}: {one.why}" for one in left_out), err=True)
    if not text:
        raise UsageError("teams: no repository of a team was found; see the lines above")
    click.echo(text, nl=False)


def _read(kind: str, file: str) -> Iterator[Found]:
    if kind == CODEOWNERS:
        repo, equals, path = file.partition("=")
        if not (equals and repo and path):
            raise UsageError(f"FILE: expected REPOSITORY=FILE, got {got(file)}")
        yield from catalogs.from_codeowners(repo, yaml_document.read_text(Path(path)))
    elif kind == CSV:
        with naming(file):
            yield from catalogs.from_csv(yaml_document.read_text(Path(file)))
    else:
        for catalog in catalog_files(Path(file)):
            yield from catalogs.from_backstage(value for value, _ in documents(catalog))
