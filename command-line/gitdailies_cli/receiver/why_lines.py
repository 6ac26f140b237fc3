"""Why an event counts or not, as lines for a person; from the answers of the DORA server. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitdailies_cli.output import time_for_people
from gitdailies_cli.receiver.event_lines import place, subject

if TYPE_CHECKING:
    from gitdailies_dora.derived.read.answers import EventReference, FigureVerdict

ALL = "all"
# With these words an event may count later, without any doing of a person.
_LATER = frozenset({"pending", "open"})


def lines(event: "EventReference", verdicts: "Sequence[FigureVerdict]") -> Iterator[str]:
    """Say what the event is, whether it counts, why in each figure, and what can be done."""
    yield f"{event.kind} {subject(event)}, {place(event)}, {time_for_people(event.time)} (event {event.id})"
    if not verdicts:
        yield "It counts in no figure: nothing is known about it."
        return
    first, *others = verdicts
    if not others:
        yield f"{_counts_in(first)}: {first.reason}."
        if not first.counts and first.advice:
            yield f"What to do: {first.advice}."
        return
    counting = sum(verdict.counts for verdict in verdicts)
    if counting:
        yield f"It counts in {counting} of the {len(verdicts)} figures that it is about:"
    else:
        later = any(verdict.word in _LATER for verdict in verdicts)
        yield f"No figure counts it{' yet' if later else ''}:"
    for verdict in verdicts:
        mark = "yes" if verdict.counts else "no "
        yield f"  {mark}  {_figure(verdict)}: {verdict.reason}"
        if not verdict.counts and verdict.advice:
            yield f"       what to do: {verdict.advice}"


def _counts_in(verdict: "FigureVerdict") -> str:
    if verdict.figure == ALL:
        return "It counts" if verdict.counts else "It counts in no figure"
    return f"It {'counts' if verdict.counts else 'does not count'} in the {_figure(verdict)}"


def _figure(verdict: "FigureVerdict") -> str:
    # The API writes deploymentFrequency.
    return re.sub("[A-Z]", lambda capital: f" {capital[0].lower()}", verdict.figure)
