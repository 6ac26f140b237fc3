"""`gitdailies scan`: print the five figures of a git repository, without a server."""

import json
import shlex
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output

if TYPE_CHECKING:
    from gitdailies_dora.figures.answers.report import FiguresAnswer

    from gitdailies_cli.commands.scan.finding import Asked, Found

_COLUMNS = ("figure", "value", "based on")
# The rates that may be higher than what git alone shows, and the count that makes one of them 0.
_RATES = {"changeFailRate": "failed", "deploymentReworkRate": "rework"}
_FORMATS = TABLE, MARKDOWN, JSON, EVENTS = ("table", "markdown", "json", "events")


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option(
    "--deploys",
    default="",
    metavar="WHAT",
    help="tags, tags:GLOB, branch:NAME or a FILE; default: tags like versions, else the branch",
)
@click.option("--incidents", multiple=True, metavar="FILE", help="a file as for `gitdailies history import`")
@click.option("--repo", default="", help="owner/name; default: the remote origin's")
@click.option("--since", default="", help="a date or time")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1), help="days, without --since")
@click.option("--now", default="", help="compute the figures as of this time")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default=TABLE,
    show_default=True,
    help="events: what the figures are of, as NDJSON",
)
def scan(
    path: Path,
    deploys: str,
    incidents: tuple[str, ...],
    repo: str,
    since: str,
    days: int,
    now: str,
    form: str,
) -> None:
    """Print the five figures of the git repository at PATH. It needs no server, store or account.

    \b
    gitdailies scan
    gitdailies scan ../checkout-api --days 365 --incidents incidents.csv
    gitdailies scan --deploys branch:main --format markdown
    """
    from gitdailies_dora.derived.read.figures.answer import of_events
    from gitdailies_dora.figures.answers import selection
    from gitdailies_dora.figures.history.settings import FigureSettings
    from gitdailies_server.storage.timestamps import from_us, now_us, utc_now

    from gitdailies_cli.commands.scan import finding, notes

    try:
        at = selection.parse_moment(now, "now", UTC) if now else now_us()
        period = selection.parse_period(since, "", at, UTC, days)
    except ValueError as error:
        raise UsageError(f"--{str(error).replace('from:', 'since:', 1)}") from None
    asked = finding.Asked(repo, deploys, incidents, from_us(period.began_at), utc_now())
    found = finding.find(path, asked)
    answer = of_events(map(json.loads, found.bodies), period, found.repo, FigureSettings())
    facts = {**found.facts, "last": not answer.figures.deployment_frequency.deploys and found.facts["last"]}
    _show(answer, found, [*notes.notes(facts)], _next(path, asked), form)


def _next(path: Path, asked: "Asked") -> list[str]:
    """Return the lines that send what was found to a server."""
    options = [("deploys", asked.deploys), ("repo", asked.repo), ("format", EVENTS)]
    options += [("incidents", one) for one in asked.incidents]
    named = [f"--{option}={value}" for option, value in options if value]
    scanned = shlex.join(["gitdailies", "scan", *named, "--", str(path)])
    return [f"{scanned} > events.ndjson", "gitdailies history import events.ndjson"]


def _show(answer: "FiguresAnswer", found: "Found", said: list[str], lines: list[str], form: str) -> None:
    """Print figures, what they cannot know, and the next lines. Without incidents, rates may be low."""
    import msgspec

    from gitdailies_cli.commands.see import metrics

    known = not found.facts["alone"]
    if form == EVENTS:
        for body in found.bodies:
            click.echo(body)
        return
    if form == JSON:
        plain = msgspec.to_builtins(answer)
        for name, count in () if known else _RATES.items():
            if not plain["figures"][name][count]:
                plain["figures"][name] |= {"value": None, "range": None, "interval": None}
        output.as_json({**plain, "atLeast": [] if known else [*_RATES], "notes": said, "next": lines})
        return
    rows = metrics.rows(answer, whole=known)
    click.echo(metrics.heading(answer))
    if form == TABLE:
        output.table("", _COLUMNS, rows)
    else:
        click.echo()
        for row in (_COLUMNS, ["---"] * len(_COLUMNS), *rows):
            click.echo(f"| {' | '.join(row)} |")
        click.echo()
    for note in said:
        click.echo(output.printable(f"- {note}"))
    click.echo("\nTo go on, send what was found to a DORA server, which `gitdailies up` starts:\n")
    for line in lines:
        click.echo(f"    {line}")
