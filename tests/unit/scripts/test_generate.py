"""The check that generated files are as their sources have them, which `make lint` runs, can fail."""

from pathlib import Path

import pytest

from scripts import generate
from scripts.generators import replace


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    """A file that differs or is missing is stale, and an equal one is not."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name, text in (("fresh", "same"), ("stale", "old"), ("absent", None)):
        if text is not None:
            (tmp_path / name).write_text(text)
    found = {"fresh": "same", "stale": "new", "absent": "new"}

    assert set(generate.differing(found, tmp_path)) == {"stale", "absent"}


def test_a_section() -> None:
    """The text between two marks is replaced, and nothing around it."""
    text = "before\n<!-- generated: inputs -->\nold\n<!-- end: inputs -->\nafter\n"

    assert replace(text, "inputs", "new") == (
        "before\n<!-- generated: inputs -->\n\nnew\n\n<!-- end: inputs -->\nafter\n"
    )


@pytest.mark.parametrize("text", ["", "<!-- generated: a -->\n", "<!-- end: a --><!-- generated: a -->\n"])
def test_a_missing_mark(text: str) -> None:
    """A file without its marks is refused, so that no table is lost silently."""
    with pytest.raises(ValueError, match="a: expected"):
        replace(text, "a", "x")
