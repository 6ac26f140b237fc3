"""A line of a service in the text of gitdailies.yml: it is all that is new, wherever `services` is."""

from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.config_file import Change, ConfigFile
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.template import first_file
from gitdailies_core.errors import UsageError
from gitdailies_relay.api.service_writing import EDIT, REMOVE, NewLine, with_line
from hypothesis import given
from hypothesis import strategies as st

ATTIC = NewLine("attic", "larkspur/attic")
FIRST = first_file(url="http://127.0.0.1:8700/webhooks", key={"file": "key"}, example=True)
TEXTS = {
    "the first file": FIRST,
    "no example": first_file(url="http://127.0.0.1:8700/webhooks", key={"file": "key"}),
    "comments": "# a\nservices:   # b\n    # c\n    shop: {repo: a/shop}   # d\n\n# e\ndora:\n",
    "nothing under it": "services:\n# only a comment\ndora: {timezone: UTC}\n",
    "the last line": "dora: {timezone: UTC}\nservices:",
    "no services": "dora: {timezone: UTC}",
    "other ends of lines": "services:\r\n  shop: {repo: a/shop}\r\n",
    "quoted": '"services":\n  "shop": {repo: a/shop}\n',
    "an anchor inside": "services:\n  shop: &s {repo: a/shop}\n  shop-2: *s\n",
}
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@pytest.mark.parametrize("name", TEXTS)
def test_one_line_is_all_that_is_new(name: str) -> None:
    """Every line is there as it was, comments and spaces included, and one more under services."""
    text = TEXTS[name]
    written = with_line(text, ATTIC)
    rest = [line for line in written.splitlines() if "attic" not in line]
    had = text.splitlines()
    assert [line for line in rest if line not in ("", "services:")] == [
        line for line in had if line not in ("", "services:")
    ]
    assert yaml_document.parse(written, "f").value["services"]["attic"] == {"repo": "larkspur/attic"}


@given(NAMES, st.from_regex(r"[a-z]{1,9}/[a-z.-]{1,9}", fullmatch=True), NAMES, st.booleans())
def test_any_name_is_read_as_it_was_given(service: str, repo: str, environment: str, ignore: bool) -> None:
    """Whatever a tool calls its service, the line that is written names exactly that."""
    line = NewLine(service, ignore=True) if ignore else NewLine(service, repo, environment)
    if service == "*":
        return
    written = with_line("services:\n  0: {repo: a/shop}\n" if service != "0" else "services:\n", line)
    assert yaml_document.parse(written, "f").value["services"][service] == line.value()


def edit(service: str, change: str = EDIT, **more: Any) -> NewLine:
    return NewLine(service, change=change, **{"repo": "larkspur/attic", **more})


LINES = (
    "services:\n  # ids\n  PATTIC: {repo: a/b, service: web}   # Attic\n  shop: {ignore: true}\ndora: {}\n"
)


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        (edit("pattic"), "{repo: a/b, service: web}", "{repo: larkspur/attic}"),
        (edit("pattic", counts_as="web"), "a/b", "larkspur/attic"),
        (edit("pattic", counts_as=""), "{repo: a/b, service: web}", '{repo: larkspur/attic, service: ""}'),
        (
            edit("PATTIC", environment="qa"),
            "{repo: a/b, service: web}",
            "{repo: larkspur/attic, environment: qa}",
        ),
        (edit("PATTIC", ignore=True), "{repo: a/b, service: web}", "{ignore: true}"),
        (edit("shop", repo="a/shop"), "{ignore: true}", "{repo: a/shop}"),
        (edit("shop", REMOVE), "  shop: {ignore: true}\n", ""),
    ],
)
def test_a_line_is_changed_and_its_comment_stays(line: NewLine, before: str, after: str) -> None:
    """Only the braces change, in any case of the name, and they say what was given."""
    assert with_line(LINES, line) == LINES.replace(before, after)


def test_an_id_has_the_name_as_a_comment() -> None:
    """The line has the id, which stays, and the name behind it on the same line."""
    line = NewLine("P0ATTIC", "larkspur/attic", name="The\n Attic")
    assert with_line("services:\n", line) == 'services:\n  "P0ATTIC": {repo: larkspur/attic}  # The Attic\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("services: {shop: {repo: a/shop}}\n", ATTIC, "written in braces"),
        ("services: &all\n  shop: {repo: a/shop}\n", ATTIC, "with an anchor"),
        ("services: [shop]\n", ATTIC, "expected a mapping"),
        ("services:\n  Attic: {repo: a/b}\n", ATTIC, "has a line already, line 2"),
        ("services:\n", NewLine("*", "a/b"), "the line of every other service"),
        ("services:\n  shop: {repo: a/b}\n", edit("attic"), "has no line in gitdailies.yml itself"),
        ("services:\n  attic:\n    repo: a/b\n", edit("attic"), "line 2 is not written in braces alone"),
        ("services:\n  attic: [{repo: a/b}, {repo: a/c}]\n", edit("attic"), "line 2 is not written in"),
        ("services:\n  attic: &a {repo: a/b}\n  shop: *a\n", edit("attic"), "change it by hand"),
        ("services:\n  '*': {repo: 'a/{slug}'}\n", edit("*"), "the line of every other service"),
    ],
)
def test_what_cannot_be_added_to_is_left_alone(text: str, line: NewLine, said: str) -> None:
    """Where a line cannot be added safely, the error says so, and to write it by hand."""
    with pytest.raises(UsageError, match=said):
        with_line(text, line)


def add(path: Path, line: NewLine) -> Change:
    return ConfigFile(path).change(lambda text: with_line(text, line))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gitdailies.yml"
    path.write_text(FIRST)
    path.chmod(0o640)
    return path


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(file: Path) -> None:
    """The file is replaced where it is, with its own mode, and nothing else is left in its folder."""
    link = file.parent / "link" / "gitdailies.yml"
    link.parent.mkdir()
    link.symlink_to(file)
    add(link, ATTIC)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text() == with_line(FIRST, ATTIC)
    assert sorted(path.name for path in file.parent.iterdir()) == ["gitdailies.yml", "link"]


def test_a_change_of_somebody_else_is_never_lost(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes while a line is written is left as it is, and the error says to try again."""
    chmod = Path.chmod

    def changed_meanwhile(path: Path, mode: int) -> None:
        chmod(path, mode)
        file.write_text(f"{FIRST}# by hand\n")

    monkeypatch.setattr(Path, "chmod", changed_meanwhile)
    with pytest.raises(UsageError, match="it was changed at the same time"):
        add(file, ATTIC)
    assert file.read_text() == f"{FIRST}# by hand\n"
    assert len(list(file.parent.iterdir())) == 1
