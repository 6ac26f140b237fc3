"""Subcommands about open incidents: incidents, close."""

from pathlib import Path

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.common_options import CONFIG, JSON, parsed_time
from gitdailies_cli.relay import options, status_text
from gitdailies_cli.relay.options import ID, SOURCE

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


@click.command(short_help="open incidents, the oldest first, and how to close them")
@SOURCE
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="at most this many"
)
@click.option("--skip", type=click.IntRange(0), default=0, help="skip this many")
@CONFIG
@JSON
def incidents(source: str | None, limit: int, skip: int, config: Path | None, as_json: bool) -> None:
    """List open incidents, the oldest first.

    One stays open if its end was lost or never sent. Resolve it at the vendor, which sends the end. If it is
    resolved there already, use `gitdailies relay close`.
    """
    from gitdailies_relay.operations.incidents import open_incidents
    from gitdailies_relay.store.store import reading

    _, database = options.opened(config, source)
    with reading(database) as session:
        found = open_incidents(session, source=source, limit=limit, skip=skip)
    if as_json:
        options.show(found)
        return
    if not found.total:
        click.echo("no open incidents")
        return
    rows = [
        (
            one.incident,
            one.source,
            " ".join(text for text in (one.repo, one.environment, one.service) if text),
            status_text.moment(one.started_at),
            _age(one.age_seconds),
            _opened_by(one.word, one.opened_by, one.merged_into),
            one.title or "",
        )
        for one in found.incidents
    ]
    shown = f"{found.total:,}" if len(rows) == found.total else f"{len(rows):,} of {found.total:,}"
    columns = ("incident", "source", "counts for", "started", "open for", "opened by", "title")
    output.table(f"open incidents, {shown}", columns, rows)
    if skip + len(rows) < found.total:
        click.echo(f"there are more: gitdailies relay incidents --limit {limit} --skip {skip + len(rows)}")
    click.echo("Resolve an incident at its vendor. If it is resolved there, close it here:")
    click.echo("  gitdailies relay close INCIDENT --at TIME --reason TEXT")


def _opened_by(word: str | None, delivery: str | None, merged_into: str | None) -> str:
    text = f"{word} ({delivery})" if word and delivery else "no longer known"
    return (
        text if merged_into is None else f"{text}; waits for the end of {merged_into or 'another incident'}"
    )


def _age(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command(short_help="end an incident by hand")
@click.argument("incident", type=ID)
@click.option("--reason", required=True, help="why, for `relay explain`")
@click.option("--at", help="when it ended, such as 2026-03-04T10:02:18Z; default: now")
@click.option("--source", help="its source, if several have this id")
@CONFIG
@JSON
def close(
    incident: str,
    reason: str,
    at: str | None,
    source: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """End INCIDENT by hand wherever it is open. A later end from its vendor does not count again.

    \b
    gitdailies relay close Q1LARK7XW2M4CD --at 2026-03-04T10:02:18Z --reason "its end was lost"
    """
    from gitdailies_relay.operations.acting import close as end

    if not reason.strip():
        raise UsageError("--reason: expected a text, got nothing")
    _, database = options.opened(config)
    events = end(
        database,
        incident,
        source=source,
        at=None if at is None else parsed_time(at, "--at"),
        reason=reason,
        person=options.person(),
    )
    waiting = [f"{event}: the end waits to be sent" for event in events]
    options.show({"events": list(events)}, waiting, as_json=as_json)
