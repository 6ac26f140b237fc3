"""`gitdailies history`: events of the past, from files, in the order that GitDailies asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from gitdailies_connection.config import yaml_document
from gitdailies_core.errors import UsageError
from gitdailies_history.files import atomic_file, formats
from gitdailies_history.files import read as sources
from gitdailies_history.files.mapping import Mapped
from gitdailies_history.files.read import Read, Source
from gitdailies_history.files.rows import Terms
from gitdailies_history.plan.plan import Plan
from gitdailies_history.sending.checkpoint import held

from gitdailies_cli import find_config
from gitdailies_cli.history import outcome
from gitdailies_cli.history.fetch import fetch
from gitdailies_cli.history.handover import Handover, handover_options, summed_up
from gitdailies_cli.output import counted
from gitdailies_cli.progress import Watching
from gitdailies_cli.send_events import PARTLY

# As incoming webhooks have it: clocks differ, a typo in the year does not hide.
AHEAD = timedelta(minutes=5)
SKIP_BAD = "--skip-bad"


@click.group()
def history() -> None:
    """Send events of the past, once, in the order that GitDailies asks for.

    \b
    gitdailies history import deploys.csv incidents.csv --dry-run
    gitdailies history import deploys.csv incidents.csv
    """


@history.command("import", short_help="send the events of CSV, NDJSON or JSON files")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--mapping", type=click.Path(path_type=Path), help="YAML that says which column is which field")
@click.option("--format", "format_", type=click.Choice(formats.FORMATS), help="default: told by the name")
@click.option("--timezone", help="of times without a zone, as Europe/Berlin; without it they are refused")
@click.option(
    SKIP_BAD, type=click.Path(path_type=Path), help="a new file: write faulty rows there, send the others"
)
@handover_options
def import_(
    files: tuple[str, ...],
    mapping: Path | None,
    format_: str | None,
    timezone: str | None,
    skip_bad: Path | None,
    handover: Handover,
) -> None:
    """Send the events of CSV, NDJSON or JSON files, deploys first, each once; - is standard input.

    Nothing is sent while a row is at fault. Run it again to go on where it was stopped.

    \b
    gitdailies history import deploys.csv --timezone Europe/Berlin --dry-run
    gitdailies history import pagerduty.csv --mapping pagerduty.yml --skip-bad faulty.csv
    """
    if skip_bad is not None and len(files) > 1:
        raise UsageError(f"{SKIP_BAD}: expected one file to import, got {len(files)}")
    terms = _terms(mapping, timezone, handover.config)
    where = handover.where()
    with (
        held(handover.state) as folder,
        Plan(folder / "plan.db") as plan,
        Watching(folder / "refused.ndjson") as watch,
    ):
        found = [sources.find(name, format_, folder) for name in files]
        try:
            with sources.cleaned(found):
                read = _read(plan, found, terms, watch, skip_bad)
        except KeyboardInterrupt:
            watch.say("interrupted; nothing was sent")
            raise
        total = plan.count()
        told = {"rows": read.rows, "bad": read.bad, "repeated": plan.repeated, "unpaired": plan.unpaired}
        report = handover.send(where, plan, total, folder, watch) if where else None
        summary = None if where else summed_up(plan)
    if summary is not None:
        outcome.show_summary(summary, told, as_json=handover.as_json)
        if read.bad:
            raise click.exceptions.Exit(PARTLY if total else outcome.USAGE)
    if report is not None:
        outcome.show_report(report, told, total, as_json=handover.as_json)
        raise click.exceptions.Exit(outcome.exit_code(report, bad=read.bad))


def _terms(mapping: Path | None, timezone: str | None, config: Path | None) -> Terms:
    mapped = (
        Mapped()
        if mapping is None
        else Mapped.of(yaml_document.parse(yaml_document.read_text(mapping), str(mapping)))
    )
    try:
        zone = ZoneInfo(timezone) if timezone else None
    except (ValueError, OSError):
        # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError.
        zone = None
    except KeyError:
        zone = None
    if timezone and zone is None:
        raise UsageError(f"--timezone: expected a name like Europe/Berlin, got {timezone!a}")
    routes = find_config.load_configuration(config).routes if mapped.routed else None
    return Terms(latest=datetime.now(UTC) + AHEAD, mapped=mapped, zone=zone, routes=routes)


def _read(plan: Plan, found: Sequence[Source], terms: Terms, watch: Watching, skip_bad: Path | None) -> Read:
    """Fill the plan; faults end the command with code 2, unless they are set aside."""
    read, faults = Read(), 0
    for source in found:
        with watch.reading(source.name, source.size) as bar:
            for fault in sources.read_into(plan, source, terms, read, bar.moved):
                faults += 1
                watch.say(str(fault))
    for fault in plan.settle():
        read.bad += 1
        faults += 1
        watch.say(str(fault))
    for name, unknown in read.unknown.items():
        if unknown:
            watch.say(f"note: {name}: columns that no event has: {', '.join(unknown)}")
    if faults and skip_bad is None:
        raise UsageError(
            f"{counted(faults, 'fault')}, nothing was sent; "
            "put right what is wrong, or set the rows aside with --skip-bad FILE"
        )
    if faults and skip_bad is not None:
        read.bad = sources.set_aside(plan, found[0], terms, skip_bad, SKIP_BAD)
        watch.say(f"set aside in {skip_bad}: {counted(read.bad, 'row')}")
    elif skip_bad is not None:
        # Who takes it for a flag has named a file to import here.
        atomic_file.unused(skip_bad, SKIP_BAD)
    return read


history.add_command(fetch)
