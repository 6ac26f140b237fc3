"""The documentation that the server has, and the links to it."""

import re
from pathlib import Path

import pytest
from gitdailies_connection import published
from gitdailies_dora.pages.frame import documentation
from gitdailies_dora.pages.frame.documentation import DOCS, HELP, ROOT, files, link
from gitdailies_dora.pages.settings import page_list
from gitdailies_dora.pages.settings.help_page import document

PAGES = [file for file in files().values() if file.endswith(".md")]


def links(file: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/[^"]*)"', document(file).html)


@pytest.mark.parametrize("name", DOCS)
def test_each_link_leads_to_a_heading(name: str) -> None:
    """A page shows what it names, without the project's files."""
    address, _, part = link(name).address.partition("#")
    shown = document(files()[address.removeprefix(f"{HELP}/")])
    assert not part or f'id="{part}"' in shown.html


def test_each_link_is_on_a_page() -> None:
    """No link is left over, and no page asks for one that does not exist."""
    templates = (ROOT / "dora/gitdailies_dora/pages/templates").glob("*/*.html")
    used = {name for file in templates for name in re.findall(r'docs\("(\w+)"\)', file.read_text())}
    assert used == set(DOCS)


@pytest.mark.parametrize("file", PAGES)
def test_each_link_of_the_documentation_leads_to_a_page_of_it(file: str) -> None:
    """The text of a page is the file's: links to headings, pictures and other pages are the server's own."""
    for address, _, part in (one.partition("#") for one in links(file)):
        aim = files()[address.removeprefix(f"{HELP}/")]
        assert not part or f'id="{part}"' in document(aim).html, (file, address, part)
    assert "<!--" not in document(file).html
    assert "[!" not in document(file).html


def test_a_link_to_another_file_leads_to_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release has its own version in the address. Before it, such a link is text."""
    assert documentation.address("../LICENSE", "docs/README.md") == ""
    monkeypatch.setattr(published, "address", {"Source": "https://code.example/a/tree/v1.2.0"}.get)
    assert (
        documentation.address("../LICENSE", "docs/README.md") == "https://code.example/a/blob/v1.2.0/LICENSE"
    )


def test_a_file_cannot_bring_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file says is text."""
    (tmp_path / "x.md").write_text("# T\n\n<script>alert(1)</script>\n")
    monkeypatch.setattr("gitdailies_dora.pages.settings.help_page.ROOT", tmp_path)
    assert "<script>" not in document("x.md").html
    document.cache_clear()


def test_programs_find_every_page_of_the_server() -> None:
    """Each page of the site is in llms.txt once, with its address here and what it is for."""
    listed = re.findall(
        r"^- \[.+\]\((/help/[^)]*)\): .+", page_list.llms(ROOT, documentation.address), re.MULTILINE
    )
    pages = list(page_list.read(ROOT).pages())
    assert [files()[address.removeprefix(f"{HELP}/")] for address in listed] == pages
