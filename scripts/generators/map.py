"""The map of the project in docs/architecture.md: rooms by floor, and what each room holds."""

from collections.abc import Mapping
from pathlib import Path

from scripts.generators import replace, table
from scripts.structure import Room, arrows_of_rooms, floors, rooms, subject

_PAGE = "docs/architecture.md"


def texts(root: Path) -> Mapping[str, str]:
    """Return the page with its map fresh."""
    page = (root / _PAGE).read_text("utf-8")
    found = rooms(root)
    page = replace(page, "floors", _drawing(found))
    return {_PAGE: replace(page, "rooms", _table(found))}


def _drawing(found: list[Room]) -> str:
    """Draw the rooms by floor, the highest first."""
    folders = {room.name: room.folder for room in found}
    by_floor = floors(arrows_of_rooms(found))
    lines = [
        f"{number}   {'   '.join(sorted(folders[name] for name in floor))}"
        for number, floor in enumerate(by_floor, 1)
    ]
    return "```text\n" + "\n".join(reversed(lines)) + "\n```"


def _table(found: list[Room]) -> str:
    """Write a row for each room: what it holds."""
    return table(("room", "what it holds"), ((f"`{room.folder}`", subject(room, "")) for room in found))
