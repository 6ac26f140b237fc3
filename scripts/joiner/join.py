"""Join a module and all modules of ours that it uses into one file of standard-library Python.

    join("gitdailies_core.ci.__main__", {"gitdailies_core": Path("core/gitdailies_core")},
         head="Report a deploy …", version="0.1.0") -> text

The result holds only the used definitions, with their comments. Each comes after those that it needs.
If two modules define one name, the module's name is added to each. Imports that only annotations need
are left to type checkers. `dataclass` becomes core's small replacement: a step starts once, and most of
its time is the start.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scripts.joiner.modules import Imported, Module, Symbol, Target, Unit, read_all

OLDEST = (3, 9)
# A definition is left out if nothing uses it. Every other statement of the entry runs.
_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def join(
    entry: str,
    roots: Mapping[str, Path],
    *,
    head: str,
    version: str,
    instead: Mapping[str, str] | None = None,
) -> str:
    """Return the text of the one file that does what the module *entry* does.

    *roots* has the folder of each package, by the package's name. *instead* has texts
    that replace modules' files, by the module's name. Raises ValueError, which names the module, if
    something cannot be joined.
    """
    modules = read_all(entry, roots, instead or {})
    needed, mentioned = (_reached(modules, entry, at_run_time=at_run_time) for at_run_time in (True, False))
    names = _names(mentioned)
    used = [module for module in modules.values() if any(unit in mentioned for unit in module.units)]
    parts = [_head(head, version, [module.place for module in used]), _imports(needed, mentioned)]
    for module in used:
        parts.append(f"# {module.place}\n# {module.about}")
        for unit in module.units:
            if unit in mentioned:
                text = _written(unit, mentioned, names)
                parts.append(
                    text if unit in needed else "if TYPE_CHECKING:\n    " + text.replace("\n", "\n    ")
                )
    text = _spaced([part.strip("\n") for part in parts if part.strip()])
    ast.parse(text, feature_version=OLDEST)
    return text


def _spaced(parts: list[str]) -> str:
    """Join statements, with an empty line around each that has several lines."""
    text = parts[0]
    for before, part in pairwise(parts):
        text += ("\n" if "\n" not in before + part else "\n\n") + part
    return text + "\n"


def _reached(modules: Mapping[str, Module], entry: str, *, at_run_time: bool) -> set[Unit]:
    """Return what *entry* needs. A method is needed if a needed statement has its name after a dot."""
    definitions = {
        Symbol(module.name, name): unit
        for module in modules.values()
        for unit in module.units
        for name in unit.defines
    }
    seen: set[Unit] = set()
    attributes: set[str] = set()
    waiting = [unit for unit in modules[entry].units if not isinstance(unit.node, _DEFINITIONS)]
    while waiting:
        unit = waiting.pop()
        if unit not in seen:
            seen.add(unit)
            attributes |= unit.names.attributes
            for target in unit.uses(at_run_time=at_run_time):
                if isinstance(target, Symbol) and not target.name:
                    module = target.module.rpartition(".")[2]
                    raise ValueError(f"{unit.module.path}: expected {module}.NAME, got the module alone")
                if isinstance(target, Symbol) and target not in definitions:
                    raise ValueError(
                        f"{unit.module.path}: expected {target.name} in {target.module}, got none"
                    )
                if isinstance(target, Symbol):
                    waiting.append(definitions[target])
        waiting = waiting or [
            method
            for one in seen
            for method in one.methods
            if method not in seen and attributes & {*method.defines}
        ]
    return seen


def _names(units: Iterable[Unit]) -> dict[Symbol, str]:
    """Return each definition's name in the file. One that several modules define gets its module's name."""
    bearers: dict[str, set[str]] = {}
    for unit in units:
        if unit in unit.module.units:
            for name in unit.defines:
                bearers.setdefault(name, set()).add(unit.module.name)
        for target in unit.uses(at_run_time=False):
            if isinstance(target, Imported):
                bearers.setdefault(target.bound, set()).add("")
    names = {}
    for name, owners in bearers.items():
        for owner in owners - {""}:
            names[Symbol(owner, name)] = name if len(owners) == 1 else _apart(owner, name)
    doubled = sorted({name for name in names.values() if [*names.values(), *bearers].count(name) > 2})
    if doubled:
        raise ValueError(f"names: expected each once, got {', '.join(doubled)} twice")
    return names


def _apart(module: str, name: str) -> str:
    """Return `_MODULE_NAME` for `_NAME`, `module_name` for `name`."""
    stem = module.rpartition(".")[2].strip("_")
    stem = stem.upper() if name.isupper() else stem
    return f"_{stem}{name}" if name.startswith("_") else f"{stem}_{name}"


def _head(about: str, version: str, sources: list[str]) -> str:
    oldest = ".".join(map(str, OLDEST))
    listed = "\n".join(_listed(sources))
    return f'''"""{about}

