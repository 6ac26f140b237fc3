"""Read PowerShell without running it: no package registry has one that is not downloaded elsewhere."""

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_powershell

# What the scripts call of PowerShell's own.
THEIRS = frozenset(
    {
        *("Add-Type", "ConvertFrom-Json", "ConvertTo-Json", "ForEach-Object", "Get-ChildItem", "Get-Command"),
        *("Get-Random",),
        *("Invoke-RestMethod", "Join-Path", "New-Object", "Out-Null", "Select-Object", "Start-Sleep"),
        *("Where-Object", "Write-Host"),
    }
)


def parsed(source: str) -> tree_sitter.Node:
    """Return the syntax tree of a script."""
    language = tree_sitter.Language(tree_sitter_powershell.language())
    return tree_sitter.Parser(language).parse(source.encode()).root_node


def nodes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield a node and all below it."""
    yield node
    for child in node.children:
        yield from nodes(child)


def faults(root: tree_sitter.Node) -> list[str]:
    """Return the places where a script is no PowerShell."""
    return [
        f"line {node.start_point[0] + 1}: {(node.text or b'')[:60]!r}"
        for node in nodes(root)
        if node.is_missing or node.type == "ERROR"
    ]


def functions(root: tree_sitter.Node) -> dict[str, str]:
    """Return the text of each function by its name."""
    found = {}
    for node in nodes(root):
        if node.type == "function_statement":
            name = next(child for child in node.children if child.type == "function_name")
            found[(name.text or b"").decode()] = (node.text or b"").decode()
    return found


def called(root: tree_sitter.Node) -> set[str]:
    """Return every Verb-Noun that a script calls."""
    return {
        (node.text or b"").decode()
        for node in nodes(root)
        if node.type == "command_name" and re.fullmatch(rb"[A-Z][A-Za-z]+-[A-Za-z]+", node.text or b"")
    }
