"""Join modules of core into one file of standard-library Python: the step, for all platforms or for one.

Each module comes after those that it imports, whole, below a line that names its file. Only imports move.
Those of the standard library go to the top, each once. Those of core go away: the names are in the same file.
So no two modules may have one name at their top.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from gitdailies_core.ci.platforms import BY_MODULE, PLATFORMS
from gitdailies_core.ci.reporting.platform import Platform

# The committed step of all platforms.
STEP = Path("ci-steps/report_deploy.py")

_OLDEST = (3, 9)
_ENTRY = "gitdailies_core.ci.step"
_IMPORTS = "an import of names at the top, of core or of the standard library, without `as`"
_HEAD = '''"""{about}

Version {version}. Joined by scripts/joiner.py from files of core/gitdailies_core; change those. Each part
names its file. Standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):
    sys.exit("expected Python 3.9 or later, got %d.%d" % sys.version_info[:2])

{imports}
'''
_TAIL = """
# The platforms of this file, and its version, which the receiver gets with each deploy.
PLATFORMS = ({platforms},)
VERSION = "{version}"

if __name__ == "__main__":
    start(PLATFORMS, VERSION, globals())
"""


@cache
def step(root: Path) -> str:
    """Return the step of all platforms, which finds out where it runs."""
    return _joined(root, "a CI job", PLATFORMS)


@cache
def step_of(root: Path, module: str) -> str:
    """Return the step of one platform, by its module's name. It does not look for a platform."""
    return _joined(root, BY_MODULE[module].title, [BY_MODULE[module]])


@cache
def version(root: Path) -> str:
    """Return the project's version."""
    read: str = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return read


def _joined(root: Path, where: str, platforms: Sequence[Platform]) -> str:
    modules, names = [], []
    for platform in platforms:
        [stem] = [stem for stem, one in BY_MODULE.items() if one is platform]
        modules.append(f"gitdailies_core.ci.platforms.{stem}")
        names += [name for name, value in vars(import_module(modules[-1])).items() if value is platform]
    tail = _TAIL.format(platforms=", ".join(names), version=version(root))
    about = f"Report a deploy to GitDailies from {where}."
    return join(root / "core", [_ENTRY, *modules], about=about, version=version(root), tail=tail)


@dataclass(frozen=True)
class _Part:
    """A module: its path, its text without imports and docstring, what it imports, what it defines."""

    path: Path
    text: str
    core: tuple[str, ...]
    library: frozenset[tuple[str, str]]
    defines: frozenset[str]


def join(folder: Path, modules: Sequence[str], *, about: str, version: str, tail: str) -> str:
    """Return one file of *modules*, which are below *folder*, and of all that they import there.

    Raises ValueError, which names the file, for what cannot be joined.
    """
    parts: dict[str, _Part] = {}

    def add(module: str) -> None:
        if module not in parts:
            part = _read(folder, module)
            for needed in part.core:
                add(needed)
            parts[module] = part

    for module in modules:
        add(module)
    library = {one for part in parts.values() for one in part.library}
    _check_names(list(parts.values()), library)
    head = _HEAD.format(about=about, version=version, imports="\n".join(_imports(library)))
    return head + "".join(f"\n\n{part.text}\n" for part in parts.values()) + tail


@cache
def _read(folder: Path, module: str) -> _Part:
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text("utf-8")
    tree = ast.parse(text, feature_version=_OLDEST)
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    core: list[str] = []
    library: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            ours = origin.startswith("gitdailies_")
            known = ours or origin.partition(".")[0] in sys.stdlib_module_names
            wrong = len(node.names) > 1 if isinstance(node, ast.Import) else ours and node not in top
            if wrong or any(alias.asname for alias in node.names) or not known:
                raise ValueError(f"{path}:{node.lineno}: expected {_IMPORTS}, got {ast.unparse(node)}")
            if ours:
                core.append(origin)
            elif node in top and origin != "__future__":
                names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else [""]
                library |= {(origin, name) for name in names}
    dropped = {row for node in [tree.body[0], *top] for row in range(node.lineno, (node.end_lineno or 0) + 1)}
    kept = [line for row, line in enumerate(text.splitlines(), 1) if row not in dropped]
    about = (ast.get_docstring(tree) or "").partition("\n")[0]
    place = path.relative_to(folder).as_posix()
    body = "\n".join(kept).strip("\n")
    if not (about + body).isascii():
        # A shell may read a script in another encoding.
        raise ValueError(f"{path}: expected ASCII alone, got another character")
    return _Part(path, f"# {place}\n# {about}\n\n{body}", tuple(core), frozenset(library), _defined(tree))


def _defined(tree: ast.Module) -> frozenset[str]:
    """Return the names that a module defines at its top."""
    found = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return frozenset(found)


def _check_names(parts: Sequence[_Part], library: set[tuple[str, str]]) -> None:
    owners = {name or module.partition(".")[0]: "the standard library" for module, name in library}
    for part in parts:
        for name in sorted(part.defines):
            if name in owners:
                raise ValueError(f"{part.path}: expected another name than {name}, which {owners[name]} has")
            owners[name] = str(part.path)


def _imports(library: set[tuple[str, str]]) -> Iterator[str]:
    yield from sorted(f"import {module}" for module, name in library if not name and module != "sys")
    for module in sorted({module for module, name in library if name}):
        names = sorted(name for one, name in library if one == module and name)
        yield f"from {module} import {', '.join(names)}"