Version {version}. Joined by scripts/joiner from the files below; change those.
Standard library only, Python {oldest} or later.

{listed}
"""

from __future__ import annotations

import sys

if sys.version_info < {OLDEST}:
    sys.exit("expected Python {oldest} or later, got %d.%d" % sys.version_info[:2])
'''


def _listed(sources: list[str]) -> Iterator[str]:
    """List the folders of the files, whose parts name them, and the entry."""
    *rest, entry = sources
    folders = dict.fromkeys(source.rpartition("/")[0] for source in rest)
    yield from (f"    {folder}/" for folder in sorted(folders))
    yield f"    {entry}"


def _imports(needed: set[Unit], mentioned: set[Unit]) -> str:
    def imported(units: set[Unit], *, at_run_time: bool) -> set[Target]:
        return {t for unit in units for t in unit.uses(at_run_time=at_run_time) if isinstance(t, Imported)}

    at_run_time = imported(needed, at_run_time=True)
    lines = _import_lines(at_run_time - {Imported("sys")})
    rest = _import_lines(imported(mentioned, at_run_time=False) - at_run_time)
    if rest or needed < mentioned:
        lines += ["", "TYPE_CHECKING = False"]
    if rest:
        lines += ["if TYPE_CHECKING:", *(f"    {line}" for line in rest)]
    return "\n".join(lines)


def _import_lines(targets: set[Target]) -> list[str]:
    imported = [target for target in targets if isinstance(target, Imported)]
    by_module: dict[str, list[str]] = {}
    for name, module in sorted((item.name, item.module) for item in imported if item.name):
        by_module.setdefault(module, []).append(name)
    return sorted(f"import {item.module}" for item in imported if not item.name) + [
        f"from {module} import {', '.join(found)}" for module, found in sorted(by_module.items())
    ]


@dataclass(frozen=True, order=True)
class _Edit:
    line: int
    start: int
    end: int
    old: str
    new: str


def _edits(unit: Unit, names: Mapping[Symbol, str]) -> set[_Edit]:
    """Find the names to replace: those with their module's name, and `module.name`."""
    module, found = unit.module, set()
    for use in unit.names.uses:
        target: Target | None = module.targets.get(use.name)
        old, end = use.name, use.end
        if isinstance(target, str):
            target, old, end = Symbol(target, use.attribute), f"{old}.{use.attribute}", use.attribute_end
        if isinstance(target, Symbol) and names[target] != old:
            found.add(_Edit(use.line, use.start, end, old, names[target]))
        elif isinstance(target, Imported) and old != target.bound:
            raise ValueError(f"{module.path}:{use.line}: expected no `as` for an import, got {old}")
    for define in unit.names.defines:
        new = names.get(Symbol(module.name, define.name), define.name)
        if new != define.name and unit in module.units:
            found.add(_Edit(define.line, define.start, define.end, define.name, new))
    return found


def _written(unit: Unit, kept: set[Unit], names: Mapping[Symbol, str]) -> str:
    """Return a statement's text with comments and new names, without unused methods and our imports."""
    lines = list(unit.module.lines)
    methods = [method for method in unit.methods if method in kept]
    for edit in sorted((edit for one in (unit, *methods) for edit in _edits(one, names)), reverse=True):
        raw = lines[edit.line - 1].encode()
        if raw[edit.start : edit.end] != edit.old.encode():
            # Before Python 3.12, ast gives other places for names inside an f-string.
            raise ValueError(f"{unit.module.path}:{edit.line}: expected {edit.old} outside of an f-string")
        lines[edit.line - 1] = (raw[: edit.start] + edit.new.encode() + raw[edit.end :]).decode()
    removed = {
        number
        for method in unit.methods
        if method not in kept
        for number in range(method.first, method.last + 1)
    }
    for inner in ast.walk(unit.node):
        if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("gitdailies_"):
            removed |= set(range(inner.lineno, (inner.end_lineno or 0) + 1))
    return "\n".join(
        lines[number - 1].partition("  # noqa")[0].partition("  # type: ignore")[0]
        for number in range(unit.first, unit.last + 1)
        if number not in removed
    ).strip("\n")
