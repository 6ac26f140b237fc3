"""Events as lines for a person, one each, in columns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitdailies_cli.output import printable, time_for_people

if TYPE_CHECKING:
    from gitdailies_dora.derived.read.answers import EventReference

_SHORT_SHA = 12
_GAP = "  "


def cells(event: EventReference) -> tuple[str, str, str, str, str]:
    """Return what a person looks for in an event: when, what kind, where, which id, what."""
    return time_for_people(event.time), event.kind, place(event), event.id, subject(event)


def place(event: EventReference) -> str:
    """Return where an event counts: repository, environment, service."""
    return " ".join(name for name in (event.repo, event.environment, event.service) if name)


def subject(event: EventReference) -> str:
    """Return what an event is about: a commit, or an incident with its title."""
    names = (event.commit_sha[:_SHORT_SHA], event.incident_id, event.title)
    return " ".join(name for name in names if name)


HEAD = ("time", "kind", "where", "event", "what")


@dataclass(frozen=True)
class Columns:
    """The widths of all columns but the last. Lines that are printed later use the same ones."""

    widths: tuple[int, ...]

    @classmethod
    def of(cls, events: Sequence[EventReference]) -> Columns:
        rows = [HEAD, *map(cells, events)]
        return cls(tuple(max(len(row[index]) for row in rows) for index in range(len(HEAD) - 1)))

    def line(self, row: Sequence[str]) -> str:
        """Return a line; a longer value moves the rest of its own line."""
        padded = (text.ljust(width) for text, width in zip(row, (*self.widths, 0), strict=True))
        return printable(_GAP.join(padded).rstrip())
