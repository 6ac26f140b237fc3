"""The rules of the house: packaging, types, sizes, names, docstrings, and words that no file may have."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.releasing import plan
from tests.rooms.rules import modules, rooms

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ADAPTERS = MANIFEST["project"]["entry-points"]["gitdailies.adapters"]
INSTALLED = MANIFEST["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

LONGEST_MODULE = 600
LONGEST_ADAPTER_MODULE = 150

# The folders of code that is no part of the product.
BESIDE_ROOMS = ("tests/", "scripts/", "benchmarks/")

# To parse a thousand modules takes seconds. Comments may come before a docstring.
BEGINS_WITH_DOCSTRING = re.compile(r'(?:#.*\n|[ \t]*\n)*[rR]?"""')
VAGUE_FUNCTION = re.compile(r"^\s*(?:async\s+)?def\s+(process_\w*)", re.MULTILINE)

# Names that say nothing of what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}

# Values of one machine alone, and the registry of an installer.
UNSPOKEN = {
    "a folder of one's own": r"(?<![\w:])/(root|home|Users)/",
    "a package registry": r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|crates\.io|proxy\.golang\.org",
}
# The one file that must name them.
UNSPOKEN_HERE = "tests/rooms/test_house.py"


def tracked() -> list[str]:
    """Name the files of the project: those that git knows, or all that are there without git."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    hidden = re.compile(r"(^|/)(\.[^/]+|__pycache__|node_modules|gitdailies-data)/")
    names = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())
    return sorted(name for name in names if not hidden.search(name))


TRACKED = tracked()
CODE = [name for name in TRACKED if name.endswith(".py")]


def test_every_adapter_has_its_entry_point() -> None:
    """A folder NAME-adapter and the entry point NAME of the same package go together, both ways."""
    folders = {
        room.removesuffix("-adapter"): package for room, package in rooms(ROOT).items() if "-adapter" in room
    }

    assert {name: value.split(":")[0] for name, value in ADAPTERS.items()} == folders
    assert set(ADAPTERS.values()) == {f"{package}:adapter" for package in folders.values()}


def test_every_room_is_installed() -> None:
    """Each room has one line in the wheel's list, and each line names a room."""
    assert sorted(INSTALLED) == sorted(f"{room}/{package}" for room, package in rooms(ROOT).items())


def test_every_room_is_type_checked() -> None:
    """mypy's patterns find the package of every room, and nothing is taken out again."""
    settings = MANIFEST["tool"]["mypy"]
    found = {path for pattern in settings["files"] for path in ROOT.glob(pattern) if path.is_dir()}

    assert found == {ROOT / room / package for room, package in rooms(ROOT).items()}
    assert (settings["strict"], "exclude" in settings) == (True, False)


@pytest.mark.parametrize("library", ["alembic", "requests", "urllib3"])
def test_libraries_that_are_used_beyond_their_documentation_have_an_upper_bound(library: str) -> None:
    """Such libraries have an upper bound, since a new version may change what this project relies on."""
    project = MANIFEST["project"]
    listed = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [line for lines in listed for line in lines if re.match(rf"{library}\b", line)]

    assert found
    assert [line for line in found if not re.search(r",<[0-9]", line)] == []


def test_every_package_is_typed() -> None:
    """A room's package says that its types may be relied on."""
    untyped = [
        room for room, package in rooms(ROOT).items() if not (ROOT / room / package / "py.typed").is_file()
    ]

    assert untyped == []


def test_modules_are_short() -> None:
    """No module is longer than 600 lines, and none of an adapter's longer than 150."""
    too_long = []
    for path in modules(ROOT):
        inside = path.relative_to(ROOT)
        longest = LONGEST_ADAPTER_MODULE if inside.parts[0].endswith("-adapter") else LONGEST_MODULE
        lines = len(path.read_text("utf-8").splitlines())
        if lines > longest:
            too_long.append(f"{inside}: expected at most {longest} lines, got {lines}")

    assert too_long == []


@pytest.mark.parametrize("folder", ["", *BESIDE_ROOMS])
def test_modules_say_what_they_are(folder: str) -> None:
    """Every module begins with a docstring."""
    silent = [
        name
        for name in CODE
        if (name.startswith(folder) if folder else not name.startswith(BESIDE_ROOMS))
        and (text := (ROOT / name).read_text("utf-8")).strip()
        and not BEGINS_WITH_DOCSTRING.match(text)
    ]

    assert silent == []


def test_names_say_what_is_inside() -> None:
    """No file, folder or function has a name that fits everything."""
    empty = [name for name in TRACKED if EMPTY_NAMES & {part.split(".")[0] for part in Path(name).parts}]
    vague = [
        f"{name}: {found}"
        for name in CODE
        for found in VAGUE_FUNCTION.findall((ROOT / name).read_text("utf-8"))
    ]

    assert empty == []
    assert vague == []


@pytest.mark.parametrize("what", UNSPOKEN)
def test_no_file_depends_on_one_machine(what: str) -> None:
    """No file but this one names such a place."""
    pattern = re.compile(UNSPOKEN[what])
    spoken = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in TRACKED
        if name != UNSPOKEN_HERE
        for number, line in enumerate((ROOT / name).read_text("utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]

    assert spoken == []


BREAKING = {
    "a folder of one's own": ["see /home/robin/checkout", "HOME=/root/.cache", "in '/Users/robin/x'"],
    "a package registry": ["https://pypi.org/simple", "registry.npmjs.org"],
}


@pytest.mark.parametrize("what", UNSPOKEN)
def test_a_place_of_one_machine_would_be_found(what: str) -> None:
    """Each pattern finds lines that break it, and no innocent line that is much like them."""
    innocent = ["C:/home/larkspur", "https://docs.example/home/", "a registry of adapters"]

    assert [line for line in BREAKING[what] if not re.search(UNSPOKEN[what], line)] == []
    assert [line for line in innocent if re.search(UNSPOKEN[what], line)] == []


def test_no_placeholder() -> None:
    """Each file names what exists, or says that nothing is published yet; project.toml alone has names."""
    found = [
        f"{name}:{line}: {text}"
        for name in TRACKED
        for line, text in plan.placeholders((ROOT / name).read_bytes().decode("utf-8", "replace"))
    ]

    assert found == []


def test_every_file_was_looked_at() -> None:
    """The list holds this file and a module of every room, so that nothing passes unread."""
    assert len(TRACKED) > 500
    assert UNSPOKEN_HERE in TRACKED
    assert {room for room in rooms(ROOT) if not any(name.startswith(f"{room}/") for name in CODE)} == set()
