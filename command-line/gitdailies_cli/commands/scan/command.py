"""`gitdailies scan`: print the five figures of a git repository, without a server."""

from __future__ import annotations

import shlex
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import UsageError

if TYPE_CHECKING:
    from gitdailies_dora.figures.answers.selection import Period

    from gitdailies_cli.commands.scan.finding import Asked

_FORMATS = ("table", "markdown", "json")


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option(
    "--deploys",
    default="",
    metavar="WHAT",
    help="tags, tags:GLOB, branch:NAME or a FILE; default: tags that look like versions, else the branch",
)
@click.option(
    "--incidents",
    multiple=True,
    metavar="FILE",
    help="incidents in a form of `gitdailies history import`",
)
@click.option("--paths", multiple=True, metavar="GLOB", help="only commits that touch such files count")
@click.option("--repo", default="", help="owner/name; default: that of the remote origin")
@click.option("--environment", default="", help="of the deploys in a FILE; default: production")
@click.option("--since", default="", help="the start, a date or time")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1), help="without --since")
@click.option("--now", default="", help="compute the figures as of this time")
@click.option("--events", type=click.Path(path_type=Path), help="write the events to this file, as NDJSON")
@click.option("--format", "form", type=click.Choice(_FORMATS), default=_FORMATS[0], show_default=True)
def scan(
    path: Path,
    deploys: str,
    incidents: tuple[str, ...],
    paths: tuple[str, ...],
    repo: str,
    environment: str,
    since: str,
    days: int,
    now: str,
    events: Path | None,
    form: str,
) -> None:
    """Print the five figures of the git repository at PATH. No server, store or account is needed.

    \b
    gitdailies scan
    gitdailies scan ../checkout-api --days 365 --incidents incidents.csv
    gitdailies scan --deploys branch:main --format markdown
    """
    try:
        from gitdailies_cli.commands.scan import figures, finding, notes, printing
    except ImportError as error:
        raise UsageError(
            f"scan: {error.name} is missing, with which figures are computed;"
            " install gitdailies-integrations[dora]"
        ) from None
    from gitdailies_history.files import atomic_file
    from gitdailies_server.storage.timestamps import from_us, utc_now

    period = _period(since, days, now)
    asked = finding.Asked(repo, deploys, incidents, paths, from_us(period.began_at), utc_now())
    found = finding.find(path, asked)
    answer = figures.figures(found.bodies, found.git_commits, found.repo, environment, period)
    if not found.facts.incidents:
        answer = figures.without_incidents(answer)
    facts = found.facts._replace(in_period=answer.figures.deployment_frequency.deploys)
    if events is not None:
        with atomic_file.written(events, "--events") as file:
            file.write("".join(f"{body}\n" for body in found.bodies).encode())
    lines = _lines(path, asked, events)
    printing.show(answer, [*notes.notes(facts)], lines, form, incidents=facts.incidents)


def _period(since: str, days: int, now: str) -> Period:
    """Return the period of the options; raises UsageError."""
    from gitdailies_dora.figures.answers.selection import parse_moment, parse_period
    from gitdailies_server.storage.timestamps import now_us

    try:
        return parse_period(since, "", parse_moment(now, "now", UTC) if now else now_us(), UTC, days)
    except ValueError as error:
        raise UsageError(f"--{str(error).replace('from:', 'since:', 1)}") from None


def _lines(path: Path, asked: Asked, events: Path | None) -> tuple[str, ...]:
    """Return the lines that send what was found to a server."""
    file = str(events or "events.ndjson")
    options = [("--deploys", asked.deploys), ("--repo", asked.repo)]
    options += [("--incidents", one) for one in asked.incidents] + [("--paths", one) for one in asked.paths]
    named = [text for option, value in options if value for text in (option, value)]
    scan_line = shlex.join(["gitdailies", "scan", *named, "--events", file, "--", str(path)])
    return (*([] if events else [scan_line]), shlex.join(["gitdailies", "history", "import", file]))
