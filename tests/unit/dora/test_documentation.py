"""Links of the pages to the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gitdailies_connection import published
from gitdailies_dora.pages.frame.documentation import DOCS, link

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", DOCS)
def test_each_link_leads_to_a_heading(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a release, a page names the file. A release has its own version in the address."""
    file, _, part = DOCS[name][0].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert not part or part in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings]
    assert link(name).address == ""
    monkeypatch.setattr(published, "address", {"Source": "https://code.example/a/tree/v1.2.0"}.get)
    assert link(name).address == f"https://code.example/a/blob/v1.2.0/{DOCS[name][0]}"


def test_each_link_is_on_a_page() -> None:
    """No link is left over, and no page asks for one that does not exist."""
    templates = (ROOT / "dora/gitdailies_dora/pages/templates").glob("*/*.html")
    used = {name for file in templates for name in re.findall(r'docs\("(\w+)"\)', file.read_text())}
    assert used == set(DOCS)
