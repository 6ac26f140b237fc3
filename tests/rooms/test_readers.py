"""Readers of the derived rows do not know the code that writes them."""

from pathlib import Path

import pytest
from gitdailies_dora import derived

from tests.rooms.reading import imports

DERIVED = Path(str(derived.__file__)).parent
PACKAGE = "gitdailies_dora.derived"


@pytest.mark.parametrize(("folder", "others"), [("model", ("read", "update")), ("read", ("update",))])
def test_readers_import_no_writer(folder: str, others: tuple[str, ...]) -> None:
    """`model` imports neither `read` nor `update`, and `read` does not import `update`."""
    files = list((DERIVED / folder).rglob("*.py"))
    assert len(files) > 3
    wrong = [
        (file.name, use.name)
        for file in files
        for use in imports(file)
        for other in others
        if f"{use.name}.".startswith(f"{PACKAGE}.{other}.")
    ]
    assert not wrong
