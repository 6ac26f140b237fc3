"""Readers of the derived rows do not know the code that writes them."""

import ast
from pathlib import Path

import pytest
from gitdailies_dora import derived

DERIVED = Path(str(derived.__file__)).parent
PACKAGE = "gitdailies_dora.derived"


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports, and what it takes from them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize(("folder", "others"), [("model", ("read", "update")), ("read", ("update",))])
def test_readers_import_no_writer(folder: str, others: tuple[str, ...]) -> None:
    """`model` imports neither `read` nor `update`, and `read` does not import `update`."""
    files = list((DERIVED / folder).rglob("*.py"))
    assert len(files) > 3
    wrong = [
        (file.name, name)
        for file in files
        for name in imported(file)
        for other in others
        if f"{name}.".startswith(f"{PACKAGE}.{other}.")
    ]
    assert not wrong
