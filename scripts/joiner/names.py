"""The names in a statement at the top of a module: those it takes from outside, and those it defines.

A joined file has no annotations but those of fields, so names in others do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """A name and its place. As in `ast`, lines count from 1, and columns are UTF-8 bytes.

    `attribute` is the name after its dot, or "".
    """

    name: str
    line: int
    start: int
    end: int
    attribute: str = ""
    attribute_end: int = 0
    annotation: bool = False


@dataclass(frozen=True)
class Names:
    """The names that a statement uses from outside, and those that it defines for outside."""

    uses: tuple[Use, ...]
    defines: tuple[Use, ...]
    # Every name after a dot, of any object.
    attributes: frozenset[str]

    @classmethod
    def of(cls, node: ast.stmt) -> Names:
        reader = _Reader()
        reader.visit(node)
        attributes = frozenset(item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute))
        return cls(tuple(reader.uses), tuple(_defined(node)), attributes)


def bindings(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the names that statements bind in their own scope, in order."""
    found: dict[str, None] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = None
            continue
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gitdailies_"):
            # The joiner removes it. Its names are then those of the file.
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        elif isinstance(node, ast.alias):
            found[node.asname or node.name.split(".")[0]] = None
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found[node.name] = None
        waiting.extend(ast.iter_child_nodes(node))
    return list(found)


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.uses: list[Use] = []
        # A function's names are also visible in the scopes inside it, a class's names only in itself.
        self._scopes: list[set[str]] = []
        self._class: set[str] = set()
        self._annotation = False

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            self._use(node.value, node.attr, node.end_col_offset or 0)
        else:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._arguments(node.args)
        inner = bindings(node.body) + [argument.arg for argument in _all(node.args)]
        outside = {name for item in ast.walk(node) if isinstance(item, ast.Global) for name in item.names}
        self._inside(set(inner) - outside, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._arguments(node.args)
        self._inside({argument.arg for argument in _all(node.args)}, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outer in (*node.decorator_list, *node.bases):
            self.visit(outer)
        before, self._class = self._class, set(bindings(node.body))
        for statement in node.body:
            self.visit(statement)
        self._class = before

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # Only a class's fields keep theirs.
        if self._class and not self._scopes:
            self._annotated(node.annotation)
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def _comprehension(self, node: ast.AST) -> None:
        bound = {
            name.id
            for item in ast.walk(node)
            if isinstance(item, ast.comprehension)
            for name in ast.walk(item.target)
            if isinstance(name, ast.Name)
        }
        self._scopes.append(bound)
        self.generic_visit(node)
        self._scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _inside(self, bound: set[str], body: Iterable[ast.AST]) -> None:
        before, self._class = self._class, set()
        self._scopes.append(bound)
        for node in body:
            self.visit(node)
        self._scopes.pop()
        self._class = before

    def _arguments(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *(item for item in arguments.kw_defaults if item)):
            self.visit(default)

    def _annotated(self, node: ast.expr) -> None:
        before, self._annotation = self._annotation, True
        self.visit(node)
        self._annotation = before

    def _use(self, node: ast.Name, attribute: str = "", attribute_end: int = 0) -> None:
        # An annotation means the module's names, even if a field or an argument has the same name.
        hidden = () if self._annotation else (*self._scopes, self._class)
        if any(node.id in scope for scope in hidden):
            return
        if isinstance(node.ctx, ast.Store) and not self._scopes and not self._class:
            return
        end = node.end_col_offset or 0
        self.uses.append(
            Use(node.id, node.lineno, node.col_offset, end, attribute, attribute_end, self._annotation)
        )


def annotated(node: ast.stmt) -> Iterator[tuple[int, int, ast.expr]]:
    """Yield the annotations in a statement but for those of fields: the line and the column of each, and it.

    The column is that of the colon, or of the space before an arrow.
    """
    if isinstance(node, ast.AnnAssign) and node.value:
        yield node.lineno, node.target.end_col_offset or 0, node.annotation
    for item in ast.walk(node):
        if isinstance(item, ast.FunctionDef):
            for argument in _all(item.args):
                if argument.annotation:
                    name = argument.col_offset + len(argument.arg)
                    yield argument.lineno, name, argument.annotation
            if item.returns:
                yield item.returns.lineno, item.returns.col_offset - len(" -> "), item.returns
            for inner in ast.walk(item):
                if isinstance(inner, ast.AnnAssign) and inner.value:
                    yield inner.lineno, inner.target.end_col_offset or 0, inner.annotation


def _all(arguments: ast.arguments) -> list[ast.arg]:
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]


def _defined(node: ast.stmt) -> Iterable[Use]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        start = node.col_offset + len("def " if isinstance(node, ast.FunctionDef) else "class ")
        yield Use(node.name, node.lineno, start, start + len(node.name))
        return
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            yield Use(item.id, item.lineno, item.col_offset, item.end_col_offset or 0)
