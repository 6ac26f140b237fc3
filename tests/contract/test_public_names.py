"""Names that users rely on change only on purpose: see docs/compatibility.md."""

from tests.support.public_names import FILE, names

WRITE = "run `.venv/bin/python -m tests.support.public_names`"


def test_no_public_name_is_gone() -> None:
    """Every name that was public still exists. docs/compatibility.md says when one may be removed."""
    gone = sorted(set(FILE.read_text("utf-8").splitlines()) - set(names()))

    assert gone == [], f"deprecate them first; if docs/compatibility.md allows it, {WRITE}"


def test_no_name_becomes_public_unnoticed() -> None:
    """A new name is in the list, so that a review sees it."""
    new = sorted(set(names()) - set(FILE.read_text("utf-8").splitlines()))

    assert new == [], f"if they are to be kept from now on, {WRITE}"
