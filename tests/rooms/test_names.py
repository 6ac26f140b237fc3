"""What docstrings and comments name by its path exists there."""

import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.rooms.rules import rooms

ROOT = Path(__file__).resolve().parents[2]
DOTTED = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)+)`")


def _wrong(base: Path, text: str) -> Iterator[str]:
    """Yield the names whose first part is in the package at *base*, and that do not exist."""
    for name in DOTTED.findall(text):
        first = base / name.partition(".")[0]
        if first.is_dir() or first.with_suffix(".py").is_file():
            try:
                resolve_name(f"{base.name}.{name}")
            except (ImportError, AttributeError):
                yield name


@pytest.mark.parametrize("room", rooms(ROOT))
def test_names_lead_to_what_they_name(room: str) -> None:
    """A dotted name in backticks that begins with a module of its room is one that can be imported."""
    base = ROOT / room / rooms(ROOT)[room]
    texts = ((path.relative_to(base), path.read_text("utf-8")) for path in sorted(base.rglob("*.py")))

    assert [f"{path}: {name}" for path, text in texts for name in _wrong(base, text)] == []
