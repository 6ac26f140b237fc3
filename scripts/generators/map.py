"""The map of the project in docs/architecture.md: rooms by floor, and what each room holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.generators import replace, table
from scripts.structure import Room, arrows_of_rooms, arrows_within, entries, floors, rooms, subject

_PAGE = "docs/architecture.md"


def texts(root: Path) -> Mapping[str, str]:
    """Return the page with its map fresh."""
    page = (root / _PAGE).read_text("utf-8")
    found = rooms(root)
    page = replace(page, "floors", _drawing(found))
    return {_PAGE: replace(page, "rooms", "\n\n".join(_tables(found)))}


def _drawing(found: list[Room]) -> str:
    """Draw the rooms by floor, the highest first."""
    folders = {room.name: room.folder for room in found}
    by_floor = floors(arrows_of_rooms(found))
    lines = [
        f"{number}   {'   '.join(sorted(folders[name] for name in floor))}"
        for number, floor in enumerate(by_floor, 1)
    ]
    return "```text\n" + "\n".join(reversed(lines)) + "\n```"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tables(found: list[Room]) -> Iterator[str]:
    """Write a table for each room: its entries, lowest floor first, and what each imports in the room.

    Rooms with the same entries and imports, such as those of CI platforms, share the table of the first.
    """
    alike: dict[str, list[Room]] = {}
    for room in found:
        if arrows_within(room):
            alike.setdefault(repr((entries(room), sorted(arrows_within(room).items()))), []).append(room)
    for rooms_alike in alike.values():
        folders = ", ".join(f"`{room.folder}`" for room in rooms_alike)
        yield f"### {folders}\n\n{_table(rooms_alike[0])}"


def _table(room: Room) -> str:
    arrows = arrows_within(room)
    order = [entry for floor in floors(arrows) for entry in floor]
    rows = [(f"`{entry}`", subject(room, entry), _listed(sorted(arrows[entry]))) for entry in order]
    others = [
        entry for entry in entries(room) if entry not in arrows and entry not in ("__init__.py", "py.typed")
    ]
    files = f"\n\nOther files: {_listed(others)}." if others else ""
    return table(("entry", "what it holds", "imports"), rows) + files
