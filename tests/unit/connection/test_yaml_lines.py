"""Lines are added to gitdailies.yml and removed again, and every other byte stays."""

import pytest
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.yaml_lines import with_entry, without_entry
from gitdailies_core.errors import UsageError

LINES = ["tool:", "  adapter: tool", "  secrets: [{file: tool-secret}]"]
VALUE = {"adapter": "tool", "secrets": [{"file": "tool-secret"}]}
TEXTS = {
    "others": "sources:   # all\n  # one\n  other: {adapter: a}\n\n# the end\ndora: {}\n",
    "four spaces": "sources:\n    other:\n        adapter: a\n",
    "nothing under it": "sources:\n# a comment\ndora: {}\n",
    "the last line": "dora: {}\nsources:\n",
    "other ends of lines": "sources:\r\n  other: {adapter: a}\r\n",
    "quoted": '"sources":\n  other: {adapter: a}\n',
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_was_added_is_removed_again(name: str) -> None:
    """The entry is read as it was given, and without it the text is byte for byte as before."""
    text = TEXTS[name]
    written = with_entry(text, "sources", "tool", LINES, VALUE)

    assert yaml_document.parse(written, "f").value["sources"]["tool"] == VALUE
    assert without_entry(written, "sources", "tool", LINES) == text


def test_a_heading_that_is_missing_is_added() -> None:
    """A file without the heading gets it at its end."""
    written = with_entry("dora: {}", "sources", "tool", LINES, VALUE)
    assert written == "dora: {}\n\nsources:\n  tool:\n    adapter: tool\n    secrets: [{file: tool-secret}]\n"


@pytest.mark.parametrize(
    "text",
    [
        "sources:\n  tool:\n    adapter: tool\n    secrets: [{file: tool-secret}]\n    hold: 7m\n",
        "sources:\n  tool:\n    adapter: tool\n    secrets: [{file: tool-secret}]\n\n    # mine\n",
        "sources:\n  tool:\n    adapter: tool   # mine\n    secrets: [{file: tool-secret}]\n",
        "sources:\n  tool: {adapter: tool, secrets: [{file: tool-secret}]}\n",
        "sources:\n  other: {adapter: a}\n",
    ],
)
def test_an_entry_that_was_changed_is_not_removed(text: str) -> None:
    """More lines, comments of a person and another form stay."""
    with pytest.raises(UsageError, match=r"^sources\.tool: its lines were changed; remove them by hand"):
        without_entry(text, "sources", "tool", LINES)


@pytest.mark.parametrize(
    "text", ["sources: {other: {adapter: a}}\n", "sources: &all\n  other: {adapter: a}\n"]
)
def test_a_heading_in_another_form_is_left_alone(text: str) -> None:
    """Where lines cannot be added safely, the error says to write them by hand."""
    with pytest.raises(UsageError, match="written in braces or with an anchor; write the line by hand"):
        with_entry(text, "sources", "tool", LINES, VALUE)
