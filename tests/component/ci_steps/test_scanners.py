"""What a scanner sees of the published steps: all of their Python, in every form, and no other code."""

import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from scripts import dist, joiner
from scripts.platforms import folders
from tests.support.once import made_once
from tests.support.programs import ran
from tests.support.published_python import programs
from tests.support.steps import ROOT

BUILT = made_once("dist-of-all", dist.build)
HOLDERS = {
    file.relative_to(BUILT).as_posix(): held
    for file in sorted(BUILT.rglob("*"))
    if file.is_file() and (held := programs(file))
}
# Each program, and the first form that holds it.
PROGRAMS = {program: form for form in reversed(HOLDERS) for program in HOLDERS[form]}
PLANTED = "subprocess.call(x, shell=True)"
# What runs a text as code, or code that no reader of the file sees.
HIDING = {"exec", "eval", "compile", "__import__", "import_module", "run_path"}

each_form = pytest.mark.parametrize("form", HOLDERS)


def planted(program: str) -> tuple[str, int]:
    """Plant a fault as the first line of the function in the middle; return its line, too."""
    lines = program.splitlines()
    functions = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.FunctionDef)]
    middle = min(functions, key=lambda node: abs(node.lineno - len(lines) // 2))
    row = middle.body[0].lineno
    indent = " " * middle.body[0].col_offset
    return "\n".join([*lines[: row - 1], indent + PLANTED, *lines[row - 1 :]]) + "\n", row


def test_a_scanner_finds_a_fault_in_the_middle(tmp_path: Path) -> None:
    """bandit finds `shell=True` where it was planted in each program, and nothing like it elsewhere."""
    expected = []
    for number, program in enumerate(PROGRAMS):
        text, row = planted(program)
        (tmp_path / f"{number}.py").write_text(text)
        expected.append((f"./{number}.py", row))
    bandit = Path(sys.executable).with_name("bandit")
    done = ran([bandit, "-q", "-f", "json", "-t", "B602", "-r", "."], tmp_path)
    found = [(one["filename"], one["line_number"]) for one in json.loads(done.stdout)["results"]]

    assert sorted(found) == sorted(expected)


@each_form
def test_the_python_of_a_form_is_its_platform_s_step(form: str) -> None:
    """Each form holds the step of its platform whole, and no other Python."""
    module = form.partition("/")[0]
    expected = joiner.step(ROOT) if form == joiner.STEP.name else joiner.step_of(ROOT, module)

    assert set(HOLDERS[form]) == {expected}


def test_every_platform_has_the_step_as_a_file() -> None:
    """For every platform there is the plain file, which scanners read as it is."""
    plain = {form.partition("/")[0] for form in HOLDERS if form.endswith("/report_deploy.py")}

    assert plain == {folder.module for folder in folders(ROOT)}


def test_no_file_hides_code() -> None:
    """No published file gives Python a text to run as an argument, and none holds packed bytes."""
    for file in BUILT.rglob("*"):
        if file.is_file() and file.name != dist.SUMS:
            text = file.read_text("utf-8")
            # What is decoded are the claims of an ID token, to see for whom it is.
            text = re.sub(
                r'base64\.urlsafe_b64decode\(token\.split\(\\?"\.\\?"\)\[1\] \+ \\?"==\\?"\)', "", text
            )
            assert not re.search(r"\bpython\S*( -\w)* -c\b|-S -c\b|base64 -d|b64decode\(", text), file
            assert not re.search(r"[A-Za-z0-9+/]{200,}", text), file


@pytest.mark.parametrize("program", PROGRAMS, ids=PROGRAMS.values())
def test_no_code_in_a_text(program: str) -> None:
    """The Python of a form calls nothing that runs a text, and none of its texts is code."""
    nodes = list(ast.walk(ast.parse(program)))
    called = {name_of(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert not called & HIDING
    assert [text for text in texts(nodes) if is_code(text)] == []


@pytest.mark.parametrize("text", ["import os\nos.remove('x')", "print(1)", "def a():\n    return 1"])
def test_code_in_a_text_is_seen(text: str) -> None:
    """The check above takes these texts for code, and no message for one."""
    assert is_code(text)
    assert not is_code("git is not installed, or cannot be run")


def name_of(function: ast.expr) -> str:
    """Return the name of a function that is built in or imported. `re.compile` is none of Python's code."""
    if isinstance(function, ast.Attribute):
        return "" if function.attr == "compile" else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def texts(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield every text but docstrings."""
    statements = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements:
            yield node.value


@cache
def is_code(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Call)
    return any(isinstance(node, kinds) for node in ast.walk(tree))
