"""The imports and calls of a module, from its syntax tree alone."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Calls that import what their first argument names.
_IMPORTERS = {"import_module", "__import__"}
# Reading the clock, and opening files, by whatever object.
CLOCK = {"now", "utcnow", "today"}
FILES = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir"}
BUILTINS = {"open", "print", "input", "exec", "eval"}


@dataclass(frozen=True)
class Use:
    """A module that is imported, or a call that is made: where, and what."""

    line: int
    name: str


def imports(path: Path) -> Sequence[Use]:
    """Find every import of a module, at any depth, written out or by `import_module`.

    `from a import b` counts as `a.b`, which may be a module or a name in one.
    """
    return _read(path.read_text("utf-8"))[0]


def impure_calls(path: Path) -> Sequence[Use]:
    """Find every call that reads the clock, touches files or the terminal, or runs text as code."""
    return _read(path.read_text("utf-8"))[1]


def strings(path: Path) -> Sequence[str]:
    """Find every text in the code, docstrings included."""
    return _read(path.read_text("utf-8"))[2]


@cache
def _read(text: str) -> tuple[Sequence[Use], Sequence[Use], Sequence[str]]:
    nodes = list(ast.walk(ast.parse(text)))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return list(_imports(nodes)), list(_impure_calls(nodes)), texts


def _imports(nodes: Sequence[ast.AST]) -> Iterator[Use]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Use(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Use(node.lineno, "." * node.level + f"{node.module or ''}.{alias.name}")
        elif isinstance(node, ast.Call) and _called(node) in _IMPORTERS and node.args:
            argument = node.args[0]
            named = argument.value if isinstance(argument, ast.Constant) else None
            yield Use(node.lineno, named if isinstance(named, str) else "import_module(…)")


def _impure_calls(nodes: Sequence[ast.AST]) -> Iterator[Use]:
    for node in nodes:
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in (BUILTINS if isinstance(node.func, ast.Name) else CLOCK | FILES):
                yield Use(node.lineno, f"{name}()")


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
