"""The map: imports go one way, between rooms and inside each, and a folder of code shows a dozen entries."""

from pathlib import Path

import pytest

from tests.rooms.structure import Room, arrows_of_rooms, arrows_within, entries, floors, packages, rooms

ROOT = Path(__file__).resolve().parents[2]
ROOMS = rooms(ROOT)
FOLDERS = [folder for room in ROOMS for folder in packages(room)]
# One entry a vendor, a platform or a step of a migration, and files that are no code.
EXEMPT = {"gitdailies_core.ci.platforms", "gitdailies_sources.packs"}
MOST_ENTRIES = 12
# Every package has these two; a reader does not choose between them.
IN_EVERY_PACKAGE = {"__init__.py", "py.typed"}


def test_rooms_import_one_way() -> None:
    """No room imports, by any way round, a room that imports it."""
    assert floors(arrows_of_rooms(ROOMS))[0] == ["gitdailies_core"]


def test_the_map_has_each_room_on_its_floor() -> None:
    """The page of the architecture draws every room on its floor, and says what it holds."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    folders = {room.name: room.folder for room in ROOMS}
    for number, floor in enumerate(floors(arrows_of_rooms(ROOMS)), 1):
        assert f"\n{number}   {'   '.join(sorted(folders[name] for name in floor))}\n" in page
    assert [room.folder for room in ROOMS if f"\n| `{room.folder}` | " not in page] == []


@pytest.mark.parametrize("room", FOLDERS, ids=lambda room: room.name)
def test_entries_of_a_folder_import_one_way(room: Room) -> None:
    """Inside a room, and inside each of its folders, no entry imports an entry that imports it."""
    assert sum(map(len, floors(arrows_within(room)))) == len(arrows_within(room))


@pytest.mark.parametrize(
    "room", [one for one in FOLDERS if one.name not in EXEMPT], ids=lambda room: room.name
)
def test_a_folder_shows_a_dozen_entries(room: Room) -> None:
    """Every folder of code has at most a dozen modules, folders and files."""
    shown = [entry for entry in entries(room) if entry not in IN_EVERY_PACKAGE]

    assert len(shown) <= MOST_ENTRIES, f"{room.name}: {len(shown)} entries, make a folder: {shown}"


def test_a_folder_holds_more_than_one_file() -> None:
    """No folder of code is made to hold one file."""
    few = [
        room.name
        for room in FOLDERS
        if [entry for entry in entries(room) if entry not in IN_EVERY_PACKAGE][1:] == []
    ]

    assert few == []


def test_every_exempt_folder_is_there() -> None:
    """An exemption names a folder that needs it."""
    crowded = {room.name for room in FOLDERS if len(set(entries(room)) - IN_EVERY_PACKAGE) > MOST_ENTRIES}

    assert crowded >= EXEMPT


def test_every_package_is_on_the_map() -> None:
    """The map holds every folder `gitdailies_…` of the project that Python imports as a package."""
    packages = {
        path.parent.name
        for path in ROOT.rglob("gitdailies_*/__init__.py")
        if not {"tests", ".venv", ".tools", "node_modules", "build", "dist"}
        & set(path.relative_to(ROOT).parts)
    }

    assert {room.name for room in ROOMS} == packages
    assert len(packages) >= 10


def _room(folder: Path, **modules: str) -> Room:
    package = folder / "planted" / "gitdailies_planted"
    package.mkdir(parents=True)
    for name, text in {"__init__": "", **modules}.items():
        (package / f"{name}.py").write_text(text, "utf-8")
    return Room("planted", package)


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    """Two modules that import each other, one of them inside a function, have no floor."""
    room = _room(
        tmp_path,
        first="from gitdailies_planted import second\n",
        second="def late() -> None:\n    from gitdailies_planted.first import x\n",
    )

    with pytest.raises(ValueError, match=r"circle, got one among first\.py, second\.py"):
        floors(arrows_within(room))


def test_a_planted_upward_import_moves_a_room_up(tmp_path: Path) -> None:
    """A module that imports another of its room is one floor above it."""
    room = _room(tmp_path, low="import os\n", high="import gitdailies_planted.low\n")

    assert floors(arrows_within(room)) == [["low.py"], ["high.py"]]
