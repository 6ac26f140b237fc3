"""Pages written for GitHub as the site has them: lists, links, and what programs read."""

from pathlib import Path

import pytest
from gitdailies_dora.pages.frame.documentation import place
from gitdailies_dora.pages.settings import page_list

from scripts.docs_site import pages

ROOT = Path(__file__).resolve().parents[3]
KNOWN = frozenset({"docs/README.md", "docs/do/tls.md", "docs/relay.md", "pagerduty-adapter/README.md"})


def page(text: str, path: str = "docs/do/tls.md") -> pages.Page:
    return pages.page_of(
        path, text, KNOWN, lambda aim: aim in ("deployment/compose.yaml", "docs/images/a.png")
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[a](../relay.md#limits)", "[a](../relay.md#limits)"),
        ("[a](../../pagerduty-adapter/README.md)", "[a](../tools/pagerduty.md)"),
        ("[a](../README.md)", "[a](../index.md)"),
        ("[a](../../deployment/compose.yaml)", "[a](../files/deployment/compose.yaml)"),
        ("![a](../images/a.png)", "![a](../files/docs/images/a.png)"),
        ("[deployment/grafana](../../deployment/grafana)", "deployment/grafana"),
        ("[a](https://example.com/x.md) [b](#here)", "[a](https://example.com/x.md) [b](#here)"),
        (
            "```text\n[a](../relay.md)\n[b](../nothing)\n```",
            "```text\n[a](../relay.md)\n[b](../nothing)\n```",
        ),
    ],
)
def test_a_link_leads_to_a_page_or_a_file_of_the_site(written: str, expected: str) -> None:
    """A page keeps its anchor, a file is copied, a folder is text, code stays as it is."""
    assert page(f"# T\n\n{written}\n").text == f"# T\n\n{expected}\n"


def test_files_that_are_linked_are_named() -> None:
    """The site gets a copy of each."""
    text = "# T\n\n[a](../../deployment/compose.yaml) ![b](../images/a.png) [c](../relay.md)\n"

    assert page(text).files == ("deployment/compose.yaml", "docs/images/a.png")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1. a\n\n   b\n2. c", "1.  a\n\n    b\n2.  c"),
        ("* a\n  b\n\nc", "*   a\n    b\n\nc"),
        ("1. a\n\n   ```sh\n   b\n   ```\n", "1.  a\n\n    ```sh\n    b\n    ```"),
        ("10. a\n    b", "10. a\n    b"),
        ("* a\n  * b\n    c", "*   a\n    *   b\n        c"),
        ("```text\n* a\n  b\n```", "```text\n* a\n  b\n```"),
        ("* a\n\n\nb", "*   a\n\n\nb"),
    ],
)
def test_what_belongs_to_an_item_is_four_columns_in(written: str, expected: str) -> None:
    """At any depth, and not inside of code."""
    assert "\n".join(pages.indented(written.splitlines())) == expected


def test_a_promise_is_read() -> None:
    """It may go over two lines; a page without one has none, and none further down counts."""
    assert page_list.promise("# T\n\n**For:** a\nb. **At the end:** c\nd.\n\nx\n") == ("a b", "c d.")
    assert page_list.promise("# T\n\nx\n") is None
    assert page_list.promise("# T\n\nx\n\n## U\n\n**For:** a. **At the end:** b.\n") is None


def test_programs_get_a_list_of_all_pages(tmp_path: Path) -> None:
    """`llms.txt` has each page under its part, with its title and what its reader has at the end."""
    (tmp_path / "docs/do").mkdir(parents=True)
    (tmp_path / "docs/do/tls.md").write_text("# `T`\n\n**For:** a. **At the end:** b.\n")
    (tmp_path / "docs/relay.md").write_text("# R\n\n<!-- a -->\n\nThe x\ny. It.\n")
    (tmp_path / "docs/site.toml").write_text(
        'name = "N"\n[[part]]\ntitle = "Do"\n[[part.group]]\npages = ["docs/do/tls.md"]\n'
        '[[part.group]]\ntitle = "G"\npages = ["docs/r*.md"]\n'
    )

    text = page_list.llms(tmp_path, place)
    assert text.startswith("# N\n\n> ")
    assert text.partition("## Do\n\n")[2] == "- [T](do/tls.md): b.\n- [R](relay.md): The x y.\n"


def test_a_page_without_a_place_is_named() -> None:
    """The error says where to add one."""
    with pytest.raises(ValueError, match=r"relay/x\.md: expected a file with a place"):
        place("relay/x.md")


def test_a_page_that_is_missing_is_named(tmp_path: Path) -> None:
    """A wrong path in the site's tree does not pass."""
    site = 'name = "N"\n[[part]]\ntitle = "P"\n[[part.group]]\npages = ["docs/a.md"]\n'
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "site.toml").write_text(site)

    with pytest.raises(ValueError, match=r"docs/site\.toml: expected a page docs/a\.md, got none"):
        page_list.read(tmp_path)
