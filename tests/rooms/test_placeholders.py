"""No file of the project has a name that somebody was to fill in; project.toml alone has names to decide."""

from scripts.releasing import plan
from tests.rooms.test_house import ROOT, TRACKED


def test_no_placeholder() -> None:
    """Each file names what exists, or says that nothing is published yet."""
    found = [
        f"{name}:{line}: {text}"
        for name in TRACKED
        for line, text in plan.placeholders((ROOT / name).read_bytes().decode("utf-8", "replace"))
    ]

    assert len(TRACKED) > 500
    assert found == []
