"""Events as lines for a person, one each, in columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitdailies_cli.output import moment, printable

_SHORT_SHA = 12
_GAP = "  "


def cells(event: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Return what a person looks for in an event: when, what kind, where, which id, what."""
    return (
        moment(str(event.get("time", ""))),
        str(event.get("kind", "")),
        place(event),
        str(event.get("id", "")),
        subject(event),
    )


def place(event: Mapping[str, Any]) -> str:
    """Return where an event counts: repository, environment, service."""
    return " ".join(str(event[name]) for name in ("repo", "environment", "service") if event.get(name))


def subject(event: Mapping[str, Any]) -> str:
    """Return what an event is about: a commit, or an incident with its title."""
    names = [str(event.get("commitSHA", ""))[:_SHORT_SHA], event.get("incidentId"), event.get("title")]
    return " ".join(str(name) for name in names if name)


HEAD = ("time", "kind", "where", "event", "what")


@dataclass(frozen=True)
class Columns:
    """The widths of all columns but the last. Lines that are printed later use the same ones."""

    widths: tuple[int, ...]

    @classmethod
    def of(cls, events: Sequence[Mapping[str, Any]]) -> Columns:
        rows = [HEAD, *map(cells, events)]
        return cls(tuple(max(len(row[index]) for row in rows) for index in range(len(HEAD) - 1)))

    def line(self, row: Sequence[str]) -> str:
        """Return a line; a longer value moves the rest of its own line."""
        padded = (text.ljust(width) for text, width in zip(row, (*self.widths, 0), strict=True))
        return printable(_GAP.join(padded).rstrip())
