"""Read our modules: their statements, what each name means, and what each statement needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from scripts.joiner.names import Names, annotated, bindings

STAND_INS = {("dataclasses", "dataclass"): ("gitdailies_core.ci.frozen", "dataclass")}


@dataclass(frozen=True)
class Symbol:
    """A definition at the top of a module of ours."""

    module: str
    name: str


@dataclass(frozen=True)
class Imported:
    """What a standard-library import binds: `import module` or `from module import name`."""

    module: str
    name: str = ""

    @property
    def bound(self) -> str:
        return self.name or self.module.partition(".")[0]


Target = Symbol | Imported | str  # the last: a module of ours, by its name


@dataclass(eq=False)
class Unit:
    """A statement at the top of a module, or a method of a class there. Each can be left out.

    `first` and `last` are its first and last line. Comments and decorators above it belong to it.
    """

    module: Module
    node: ast.stmt
    first: int
    last: int
    names: Names
    defines: tuple[str, ...] = ()
    methods: list[Unit] = field(default_factory=list)

    def uses(self, *, at_run_time: bool, at_once: bool = False) -> Iterator[Target]:
        """Yield the targets of its names. For `module.name` that is the name in the module.

        *at_once* leaves out those that it imports itself, when it runs.
        """
        for use in self.names.uses:
            target = self.module.targets.get(use.name)
            if (use.annotation and at_run_time) or target is None or (at_once and use.name in self.late):
                continue
            yield Symbol(target, use.attribute) if isinstance(target, str) else target

    @cached_property
    def imports(self) -> tuple[ast.ImportFrom, ...]:
        """The imports of ours inside of it."""
        return tuple(own_imports(self.node))

    @cached_property
    def late(self) -> frozenset[str]:
        """The names that imports of ours inside of it bind."""
        return frozenset(alias.asname or alias.name for node in self.imports for alias in node.names)

    @cached_property
    def annotations(self) -> tuple[tuple[int, int, ast.expr], ...]:
        """The annotations in it that are left out, as `annotated` returns them."""
        return tuple(annotated(self.node))


@dataclass(eq=False)
class Module:
    """A module of ours: its statements in order, and the targets of its names.

    `place` is its path below the folder of its room. The joined file shows it.
    """

    name: str
    path: Path
    place: str
    lines: list[str]
    about: str
    units: list[Unit] = field(default_factory=list)
    targets: dict[str, Target] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)


def read_all(entry: str, roots: Mapping[str, Path], instead: Mapping[str, str]) -> dict[str, Module]:
    """Read the module *entry* and all of ours that it imports. A module comes after what it imports.

    *roots* has the folder of each package. *instead* has texts that replace modules' files.
    Raises ValueError for an import that is neither ours nor the standard library's.
    """
    found: dict[str, Module] = {}

    def visit(name: str) -> None:
        if name in found:
            return
        module = _read(name, tuple(roots.items()), _text(name, roots, instead))
        for needed in module.imports:
            visit(needed)
        found.setdefault(name, module)

    visit(entry)
    return found


def _file(name: str, roots: Mapping[str, Path]) -> Path | None:
    top, *rest = name.split(".")
    path = roots[top].joinpath(*rest) if top in roots else Path()
    return next((p for p in (path.with_name(path.name + ".py"), path / "__init__.py") if p.is_file()), None)


def _text(name: str, roots: Mapping[str, Path], instead: Mapping[str, str]) -> str:
    path = _file(name, roots)
    if path is None:
        raise ValueError(f"{name}: expected a module of {', '.join(roots)}, got none")
    return instead[name] if name in instead else path.read_text("utf-8")


@cache
def _read(name: str, folders: tuple[tuple[str, Path], ...], text: str) -> Module:
    roots = dict(folders)
    path = _file(name, roots)
    assert path is not None  # `_text` read it
    tree = ast.parse(text)
    about = (ast.get_docstring(tree) or "").partition("\n")[0]
    # A package is in the folder of its room.
    place = path.relative_to(roots[name.partition(".")[0]].parents[1]).as_posix()
    module = Module(name, path, place, text.splitlines(), about)
    end = 0
    for node in tree.body:
        first, end = end + 1, node.end_lineno or 0
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            _import(module, node, roots)
            continue
        defines = bindings([node])
        module.targets.update({name: Symbol(module.name, name) for name in defines})
        module.units.append(_unit(module, node, first, tuple(defines)))
        # A function may import a module of ours late, to save time.
        for inner in own_imports(node):
            _import(module, inner, roots)
    return module


def own_imports(node: ast.AST) -> list[ast.ImportFrom]:
    """Return the imports of ours in a statement."""
    return [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("gitdailies_")
    ]


def _unit(module: Module, node: ast.stmt, first: int, defines: tuple[str, ...]) -> Unit:
    last = node.end_lineno or 0
    if not isinstance(node, ast.ClassDef):
        return Unit(module, node, first, last, Names.of(node), defines)
    methods, kept, end = [], [], node.lineno
    for item in node.body:
        before, end = end + 1, item.end_lineno or 0
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("__"):
            methods.append(Unit(module, item, before, end, Names.of(item), (item.name,)))
        else:
            kept.append(item)
    rest = ast.ClassDef(**{**vars(node), "body": kept})
    return Unit(module, node, first, last, Names.of(rest), defines, methods)


def _import(module: Module, node: ast.Import | ast.ImportFrom, roots: Mapping[str, Path]) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            _check(module, alias.name)
            module.targets[alias.asname or alias.name.partition(".")[0]] = Imported(alias.name)
        return
    for alias in node.names if node.module != "__future__" else ():
        origin, name = STAND_INS.get((node.module or "", alias.name), (node.module or "", alias.name))
        bound = alias.asname or alias.name
        if origin.partition(".")[0] not in roots:
            _check(module, origin)
            module.targets[bound] = Imported(origin, name)
        elif _file(f"{origin}.{name}", roots):
            module.imports.append(f"{origin}.{name}")
            module.targets[bound] = f"{origin}.{name}"
        else:
            module.imports.append(origin)
            module.targets[bound] = Symbol(origin, name)


def _check(module: Module, imported: str) -> None:
    if imported.partition(".")[0] not in sys.stdlib_module_names:
        raise ValueError(f"{module.path}: expected imports of ours or the standard library, got {imported}")
