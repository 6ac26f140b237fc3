"""What sending a history came to, as a report and an exit code."""

from __future__ import annotations

import click
from gitdailies_history.plan.summary import Summary
from gitdailies_history.sending.sending import Report

from gitdailies_cli import output
from gitdailies_cli.history.handover import INTERRUPTED_BY
from gitdailies_cli.output import counted
from gitdailies_cli.send_events import DONE, NOT_DELIVERED, PARTLY, REFUSED

USAGE, INTERRUPTED = 2, 130


def exit_code(report: Report, *, bad: int) -> int:
    """Return the code that a run ends with; *bad* rows were left out."""
    if report.stopped == INTERRUPTED_BY:
        return INTERRUPTED
    if report.stopped:
        return PARTLY if report.there else REFUSED if report.key_refused else NOT_DELIVERED
    if report.refused:
        return PARTLY if report.there or report.skipped else REFUSED
    if bad:
        return PARTLY if report.there or report.skipped else USAGE
    return DONE


def show_report(report: Report, told: dict[str, int], total: int, *, as_json: bool) -> None:
    """Print what sending came to, and what *told* counts besides."""
    left = total - report.there - report.skipped - report.refused
    counts = {
        "sent": report.sent,
        "unchanged": report.unchanged + report.known,
        "skipped": report.skipped,
        "refused": report.refused,
        "left": left,
    }
    if as_json:
        stopped = {"stopped": report.stopped} if report.stopped else {}
        output.as_json({**counts, "otherDetails": report.known, **told, **stopped})
        return
    about = {
        "unchanged": f", {report.known} of them with other details there" if report.known else "",
        "skipped": ", sent to this address before; --again sends them too" if report.skipped else "",
    }
    output.pairs({name: f"{count:,}{about.get(name, '')}" for name, count in counts.items()})
    _show_notes(told)
    if report.stopped:
        click.echo(f"stopped: {output.printable(report.stopped)}; run the same again to go on", err=True)


def show_summary(summary: Summary, told: dict[str, int], *, as_json: bool) -> None:
    """Print what would be sent."""
    if as_json:
        output.as_json({**summary.to_wire(), **told})
        return
    for name, entries in (("first", summary.first), ("last", summary.last)):
        for entry in entries.values():
            click.echo(output.printable(f"{name}: {entry.body}"))
    rows = [(month, *counts.values()) for month, counts in summary.by_month()]
    output.table("events a month", ("month", *summary.kinds), rows)
    events, read = counted(summary.months.total(), "event"), counted(told["rows"], "row")
    click.echo(f"{events} of {read}; nothing was sent")
    _show_notes(told)


def _show_notes(told: dict[str, int]) -> None:
    if told["repeated"]:
        click.echo(f"note: left out as repeats of an event: {counted(told['repeated'], 'row')}", err=True)
    if told["unpaired"]:
        click.echo(f"note: without a start in what was read: {counted(told['unpaired'], 'end')}", err=True)
    if told["bad"]:
        click.echo(f"note: set aside: {counted(told['bad'], 'row')}", err=True)
