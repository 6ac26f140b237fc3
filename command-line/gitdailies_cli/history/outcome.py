"""The result of sending a history: a report and an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitdailies_cli import output
from gitdailies_cli.history.handover import INTERRUPTED_BY
from gitdailies_cli.output import DONE, NOT_DELIVERED, PARTLY, REFUSED, counted

if TYPE_CHECKING:
    from gitdailies_history.plan.summary import Summary
    from gitdailies_history.sending.sending import Report

USAGE, INTERRUPTED = 2, 130
_RESOLVE = "to end one: gitdailies incident resolve ID --repo OWNER/NAME --environment NAME --time TIME"


def exit_code(report: Report, *, bad: int) -> int:
    """Return the exit code of a run that left out *bad* rows."""
    if report.stopped == INTERRUPTED_BY:
        return INTERRUPTED
    if report.stopped:
        return PARTLY if report.delivered else REFUSED if report.key_refused else NOT_DELIVERED
    if report.refused:
        return PARTLY if report.delivered or report.skipped else REFUSED
    if bad:
        return PARTLY if report.delivered or report.skipped else USAGE
    return DONE


def show_report(
    report: Report, rows: dict[str, int], unpaired: Sequence[str], total: int, *, as_json: bool
) -> None:
    """Print the result of sending, and the counts of *rows*; *unpaired* are some of the incidents counted."""
    left = total - report.delivered - report.skipped - report.refused
    counts = {
        "sent": report.sent,
        "unchanged": report.unchanged + report.known,
        "skipped": report.skipped,
        "refused": report.refused,
        "left": left,
    }
    if as_json:
        stopped = {"stopped": report.stopped} if report.stopped else {}
        output.as_json({**counts, "otherDetails": report.known, **_numbers(rows, unpaired), **stopped})
        return
    about = {
        "unchanged": f", {report.known} of them with other details at the receiver" if report.known else "",
        "skipped": ", sent to this address before; --again sends them again" if report.skipped else "",
    }
    output.pairs({name: f"{count:,}{about.get(name, '')}" for name, count in counts.items()})
    _show_notes(rows, unpaired)
    if report.stopped:
        click.echo(
            f"stopped: {output.printable(report.stopped)}; run the same command again to continue", err=True
        )


def show_summary(summary: Summary, rows: dict[str, int], unpaired: Sequence[str], *, as_json: bool) -> None:
    """Print a summary of the events that would be sent."""
    if as_json:
        output.as_json({**summary.to_wire(), **_numbers(rows, unpaired)})
        return
    for name, entries in (("first", summary.first), ("last", summary.last)):
        for entry in entries.values():
            click.echo(output.printable(f"{name}: {entry.body}"))
    months = [(month, *counts.values()) for month, counts in summary.by_month()]
    output.table("events a month", ("month", *summary.kinds), months)
    events, read = counted(summary.months.total(), "event"), counted(rows["rows"], "row")
    click.echo(f"{events} of {read}; nothing was sent")
    _show_notes(rows, unpaired)


def note_unended(incidents: Sequence[str]) -> None:
    """Warn of incidents without an end: each stays open at the receiver."""
    if incidents:
        named = ", ".join([*incidents[:5], *(["…"] if incidents[5:] else [])])
        text = f"note: {counted(len(incidents), 'incident')} without an end, open: {named}; {_RESOLVE}"
        click.echo(output.printable(text), err=True)


def _numbers(rows: dict[str, int], unpaired: Sequence[str]) -> dict[str, Any]:
    return {**rows, "unpairedIncidents": list(unpaired)}


def _show_notes(rows: dict[str, int], unpaired: Sequence[str]) -> None:
    if rows["repeated"]:
        click.echo(f"note: repeats of an event, left out: {counted(rows['repeated'], 'row')}", err=True)
    if rows["unpaired"]:
        more = ", …" if rows["unpaired"] > len(unpaired) else ""
        text = (
            f"note: {counted(rows['unpaired'], 'end')} without a start in the input, of {', '.join(unpaired)}"
            f"{more}; sent all the same, since the receiver may know the start"
        )
        click.echo(output.printable(text), err=True)
    if rows["bad"]:
        click.echo(f"note: faulty rows, left out: {rows['bad']:,}", err=True)
