"""The structure of the project, read from syntax trees: rooms, what each holds, and who imports whom.

A room is a folder that holds one import package `gitdailies_…`. An entry is a file or a folder at the top
of that package. An arrow A → B means that A imports something of B.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

Arrows = Mapping[str, frozenset[str]]

# Python makes this folder.
_HIDDEN = {"__pycache__"}
_SKIPPED = {".venv", ".tools", "node_modules", "tests", "dist", "build"}


@dataclass(frozen=True)
class Room:
    """A room: its folder below the root, and its package."""

    folder: str
    package: Path

    @cached_property
    def name(self) -> str:
        """The package's import name, with dots for a package inside another one."""
        parents = [path.name for path in self.package.parents if (path / "__init__.py").is_file()]
        return ".".join([*reversed(parents), self.package.name])


def rooms(root: Path) -> list[Room]:
    """Find every room below *root*, at the top or one level deeper, in the order of their folders."""
    found = []
    for pattern in ("*/gitdailies_*", "*/*/gitdailies_*"):
        for package in root.glob(pattern):
            folder = package.parent.relative_to(root)
            if package.is_dir() and not _SKIPPED & set(folder.parts):
                found.append(Room(folder.as_posix(), package))
    return sorted(found, key=lambda room: room.folder)


def packages(room: Room) -> list[Room]:
    """Return a room's package and every package inside it, each as a room."""
    return [Room(room.folder, path.parent) for path in sorted(room.package.rglob("__init__.py"))]


def entries(room: Room) -> list[str]:
    """Return the names of the package's entries. Those of folders end in a slash."""
    return sorted(
        path.name + ("/" if path.is_dir() else "")
        for path in room.package.iterdir()
        if path.name not in _HIDDEN
    )


def arrows_of_rooms(found: list[Room]) -> Arrows:
    """Return for each room, by its package's name, the other rooms that it imports."""
    names = {room.name for room in found}
    return {
        room.name: frozenset(
            top
            for path in sorted(room.package.rglob("*.py"))
            for module in _imported(path)
            if (top := module.partition(".")[0]) in names and top != room.name
        )
        for room in found
    }


def arrows_within(room: Room) -> Arrows:
    """Return for each entry of a room that is code the other entries that it imports."""
    code = {
        entry: sorted((room.package / entry).rglob("*.py")) if entry.endswith("/") else [room.package / entry]
        for entry in entries(room)
        if entry.endswith((".py", "/")) and entry not in ("__init__.py", "__main__.py")
    }
    code = {entry: paths for entry, paths in code.items() if paths}
    by_name = {entry.removesuffix("/").removesuffix(".py"): entry for entry in code}
    arrows: dict[str, frozenset[str]] = {}
    for entry, paths in code.items():
        targets = set()
        for path in paths:
            for module in _imported(path):
                inside = module.startswith(f"{room.name}.")
                target = by_name.get(module[len(room.name) + 1 :].partition(".")[0]) if inside else None
                if target is not None and target != entry:
                    targets.add(target)
        arrows[entry] = frozenset(targets)
    return arrows


def floors(arrows: Arrows) -> list[list[str]]:
    """Sort the names into floors, lowest first. Each imports only from floors below its own.

    Raises ValueError, which names the members, if some import each other in a circle.
    """
    left = {name: set(targets) for name, targets in arrows.items()}
    found: list[list[str]] = []
    while left:
        floor = sorted(name for name, targets in left.items() if not targets & left.keys())
        if not floor:
            raise ValueError(f"imports: expected no circle, got one among {', '.join(sorted(left))}")
        found.append(floor)
        for name in floor:
            del left[name]
    return found


def _imported(path: Path) -> Sequence[str]:
    """Return each imported module, at any depth of the code. `from a import b` gives `a` and `a.b`."""
    return _imported_by(path.read_text("utf-8"))


@cache
def _imported_by(text: str) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(text)))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
