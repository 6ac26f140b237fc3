"""The result of sending a history: a report and an exit code."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitdailies_cli import output
from gitdailies_cli.history.handover import INTERRUPTED_BY
from gitdailies_cli.output import DONE, NOT_DELIVERED, PARTLY, REFUSED, counted

if TYPE_CHECKING:
    from gitdailies_history.plan.plan import Plan
    from gitdailies_history.sending.sending import Report

USAGE, INTERRUPTED = 2, 130
_RESOLVE = "to end one: gitdailies incident resolve ID --repo OWNER/NAME --environment NAME --time TIME"


def finish(
    sent: "Report | dict[str, Any]", plan: "Plan", total: int, rows: dict[str, int], *, as_json: bool
) -> None:
    """Print what became of the *total* events of a plan, and end the command with its exit code.

    *sent* is a summary if nothing was sent. *rows* counts the rows of the file.
    """
    bad = rows["bad"]
    numbers = {**rows, "repeated": plan.repeated, "unpaired": plan.unpaired}
    more = {**numbers, "unpairedIncidents": plan.unpaired_incidents}
    # A summary needs no module that sends.
    if isinstance(sent, dict):
        code = (PARTLY if total else USAGE) if bad else DONE
        _show_summary(sent, more, as_json=as_json)
    else:
        code = exit_code(sent, bad=bad)
        _show_report(sent, total, more, as_json=as_json)
    if not as_json:
        _show_notes(numbers, plan.unpaired_incidents)
    if not as_json and not isinstance(sent, dict) and sent.stopped:
        click.echo(
            f"stopped: {output.printable(sent.stopped)}; run the same command again to continue", err=True
        )
    raise click.exceptions.Exit(code)


def exit_code(report: "Report", *, bad: int) -> int:
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


def _show_report(report: "Report", total: int, more: dict[str, Any], *, as_json: bool) -> None:
    """Print the result of sending, and as JSON *more*."""
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
        output.as_json({**counts, "otherDetails": report.known, **more, **stopped})
        return
    about = {
        "unchanged": f", {report.known} of them with other details at the receiver" if report.known else "",
        "skipped": ", sent to this address before; --again sends them again" if report.skipped else "",
    }
    output.pairs({name: f"{count:,}{about.get(name, '')}" for name, count in counts.items()})


def _show_summary(summary: dict[str, Any], more: dict[str, Any], *, as_json: bool) -> None:
    """Print a summary of the events that would be sent, and as JSON *more*."""
    if as_json:
        output.as_json({**summary, **more})
        return
    for name in ("first", "last"):
        for event in summary[name].values():
            click.echo(
                output.printable(f"{name}: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}")
            )
    months = [list(counts.values()) for counts in summary["months"]]
    output.table("events a month", ("month", *summary["first"]), months)
    events, read = counted(summary["events"], "event"), counted(more["rows"], "row")
    click.echo(f"{events} of {read}; nothing was sent")


def note_unended(incidents: Sequence[str]) -> None:
    """Warn of incidents without an end: each stays open at the receiver."""
    if incidents:
        named = ", ".join([*incidents[:5], *(["…"] if incidents[5:] else [])])
        text = f"note: {counted(len(incidents), 'incident')} without an end, open: {named}; {_RESOLVE}"
        click.echo(output.printable(text), err=True)


def _show_notes(rows: dict[str, int], unpaired: Sequence[str]) -> None:
    if rows["repeated"]:
        click.echo(f"note: repeats of an event, left out: {counted(rows['repeated'], 'row')}", err=True)
    if rows["unpaired"]:
        more = ", …" if rows["unpaired"] > len(unpaired) else ""
        text = (
            f"note: {counted(rows['unpaired'], 'end')} without a start in the input, of {', '.join(unpaired)}"
            f"{more}; sent anyway, because the receiver may know the start"
        )
        click.echo(output.printable(text), err=True)
    if rows["bad"]:
        click.echo(f"note: faulty rows, left out: {rows['bad']:,}", err=True)
