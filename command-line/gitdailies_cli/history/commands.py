"""`gitdailies history`: import past events from files, in the order that GitDailies expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_connection.config import timezones
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.load import load_dora
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_history.files import atomic_file, formats
from gitdailies_history.files.mapping import Mapped
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.encoding import summary_of
from gitdailies_history.plan.faults import FaultLog

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import naming
from gitdailies_cli.history import outcome
from gitdailies_cli.history.catch_up import catch_up
from gitdailies_cli.history.fetch import fetch
from gitdailies_cli.history.handover import Handover, handover_options
from gitdailies_cli.output import counted

if TYPE_CHECKING:
    from gitdailies_history.files.input_files import InputFile, ReadResult
    from gitdailies_history.plan.plan import Plan

    from gitdailies_cli.history.progress import ImportProgress

# The same as at the DORA server: clocks differ a little, but a wrong year is found.
AHEAD = timedelta(minutes=5)
SKIP_BAD = "--skip-bad"


@click.group()
def history() -> None:
    """Send past events, each once, in the order that GitDailies expects.

    \b
    gitdailies history import deploys.csv --timezone Europe/Berlin --dry-run
    """


@history.command("import", short_help="send the events of CSV, NDJSON or JSON files")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--mapping", type=click.Path(path_type=Path), help="a YAML file that maps columns to fields")
@click.option("--format", "format_", type=click.Choice(formats.FORMATS), help="default: from the file name")
@click.option("--timezone", help="of times without one, such as Europe/Berlin; else refused")
@click.option(
    SKIP_BAD, type=click.Path(path_type=Path), help="write faulty rows to this new file, send the others"
)
@click.option("--undo", is_flag=True, help="delete what an import of these files sent; needs a key that may")
@handover_options
def import_(
    files: tuple[str, ...],
    mapping: Path | None,
    format_: str | None,
    timezone: str | None,
    skip_bad: Path | None,
    undo: bool,
    handover: Handover,
) -> None:
    """Send the events of CSV, NDJSON or JSON files, deploys first, each once. Use - for standard input.

    A faulty row stops it before anything is sent. After an interruption, run the same command again.

    \b
    gitdailies history import deploys.csv --timezone Europe/Berlin --dry-run
    gitdailies history import pagerduty.csv --mapping pagerduty.yml --skip-bad faulty.csv
    """
    from gitdailies_history.files import input_files

    if skip_bad is not None and len(files) > 1:
        raise UsageError(f"{SKIP_BAD}: expected one file to import, got {len(files)}")
    options = _read_options(mapping, timezone, handover.config)
    where = handover.where()
    with handover.opened() as (folder, plan, watch):
        found = [input_files.find(name, format_, folder) for name in files]
        try:
            result = _read(plan, found, options, watch, skip_bad)
        except KeyboardInterrupt:
            watch.say("interrupted; nothing was sent")
            raise
        total = plan.count()
        if undo and where:
            undone = handover.undo(where, plan, folder)
            output.as_json(undone) if handover.as_json else output.pairs(undone)
            if not undone["deleted"]:
                click.echo("nothing is left to undo: no event of this import is stored", err=True)
            return
        sent = handover.send(where, plan, total, folder, watch) if where else summary_of(plan.entries())
    if not handover.as_json:
        outcome.note_unended(plan.unended)
    rows = {"rows": result.rows, "bad": result.bad, "unended": len(plan.unended)}
    outcome.finish(sent, plan, total, rows, as_json=handover.as_json)


def _read_options(mapping: Path | None, timezone: str | None, config: Path | None) -> ReadOptions:
    mapped = (
        Mapped()
        if mapping is None
        else Mapped.of(yaml_document.parse(yaml_document.read_text(mapping), str(mapping)))
    )
    with naming("--timezone"):
        zone = timezones.zone(timezone) if timezone else None
    routes = find_config.load_configuration(config).routes if mapped.routed else None
    options = ReadOptions(latest=datetime.now(UTC) + AHEAD, mapped=mapped, zone=zone, routes=routes)
    if mapping is None or not mapped.has_tags:
        return options
    named = {name: mapping.parent / path for name, path in mapped.mirrors.items()}
    path = find_config.find(config)
    mirrors = {**(load_dora(path).mirrors if path is not None else {}), **named}

    @cache
    def tags(repo: str) -> Mapping[str, str] | None:
        """Return the commit of each tag, None for a repository without a mirror."""
        from gitdailies_dora.mirrors.repository import Mirror

        try:
            return Mirror(mirrors[repo]).tags() if repo in mirrors else None
        except GitDailiesError as error:
            raise UsageError(f"mirrors.{repo}: {error}") from None

    return replace(options, tags=lambda repo: tags(repo.casefold()))


def _notes(result: ReadResult) -> Iterator[str]:
    for name, unknown in result.unknown.items():
        if unknown:
            yield f"note: {name}: columns that no event has: {', '.join(unknown)}"
    if result.unwanted:
        yield f"note: {counted(result.unwanted, 'row')} left out, because of only in the mapping"
    for service, rows in result.ignored.items():
        yield f"note: {counted(rows, 'row')} of {service!r}, which has ignore: true under services"


def _read(
    plan: Plan, found: Sequence[InputFile], options: ReadOptions, watch: ImportProgress, skip_bad: Path | None
) -> ReadResult:
    """Fill the plan. Faults end the command with code 2, unless --skip-bad is given."""
    from gitdailies_history.files import input_files
    from gitdailies_history.files.input_files import ReadResult

    result, faults = ReadResult(), FaultLog()
    for source in found:
        with watch.reading(source.name, source.size) as moved:
            for line in faults.lines(input_files.read_into(plan, source, options, result, moved)):
                watch.say(line)
    of_rows = len(faults)
    for line in faults.lines(plan.settle()):
        watch.say(line)
    result.bad += len(faults) - of_rows
    for line in (*faults.left_out(), *_notes(result)):
        watch.say(line)
    if faults and skip_bad is None:
        raise UsageError(
            f"{counted(len(faults), 'fault')}, nothing was sent; "
            "correct the rows, or write them to a file with --skip-bad FILE"
        )
    if faults and skip_bad is not None:
        result.bad = input_files.write_faulty_rows(plan, found[0], options, skip_bad, SKIP_BAD)
        watch.say(f"written to {skip_bad}: {counted(result.bad, 'faulty row')}")
    elif skip_bad is not None:
        # Somebody may have meant a flag here, and named a file to import.
        atomic_file.unused(skip_bad, SKIP_BAD)
    return result


history.add_command(fetch)
history.add_command(catch_up)
