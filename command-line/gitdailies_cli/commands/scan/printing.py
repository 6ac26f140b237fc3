"""Print what a scan found: a table for people, Markdown for a wiki, or JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
import msgspec
from gitdailies_dora.figures.answers.report import FiguresAnswer

from gitdailies_cli import output
from gitdailies_cli.commands.see import metrics

TABLE, MARKDOWN, JSON = "table", "markdown", "json"
FORMATS = (TABLE, MARKDOWN, JSON)
_COLUMNS = ("figure", "value", "based on")


def show(
    answer: FiguresAnswer, notes: Sequence[str], lines: Sequence[str], form: str, *, incidents: bool
) -> None:
    """Print the figures, what they cannot know, and the *lines* that go on to a server."""
    if form == JSON:
        rates = () if incidents else ("changeFailRate", "deploymentReworkRate")
        output.as_json({**msgspec.to_builtins(answer), "atLeast": rates, "notes": notes, "next": lines})
        return
    rows = [*_rows(answer, incidents=incidents)]
    if form == TABLE:
        click.echo(metrics.heading(answer))
        output.table("", _COLUMNS, rows)
        bullet, fence = "- ", ()
    else:
        click.echo(f"{metrics.heading(answer)}\n")
        for row in (_COLUMNS, ["---"] * len(_COLUMNS), *rows):
            click.echo(f"| {' | '.join(row)} |")
        click.echo()
        bullet, fence = "* ", ("```sh", "```")
    for note in notes:
        click.echo(f"{bullet}{output.printable(note)}")
    click.echo("\nTo go on, send what was found to a DORA server, which `gitdailies up` starts:\n")
    for line in (*fence[:1], *lines, *fence[1:]):
        click.echo(line)


def _rows(answer: FiguresAnswer, *, incidents: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of `gitdailies metrics`. Without incidents, both rates are lower bounds."""
    deploys = answer.figures.deployment_frequency.deploys
    counts = answer.figures.change_fail_rate.failed, answer.figures.deployment_rework_rate.rework
    lower = dict(zip((metrics.FAIL_RATE, metrics.REWORK_RATE), counts, strict=True))
    for title, value, behind in metrics.rows(answer):
        shown = value
        if not incidents and title in lower and deploys:
            shown = f"at least {value}" if lower[title] else "unknown"
        yield title, shown, behind
