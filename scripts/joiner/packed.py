"""Pack a joined file where it is held by a manifest that a pipeline uses many times.

Comments, docstrings and empty lines go, then zlib and base64. `UNPACK` is Python that runs the result from
standard input. It has no quotes, because PowerShell 5.1 loses them in arguments.
"""

from __future__ import annotations

import ast
import base64
import io
import tokenize
import zlib
from collections.abc import Iterator
from functools import cache

UNPACK = "import binascii,sys,zlib;exec(zlib.decompress(binascii.a2b_base64(sys.stdin.buffer.read())))"


@cache
def packed(text: str) -> str:
    """Return *text* in one line of base64."""
    return base64.b64encode(zlib.compress(stripped(text).encode(), 9)).decode()


def unpacked(line: str) -> str:
    """Return what `packed` made of a text."""
    return zlib.decompress(base64.b64decode(line)).decode()


def stripped(text: str) -> str:
    """Return Python without comments, docstrings and empty lines. It does the same."""
    lines = text.splitlines()
    kept: dict[int, str] = dict(enumerate(lines, 1))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            kept[row] = lines[row - 1][:column].rstrip()
        if token.type in (tokenize.COMMENT, tokenize.NL) and not kept.get(row, "").strip():
            kept.pop(row, None)
    for first, last, indent, alone in _docstrings(ast.parse(text)):
        for row in range(first, last + 1):
            kept.pop(row, None)
        if alone:
            kept[first] = " " * indent + "pass"
    return "\n".join(kept[row] for row in sorted(kept)) + "\n"


def _docstrings(tree: ast.Module) -> list[tuple[int, int, int, bool]]:
    """Return the first and last line of each docstring, its indent, and whether it is the whole body."""
    found = []
    for node in _statements(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not node.body:
            continue
        first = node.body[0]
        if ast.get_docstring(node, clean=False) is not None:
            last = first.end_lineno or first.lineno
            found.append((first.lineno, last, first.col_offset, len(node.body) == 1))
    return found


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield *node* and the statements within it. No expression has a docstring."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from _statements(child)
