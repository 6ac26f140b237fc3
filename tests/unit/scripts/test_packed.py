"""Packed Python does what it did before."""

import ast
import subprocess
import sys
from pathlib import Path

from scripts.joiner import one_file
from scripts.joiner.packed import UNPACK, packed, stripped, unpacked

ROOT = Path(__file__).resolve().parents[3]
TEXT = '''#!/usr/bin/env python3
"""About."""

# A comment.
class Empty:
    """Nothing else."""


def said(name: str = "#1") -> str:  # a remark
    """Say it.

    In two parts.
    """
    # A comment of its own line.
    text = f"""first

# no comment
  {name}"""  # another

    return (
        text
        # inside
        + "#"
    )


print(said(), Empty.__doc__)
'''


def run(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-S", *arguments], input=given, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_goes_and_what_stays() -> None:
    """Comments, docstrings and empty lines go; texts of several lines stay as they are."""
    short = stripped(TEXT)

    assert short.splitlines() == [
        "class Empty:",
        "    pass",
        'def said(name: str = "#1") -> str:',
        '    text = f"""first',
        "",
        "# no comment",
        '  {name}"""',
        "    return (",
        "        text",
        '        + "#"',
        "    )",
        "print(said(), Empty.__doc__)",
    ]
    assert run("-c", short) == run("-c", TEXT).replace("Nothing else.", "None")


def test_it_runs_from_standard_input() -> None:
    """What is packed runs by the words of UNPACK, as a program of its own."""
    line = packed("import sys\nif __name__ == '__main__':\n    print('Zürich')\n")

    assert run("-X", "utf8", "-c", UNPACK, given=line) == "Zürich\n"


def test_the_step_is_the_same() -> None:
    """The step, packed, has the same statements but for docstrings."""
    text = one_file.step_of(ROOT, "jenkins")

    assert ast.dump(bare(ast.parse(unpacked(packed(text))))) == ast.dump(bare(ast.parse(text)))


def bare(tree: ast.Module) -> ast.Module:
    """Remove each docstring, and write `pass` where a body had nothing else."""
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
