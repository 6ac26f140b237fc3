"""The imports and calls of a module, from its syntax tree alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
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


def imports(path: Path) -> Iterator[Use]:
    """Find every import of a module, at any depth, written out or by `import_module`.

    `from a import b` counts as `a.b`, which may be a module or a name in one.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
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


def impure_calls(path: Path) -> Iterator[Use]:
    """Find every call that reads the clock, touches files or the terminal, or runs text as code."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in (BUILTINS if isinstance(node.func, ast.Name) else CLOCK | FILES):
                yield Use(node.lineno, f"{name}()")


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def strings(path: Path) -> Iterator[str]:
    """Find every text in the code, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
