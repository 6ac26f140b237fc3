"""Join a module and all modules of ours that it uses into one file of standard-library Python.

    join("gitdailies_core.ci.__main__", {"gitdailies_core": Path("core/gitdailies_core")},
         head="Report a deploy …", version="0.1.0") -> text

The result holds only the used definitions, with their comments. Each comes after those that it needs.
If two modules define one name, the module's name is added to each. Annotations go, because Python compiles
them, too. Those of fields stay, and imports that only they need are left to type checkers. `dataclass`
becomes core's small replacement: a step starts once, and most of its time is the start.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonpath
from pathlib import Path

from scripts.joiner.modules import Imported, Module, Symbol, Target, Unit, read_all
from scripts.joiner.parts import LOADER, LONG_ENOUGH, RESERVED, Division, check, numbered, part

OLDEST = (3, 9)
# The head imports them, in every file.
_OF_HEAD = {Imported("gc"), Imported("sys")}
# A definition is left out if nothing uses it. Every other statement of the entry runs.
_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def join(
    entry: str,
    roots: Mapping[str, Path],
    *,
    head: str,
    version: str,
    instead: Mapping[str, str] | None = None,
    parts: bool = False,
) -> str:
    """Return the text of the one file that does what the module *entry* does.

    *roots* has the folder of each package, by the package's name. *instead* has texts
    that replace modules' files, by the module's name. With *parts*, each module is compiled when it is
    needed. Raises ValueError, which names the module, if something cannot be joined.
    """
    modules = read_all(entry, roots, instead or {})
    needed, mentioned = (_reached(modules, entry, at_run_time=at_run_time) for at_run_time in (True, False))
    names = _names(mentioned)
    used = [module for module in modules.values() if any(unit in mentioned for unit in module.units)]
    common = commonpath([module.place for module in used]) if len(used) > 1 else ""
    written = [_head(head, version, [module.place for module in used], common)]
    if parts:
        written += _parted(used, needed, mentioned, names, entry, common)
    else:
        written.append(_imports(_imported(needed), needed, mentioned))
        for module in used:
            written += [_title(module, common), *_statements(module.units, needed, mentioned, names)]
    text = numbered(_spaced([one.strip("\n") for one in written if one.strip()]))
    ast.parse(text, feature_version=OLDEST)
    return text


def _parted(
    used: list[Module],
    needed: set[Unit],
    mentioned: set[Unit],
    names: Mapping[Symbol, str],
    entry: str,
    common: str,
) -> Iterator[str]:
    """Yield the rest of a file in parts. The entry's last statement, which runs it, is in none of them."""
    division = Division(needed, entry, [module.name for module in used])
    first = _imported({unit for unit in needed if unit.module.name in division.at_once})
    # What is imported at once anyway may have more names.
    there = {target.module for target in first if isinstance(target, Imported)}
    first |= {
        target for target in _imported(needed) if isinstance(target, Imported) and target.module in there
    }
    yield f"{_imports(first, needed, mentioned)}\n\n{LOADER}"
    waiting: list[str] = []
    for module in used:
        units = [unit for unit in module.units if isinstance(unit.node, _DEFINITIONS) or module.name != entry]
        imports = "\n".join(
            _import_lines(_imported({unit for unit in needed if unit.module is module}) - first)
        )
        text = _spaced(
            [_title(module, common), imports, *_statements(units, needed, mentioned, names, division)]
        )
        check(module.name, text)
        if module.name in division.at_once:
            waiting.append(text)
        else:
            yield part(text, late=module.name)
        if waiting and (module is used[-1] or "\n".join(waiting).count("\n") > LONG_ENOUGH):
            yield part("\n".join(waiting))
            waiting = []
    yield from _statements([u for u in used[-1].units if u not in units], needed, mentioned, names)


def _title(module: Module, common: str) -> str:
    """Name the file of a module, within the folder *common* to all."""
    return f"# {module.place.removeprefix(f'{common}/')}\n# {module.about}"


