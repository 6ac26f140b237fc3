"""What a scanner sees of the published steps: all of their Python, in every form, and no other code."""

import ast
import json
import re
import sys
from collections.abc import Iterator
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
PROGRAMS = sorted({program for held in HOLDERS.values() for program in held})
PLANTED = "subprocess.call(x, shell=True)"
# What runs a text as code, or code that no reader of the file sees.
HIDING = {"exec", "eval", "compile", "__import__", "import_module", "run_path"}

each_form = pytest.mark.parametrize("form", HOLDERS)


@cache
def planted(program: str) -> tuple[str, int]:
    """Plant a fault as the first line of the function in the middle; return its line, too."""
    lines = program.splitlines()
    functions = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.FunctionDef)]
    middle = min(functions, key=lambda node: abs(node.lineno - len(lines) // 2))
    row = middle.body[0].lineno
    indent = " " * middle.body[0].col_offset
    return "\n".join([*lines[: row - 1], indent + PLANTED, *lines[row - 1 :]]) + "\n", row


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """The lines where bandit finds a shell in each program with a fault, by the program without it."""
    folder = tmp_path_factory.mktemp("planted")
    every = {program: f"{number}.py" for number, program in enumerate(PROGRAMS)}
    for program, name in every.items():
        (folder / name).write_text(planted(program)[0])
    bandit = Path(sys.executable).with_name("bandit")
    done = ran([bandit, "-q", "-f", "json", "-t", "B602", "-r", "."], folder)
    results = json.loads(done.stdout)["results"]
    return {
        program: [one["line_number"] for one in results if Path(one["filename"]).name == name]
        for program, name in every.items()
    }


@each_form
def test_a_scanner_finds_a_fault_in_the_middle(form: str, found: dict[str, list[int]]) -> None:
    """bandit finds `shell=True` where it was planted, and nothing like it where it was not."""
    for program in HOLDERS[form]:
        assert found[program] == [planted(program)[1]]


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


@each_form
def test_no_code_in_a_text(form: str) -> None:
    """The Python of a form calls nothing that runs a text, and none of its texts is code."""
    for program in set(HOLDERS[form]):
        tree = ast.parse(program)
        called = {name_of(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not called & HIDING
        assert [text for text in texts(tree) if is_code(text)] == []


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


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield every text but docstrings."""
    statements = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements:
            yield node.value


def is_code(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Call)
    return any(isinstance(node, kinds) for node in ast.walk(tree))
