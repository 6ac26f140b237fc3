"""`gitdailies services import`: read a catalog from files or an API, and write lines of `services`."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import cast

import click
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.schema_errors import is_secret
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.services import INCLUDE, SERVICES
from gitdailies_core.errors import ConfigurationError, UsageError
from gitdailies_core.sources import registry
from gitdailies_core.sources.catalogs import GROUP, Catalog, CatalogEntry, ReadsDocuments, Unreadable
from gitdailies_history.files import atomic_file

from gitdailies_cli import find_config, output
from gitdailies_cli.commands.catalogs import services as decisions
from gitdailies_cli.commands.catalogs.backstage import backstage
from gitdailies_cli.commands.catalogs.cortex import cortex
from gitdailies_cli.commands.catalogs.files import catalog_files, documents, services_of_table
from gitdailies_cli.commands.catalogs.services import Imported
from gitdailies_cli.commands.vendor_options import opened, token_options, tokens_of
from gitdailies_cli.common_options import CONFIG, naming
from gitdailies_cli.output import REFUSED

CSV = "csv"
_OWN = {one.name: one for one in (backstage, cortex)}
_ADDRESS = ("https://", "http://")


@click.group()
def services() -> None:
    """Write the services of a catalog as lines of gitdailies.yml.

    \b
    gitdailies services import --from backstage catalog/ --write services.generated.yml
    """


@services.command("import", short_help="write lines of services from a catalog")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["backstage", "cortex", CSV, "datadog", "pagerduty"]),
    required=True,
    help="which catalog",
)
@click.argument("places", nargs=-1, metavar="[FILE|URL]…")
@click.option(
    "--write", type=click.Path(path_type=Path), help="write the lines to this file; default: print them"
)
@click.option("--dry-run", is_flag=True, help="only show what --write would change")
@click.option(
    "--names",
    is_flag=True,
    help="take each entry's name as a service, too",
)
@token_options
@click.option(
    "--retries", type=click.IntRange(0), default=8, show_default=True, help="retries of each request"
)
@CONFIG
def import_(
    kind: str,
    places: tuple[str, ...],
    write: Path | None,
    dry_run: bool,
    names: bool,
    tokens: Sequence[SecretSource],
    retries: int,
    config: Path | None,
) -> None:
    """Write a line for each service of a catalog that has one repository, with its origin.

    FILE: catalog-info.yaml, cortex.yaml, service.datadog.yaml, a CSV table with the columns service and repo,
    or a folder. URL: that of an API; PagerDuty, Datadog and Cortex have a default. Services without a line
    are listed, with exit code 3. Name the written file under `include` of `services`.

    \b
    gitdailies services import --from backstage catalog/ --write services.generated.yml
    gitdailies services import --from backstage https://backstage.example.com
    gitdailies services import --from pagerduty --write services.generated.yml --dry-run
    gitdailies services import --from datadog https://api.datadoghq.eu
    """
    if dry_run and write is None:
        raise UsageError(
            "--dry-run: expected it with --write, got it alone; without --write nothing is written"
        )
    if tokens and (kind == CSV or not all(map(_is_address, places))):
        raise UsageError("--token-env or --token-file: expected neither for files, got one")
    entries = _entries(kind, places, names, tokens, retries)
    by_hand, mirrored = _own(config)
    imported = decisions.decide(entries, by_hand)
    text = decisions.as_text(imported, kind)
    if write is None:
        click.echo(text, nl=False)
    else:
        _write(write, text, dry_run=dry_run)
    _report(imported, mirrored)
    if imported.unmapped:
        raise click.exceptions.Exit(REFUSED)


def _is_address(place: str) -> bool:
    return place.startswith(_ADDRESS)


def _entries(
    kind: str, places: Sequence[str], names: bool, secrets: Sequence[SecretSource], retries: int
) -> Iterator[CatalogEntry]:
    if kind == CSV:
        if not places:
            raise UsageError("FILE: expected a CSV table, got none")
        for place in places:
            with naming(place):
                yield from services_of_table(yaml_document.read_text(Path(place)), place)
        return
    catalog = _OWN.get(kind) or cast(Catalog, registry.load(kind, GROUP))
    for place in places or (catalog.url,):
        if _is_address(place) or not place:
            yield from _of_api(catalog, place, names, secrets, retries)
        elif isinstance(catalog, ReadsDocuments):
            yield from _of_files(catalog, Path(place), names)
        else:
            raise UsageError(f"FILE: {kind} has no files; leave it out, or name the address of its API")


def _of_files(catalog: ReadsDocuments, path: Path, names: bool) -> Iterator[CatalogEntry]:
    for file in catalog_files(path):
        try:
            for value, where in documents(file):
                yield from catalog.of_document(value, where, names=names)
        except ConfigurationError as error:
            if not path.is_dir():
                raise
            # One broken file of hundreds must not hide the others, nor be overlooked.
            yield Unreadable(str(file), str(error))


def _of_api(
    catalog: Catalog, address: str, names: bool, secrets: Sequence[SecretSource], retries: int
) -> Iterator[CatalogEntry]:
    if not address:
        raise UsageError(f"URL: expected a file, a folder or the address of {catalog.name}, got none")
    tokens = tokens_of(catalog, secrets)
    with opened(catalog, address, tokens, retries=retries, waits=output.say_wait, option="URL") as pages:
        yield from catalog.read(pages, names=names)


def _own(config: Path | None) -> tuple[set[str], set[str]]:
    """Return the services of gitdailies.yml itself and the repositories with a mirror, in small letters.

    The files that it includes may not exist yet.
    """
    path = find_config.find(config)
    if path is None:
        return set(), set()
    document = yaml_document.parse(yaml_document.read_text(path), str(path), hidden=is_secret)
    names = [document.value_at(place) for place in ((SERVICES,), ("dora", "mirrors"))]
    services, mirrors = (
        {name.casefold() for name in one} if isinstance(one, dict) else set() for one in names
    )
    return services - {INCLUDE}, mirrors


def _write(path: Path, text: str, *, dry_run: bool) -> None:
    before = yaml_document.read_text(path) if path.exists() else ""
    if before and not before.startswith(decisions.HEADER):
        raise UsageError(f"--write: {path} was not written by this command; name another file, or remove it")
    if before == text:
        click.echo(f"{path}: nothing changed")
    elif dry_run:
        changes = difflib.unified_diff(
            before.splitlines(), text.splitlines(), str(path), str(path), "", "", 0, ""
        )
        output.lines(changes)
    else:
        with atomic_file.written(path, "--write") as file:
            file.write(text.encode())
        click.echo(f"{path}: {output.counted(text.count(chr(10)) - 1, 'service')}")


def _report(imported: Imported, mirrored: Collection[str]) -> None:
    output.lines((f"unmapped: {one.service}: {one.why}" for one in imported.unmapped), err=True)
    output.lines((f"left out: {one.what}: {one.why}" for one in imported.left_out), err=True)
    bare = decisions.without_mirror(imported, mirrored)
    if bare:
        click.echo(f"no mirror: dora.mirrors does not name {', '.join(bare)}", err=True)
    if imported.by_hand:
        names = ", ".join(imported.by_hand)
        click.echo(output.printable(f"by hand: gitdailies.yml has lines of its own for {names}"), err=True)
    if imported.unmapped:
        count = len(imported.unmapped)
        click.echo(
            f"without a line: {count}. Complete the catalog, or write lines in gitdailies.yml.", err=True
        )