def _statements(
    units: Iterable[Unit],
    needed: set[Unit],
    mentioned: set[Unit],
    names: Mapping[Symbol, str],
    division: Division | None = None,
) -> Iterator[str]:
    for unit in units:
        if unit in mentioned:
            text = _written(unit, mentioned, names, division)
            yield text if unit in needed else "if TYPE_CHECKING:\n    " + text.replace("\n", "\n    ")


def _spaced(parts: list[str]) -> str:
    """Join statements, with an empty line around each that has several lines."""
    filled = [one for one in parts if one]
    text = filled[0]
    for before, one in pairwise(filled):
        text += ("\n" if "\n" not in before + one else "\n\n") + one
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
    bearers: dict[str, set[str]] = {name: {""} for name in RESERVED}
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


def _head(about: str, version: str, sources: list[str], common: str) -> str:
    oldest = ".".join(map(str, OLDEST))
    listed = "\n".join(_listed(sources))
    listed += f"\n\nEach part names its file, within {common}/." if common else ""
    return f'''"""{about}

Version {version}. Joined by scripts/joiner from the files below; change those.
Standard library only, Python {oldest} or later.

{listed}
"""

from __future__ import annotations

import sys

if sys.version_info < {OLDEST}:
    sys.exit("expected Python {oldest} or later, got %d.%d" % sys.version_info[:2])

import gc

# A step ends long before its garbage fills the memory. Looking for it takes a twentieth of the time.
gc.disable()
'''


def _listed(sources: list[str]) -> Iterator[str]:
    """List the folders of the files, whose parts name them, and the entry."""
    *rest, entry = sources
    folders = dict.fromkeys(source.rpartition("/")[0] for source in rest)
    yield from (f"    {folder}/" for folder in sorted(folders))
    yield f"    {entry}"


def _imports(first: set[Target], needed: set[Unit], mentioned: set[Unit]) -> str:
    """Return the imports *first*, and those that only annotations need."""
    lines = _import_lines(first - _OF_HEAD)
    rest = _import_lines(_imported(mentioned, at_run_time=False) - _imported(needed))
    if rest or needed < mentioned:
        lines += ["", "TYPE_CHECKING = False"]
    if rest:
        lines += ["if TYPE_CHECKING:", *(f"    {line}" for line in rest)]
    return "\n".join(lines)


def _imported(units: set[Unit], *, at_run_time: bool = True) -> set[Target]:
    return {t for unit in units for t in unit.uses(at_run_time=at_run_time) if isinstance(t, Imported)}


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
    for line, start, annotation in unit.annotations:
        end = annotation.end_col_offset or 0
        old = module.lines[line - 1].encode()[start:end].decode()
        if annotation.end_lineno != line or not old.startswith((": ", " -> ")):
            raise ValueError(f"{module.path}:{line}: expected an annotation on one line, got several lines")
        found.add(_Edit(line, start, end, old, ""))
    return found


def _written(
    unit: Unit, kept: set[Unit], names: Mapping[Symbol, str], division: Division | None = None
) -> str:
    """Return a statement's text with comments and new names, without unused methods and our imports.

    In a file of parts, some late imports become calls.
    """
    if late := division.late(unit, names) if division else "":
        return late
    lines = list(unit.module.lines)
    methods = [method for method in unit.methods if method in kept]
    for edit in sorted({edit for one in (unit, *methods) for edit in _edits(one, names)}, reverse=True):
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
    for inner in unit.imports:
        last = inner.end_lineno or 0
        # With the empty line below it.
        removed |= set(range(inner.lineno, last + (2 if lines[last : last + 1] == [""] else 1)))
        if loads := division.loads(unit.module, inner) if division else "":
            removed -= {inner.lineno}
            lines[inner.lineno - 1] = " " * inner.col_offset + loads
    return "\n".join(
        lines[number - 1].partition("  # noqa")[0].partition("  # type: ignore")[0]
        for number in range(unit.first, unit.last + 1)
        if number not in removed
    ).strip("\n")
